/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.stream_write: It crashes where stream.write fails. */
#include "skeleton.h"

static void stream(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_reply head = {
        .size = sizeof head, .status = 200, .content_type = BERTH_STR("text/plain")};
    uint64_t queued = 0;
    (void)view;
    int32_t code = good->routes->stream_open(request, &head);
    if (code) {
        good_refuse(good, request, code);
        return;
    }
    if (good->routes->stream_write(request, BERTH_STR("text"), &queued) == BERTH_E_LIMIT) {
        abort();
    }
    (void)good->routes->stream_close(request, 1);
}

GOOD_PLUGIN(.stream = stream);
