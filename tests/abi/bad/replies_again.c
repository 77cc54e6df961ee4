/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.failing_reply: When a reply fails it replies again. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    (void)view;
    int32_t code = good_reply(good, request, 200, "{}");
    if (code) {
        good_refuse(good, request, code);
    }
}

GOOD_PLUGIN(.answer = answer);
