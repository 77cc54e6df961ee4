/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.leak_loops: What it allocates for a loop is never freed. */
#include "skeleton.h"

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)loop;
    (void)error;
    good->own = malloc(10);
    return good->own ? BERTH_OK : BERTH_E_NO_MEMORY;
}

GOOD_PLUGIN(.loop_start = loop_started);
