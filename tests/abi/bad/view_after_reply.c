/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.views: It reads the view of a request after the reply. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    good_answer(good, request, view);
    atomic_fetch_add(&good->requests, (uint32_t)(unsigned char)view->path.ptr[0]);
}

GOOD_PLUGIN(.answer = answer);
