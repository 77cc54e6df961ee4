/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.routes_on_cancel: It crashes where routes.on_cancel fails. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (good->routes->on_cancel(request, NULL, NULL)) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
