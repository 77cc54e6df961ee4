/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.mapped: What it maps stays mapped. */
#include "skeleton.h"

#include <sys/mman.h>

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    good->own = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return good->own == MAP_FAILED ? BERTH_E_NO_MEMORY : BERTH_OK;
}

GOOD_PLUGIN(.create = created);
