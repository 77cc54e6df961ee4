/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.timers: It leaves a timer on a loop. */
#include "skeleton.h"

static void due(void *user) {
    (void)user;
}

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    struct berth_timer *timer = NULL;
    (void)error;
    int32_t code = good->loop->timer_create(good->host, due, loop, &timer);
    if (!code) {
        good->loop->timer_start(timer, 60000);
    }
    return code;
}

GOOD_PLUGIN(.loop_start = loop_started);
