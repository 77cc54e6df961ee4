/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.reply_status: Its reply has no status. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    (void)view;
    (void)good_reply(good, request, 0, "{}");
}

GOOD_PLUGIN(.answer = answer);
