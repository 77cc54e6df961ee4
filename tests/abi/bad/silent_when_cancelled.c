/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.cancelled: It does not reply to a request that is cancelled already. */
#include "skeleton.h"

static void cancelled(void *user) {
    *(bool *)user = true;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    bool gone = false;
    (void)good->routes->on_cancel(request, cancelled, &gone);
    if (!gone) {
        (void)good->routes->on_cancel(request, NULL, NULL);
        good_answer(good, request, view);
    }
}

GOOD_PLUGIN(.answer = answer);
