/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.exit: It ends the process. */
#include "skeleton.h"

#include <stdlib.h>

static void stopped(struct good *good) {
    if (good->own) {
        exit(1);
    }
}

GOOD_PLUGIN(.stop = stopped);
