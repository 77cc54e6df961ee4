/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.loop_post: It crashes where loop.post fails. */
#include "skeleton.h"

static void posted(void *user, uint32_t loop, void *context) {
    (void)user;
    (void)loop;
    (void)context;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (good->loop->post(good->host, view->loop, posted, good)) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
