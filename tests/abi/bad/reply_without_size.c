/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.reply_size: Its reply does not say its size. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_reply reply = {.status = 204};
    (void)view;
    (void)good->routes->reply(request, &reply);
}

GOOD_PLUGIN(.answer = answer);
