/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.stream_open: It crashes where stream.open fails. */
#include "skeleton.h"

static void stream(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_reply head = {
        .size = sizeof head, .status = 200, .content_type = BERTH_STR("text/plain")};
    (void)view;
    if (good->routes->stream_open(request, &head) == BERTH_E_NO_MEMORY) {
        abort();
    }
    (void)good->routes->stream_close(request, 1);
}

GOOD_PLUGIN(.stream = stream);
