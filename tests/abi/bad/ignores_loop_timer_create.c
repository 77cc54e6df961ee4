/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.loop_timer_create: It crashes where loop.timer_create fails. */
#include "skeleton.h"

static void due(void *user) {
    (void)user;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_timer *timer = NULL;
    if (good->loop->timer_create(good->host, due, good, &timer)) {
        abort();
    }
    good->loop->timer_destroy(timer);
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
