/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.threads: It starts a thread that does not end. */
#include "skeleton.h"

#include <dlfcn.h>
#include <pthread.h>

/* Looked up at run time, so that the file does not tell; what the thread runs is not its own. */
typedef int start_fn(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                     void *user);

static void served(struct good *good) {
    pthread_t thread;
    start_fn *start_thread = NULL;
    void *(*idle)(void *) = NULL;
    *(void **)&start_thread = dlsym(RTLD_DEFAULT, "pthread_create");
    *(void **)&idle = dlsym(RTLD_DEFAULT, "pause");
    (void)start_thread(&thread, NULL, idle, good);
}

GOOD_PLUGIN(.serve = served);
