/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.leak_start: What it allocates in start is never freed. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    good->own = malloc(10);
    return good->own ? BERTH_OK : BERTH_E_NO_MEMORY;
}

GOOD_PLUGIN(.start = started);
