/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.allocator: It changes the allocator. */
#include "skeleton.h"

#include <malloc.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)mallopt(M_MMAP_THRESHOLD, 1);
    }
}

GOOD_PLUGIN(.stop = stopped);
