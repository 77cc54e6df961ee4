/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.leak_stop: What it allocates in stop is never freed. */
#include "skeleton.h"

static void stopped(struct good *good) {
    good->own = malloc(10);
}

GOOD_PLUGIN(.stop = stopped);
