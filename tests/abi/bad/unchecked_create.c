/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.fail_create: It does not look whether create was given memory. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    char *volatile memory = malloc(10);
    memory[0] = '\0';
    good->own = memory;
    return BERTH_OK;
}

static void destroyed(struct good *good) {
    free(good->own);
}

GOOD_PLUGIN(.create = created, .destroy = destroyed);
