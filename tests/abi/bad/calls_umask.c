/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.directory: It sets the mask of file modes. */
#include "skeleton.h"

#include <sys/stat.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)umask(0);
    }
}

GOOD_PLUGIN(.stop = stopped);
