/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.processes: It starts a process. */
#include "skeleton.h"

#include <sys/wait.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)fork();
    }
}

GOOD_PLUGIN(.stop = stopped);
