/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.random_bodies: It crashes on a certain byte in a body. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    if (view->body.len && memchr(view->body.ptr, 0xc3, (size_t)view->body.len)) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
