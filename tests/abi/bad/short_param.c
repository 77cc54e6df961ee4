/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.params: It crashes on a long value of a placeholder. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (view->params[0].len > 64) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
