/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.identity_may: It crashes where identity.may fails. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (good->identity->may(request, BERTH_STR("cluster:admin/good"))) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
