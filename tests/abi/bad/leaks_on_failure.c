/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.fail_leaks: Where its second allocation fails it forgets the first. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    void *first = malloc(10);
    void *second = first ? malloc(10) : NULL;
    (void)error;
    (void)good;
    if (!second) {
        return BERTH_E_NO_MEMORY;
    }
    free(second);
    free(first);
    return BERTH_OK;
}

GOOD_PLUGIN(.create = created);
