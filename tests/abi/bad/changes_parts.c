/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.reply_parts: It changes a reply's parts before they are released. */
#include "skeleton.h"

static void released(void *owner) {
    (void)owner;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    static char text[] = "{\"a\":1}";
    struct berth_str part = {text, sizeof text - 1};
    struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &part, .part_count = 1, .release = released};
    (void)view;
    (void)good->routes->reply(request, &reply);
    text[2] = text[2] == 'a' ? 'b' : 'a';
}

GOOD_PLUGIN(.answer = answer);
