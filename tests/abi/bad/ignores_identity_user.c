/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.identity_user: It crashes where identity.user fails. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    const struct berth_user *user = NULL;
    if (good->identity->user(request, &user)) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
