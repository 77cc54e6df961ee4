/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.stream_order: It writes to a stream that is not open. */
#include "skeleton.h"

static void stream(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    uint64_t queued = 0;
    (void)good->routes->stream_write(request, BERTH_STR("early"), &queued);
    good_stream(good, request, view);
}

GOOD_PLUGIN(.stream = stream);
