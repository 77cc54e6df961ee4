/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.leak_create: What it allocates in create is never freed. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    good->own = malloc(10);
    return good->own ? BERTH_OK : BERTH_E_NO_MEMORY;
}

GOOD_PLUGIN(.create = created);
