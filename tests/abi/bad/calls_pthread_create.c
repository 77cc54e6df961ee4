/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.threads: It starts a thread. */
#include "skeleton.h"

#include <pthread.h>

static void *idle(void *user) {
    return user;
}

static void stopped(struct good *good) {
    if (good->own) {
        pthread_t thread;
        (void)pthread_create(&thread, NULL, idle, NULL);
    }
}

GOOD_PLUGIN(.stop = stopped);
