/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.exit_handlers: It registers a function for each fork. */
#include "skeleton.h"

#include <pthread.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)pthread_atfork(NULL, NULL, NULL);
    }
}

GOOD_PLUGIN(.stop = stopped);
