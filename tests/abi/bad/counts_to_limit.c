/* SPDX-License-Identifier: Apache-2.0 */
/* @check threads.load: It has room for three hundred requests. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (atomic_load(&good->requests) > 300) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
