/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.no_loops: Its stop crashes where no loop has started. */
#include "skeleton.h"

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)loop;
    (void)error;
    good->own = good;
    return BERTH_OK;
}

static void stopped(struct good *good) {
    if (!good->own) {
        abort();
    }
}

GOOD_PLUGIN(.loop_start = loop_started, .stop = stopped);
