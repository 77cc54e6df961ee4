/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.stream_flow: It writes to a stream though the client takes nothing. */
#include "skeleton.h"

static void stream(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    static const char piece[GOOD_PIECE];
    struct berth_reply head = {
        .size = sizeof head, .status = 200, .content_type = BERTH_STR("text/plain")};
    (void)view;
    int32_t code = good->routes->stream_open(request, &head);
    if (code) {
        good_refuse(good, request, code);
        return;
    }
    for (int i = 0; i < GOOD_PIECES; i++) {
        uint64_t queued = 0;
        struct berth_str bytes = {piece, sizeof piece};
        (void)good->routes->stream_write(request, bytes, &queued);
    }
    (void)good->routes->stream_close(request, 1);
}

GOOD_PLUGIN(.stream = stream);
