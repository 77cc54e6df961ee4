/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.environment: It sets a variable of the environment. */
#include "skeleton.h"

#include <stdlib.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)setenv("GOOD", "bad", 1);
    }
}

GOOD_PLUGIN(.stop = stopped);
