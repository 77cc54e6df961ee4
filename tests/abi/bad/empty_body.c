/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.bodies: It crashes on a request without a body. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    if (view->body.len == 0) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
