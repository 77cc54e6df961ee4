/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.forward: It replies to a request that another node answers. */
#include "skeleton.h"

static void elsewhere(struct good *good, struct berth_request *request,
                      const struct berth_request_view *view) {
    (void)good_forward(good, request);
    (void)good_reply(good, request, 200, "{}");
    (void)view;
}

GOOD_PLUGIN(.elsewhere = elsewhere);
