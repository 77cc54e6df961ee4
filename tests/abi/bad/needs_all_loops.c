/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.some_loops: Its stop crashes where one loop has started and another has not. */
#include "skeleton.h"

static _Atomic uint32_t loops;

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)good;
    (void)loop;
    (void)error;
    loops++;
    return BERTH_OK;
}

static void stopped(struct good *good) {
    if (loops && loops < good->loop->count(good->host)) {
        abort();
    }
    loops = 0;
}

GOOD_PLUGIN(.loop_start = loop_started, .stop = stopped);
