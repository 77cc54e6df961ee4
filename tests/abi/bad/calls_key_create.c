/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.thread_keys: It has a destructor of threads. */
#include "skeleton.h"

#include <pthread.h>

static void stopped(struct good *good) {
    if (good->own) {
        pthread_key_t key;
        (void)pthread_key_create(&key, free);
    }
}

GOOD_PLUGIN(.stop = stopped);
