/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.peers_forward: It crashes where peers.forward fails otherwise than it expects. */
#include "skeleton.h"

static void back(void *user, const struct berth_forward_end *end) {
    (void)user;
    (void)end;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (good->peers &&
        good->peers->forward(request, BERTH_STR("other"), back, good) != BERTH_E_NOT_FOUND) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
