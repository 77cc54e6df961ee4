/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.reply_headers: A header of its reply has a line end within. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    const struct berth_header header = {BERTH_STR("X-Good"), BERTH_STR("1\r\nX-Bad: 2")};
    struct berth_reply reply = {
        .size = sizeof reply, .status = 204, .headers = &header, .header_count = 1};
    (void)view;
    (void)good->routes->reply(request, &reply);
}

GOOD_PLUGIN(.answer = answer);
