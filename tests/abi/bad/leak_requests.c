/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.leak_requests: What it allocates for a request is never freed. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    good->own = malloc(10);
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
