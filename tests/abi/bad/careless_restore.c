/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.fail_handover: It does not look whether there is memory for what it takes over. */
#include "skeleton.h"

static int32_t take(struct good *good, const struct berth_handover *handover) {
    int32_t code = BERTH_E_INVALID;
    struct berth_handover *copy = malloc(sizeof *copy);
    *copy = *handover;
    if (copy->size >= sizeof *copy) {
        code = good_restore(good, copy);
    }
    free(copy);
    return code;
}

GOOD_PLUGIN(.restore = take);
