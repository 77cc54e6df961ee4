/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.watches: It leaves the watch of a descriptor on a loop. */
#include "skeleton.h"

static void loop_stopped(struct good *good, struct good_loop *loop) {
    (void)good;
    loop->watch = NULL;
}

GOOD_PLUGIN(.loop_stop = loop_stopped);
