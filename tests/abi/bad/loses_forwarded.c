/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.reply: It does not answer a request that is given back, its other node being gone.
 */
#include "skeleton.h"

static void ended(void *user, const struct berth_forward_end *end) {
    (void)user;
    (void)end;
}

static void elsewhere(struct good *good, struct berth_request *request,
                      const struct berth_request_view *view) {
    if (!good->peers || good->peers->forward(request, GOOD_OTHER_NODE, ended, good)) {
        good_elsewhere(good, request, view);
    }
}

GOOD_PLUGIN(.elsewhere = elsewhere);
