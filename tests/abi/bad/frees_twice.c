/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.double_free: It frees a piece of memory twice. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    good->own = malloc(10);
    return good->own ? BERTH_OK : BERTH_E_NO_MEMORY;
}

static void own_free(struct good *good) {
    free(good->own);
}

GOOD_PLUGIN(.create = created, .stop = own_free, .destroy = own_free);
