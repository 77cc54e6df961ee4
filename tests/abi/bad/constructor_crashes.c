/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.load: A constructor of the file crashes. */
#include "skeleton.h"

__attribute__((constructor)) static void crash(void) {
    abort();
}

GOOD_PLUGIN(.create = NULL);
