/* SPDX-License-Identifier: Apache-2.0 */
/* @check versions.larger_objects: It crashes on a larger view of a request. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (view->size != sizeof *view) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
