/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.exports: It exports a function besides its descriptor. */
#include "skeleton.h"

BERTH_EXPORT int good_helper(void);
int good_helper(void) {
    return 1;
}

GOOD_PLUGIN(.create = NULL);
