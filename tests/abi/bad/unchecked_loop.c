/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.fail_loops: It does not look whether loop_start was given memory. */
#include "skeleton.h"

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)good;
    (void)loop;
    (void)error;
    char *volatile memory = malloc(10);
    memory[0] = '\0';
    free(memory);
    return BERTH_OK;
}

GOOD_PLUGIN(.loop_start = loop_started);
