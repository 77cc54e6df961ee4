/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.never_served: Its stop crashes where all loops have started and it never served.
 */
#include "skeleton.h"

static _Atomic uint32_t loops;

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)good;
    (void)loop;
    (void)error;
    loops++;
    return BERTH_OK;
}

static void served(struct good *good) {
    good->own = good;
}

static void stopped(struct good *good) {
    if (loops == good->loop->count(good->host) && !good->own) {
        abort();
    }
    loops = 0;
}

GOOD_PLUGIN(.loop_start = loop_started, .serve = served, .stop = stopped);
