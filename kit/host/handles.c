/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include <stdlib.h>

/* Of all hosts of the process: what is released has no other way to its host. */
static struct {
    pthread_mutex_t lock;
    struct kit_handle *first;
} handles = {.lock = PTHREAD_MUTEX_INITIALIZER};

void kit_handle_add(struct kit_host *host, void *pointer, enum kit_blame held) {
    struct kit_handle *handle = kit_alloc(sizeof *handle);
    *handle = (struct kit_handle){.host = host, .pointer = pointer, .held = held};
    kit_memory_own(pointer);
    (void)pthread_mutex_lock(&handles.lock);
    handle->next = handles.first;
    handles.first = handle;
    (void)pthread_mutex_unlock(&handles.lock);
}

void kit_handle_release(const void *pointer, enum kit_fn fn, const char *what) {
    (void)pthread_mutex_lock(&handles.lock);
    struct kit_handle *handle = handles.first;
    while (handle && handle->pointer != pointer) {
        handle = handle->next;
    }
    struct kit_host *host = handle ? handle->host : NULL;
    bool again = handle && handle->released;
    if (handle) {
        handle->released = true;
    }
    (void)pthread_mutex_unlock(&handles.lock);
    if (!host) {
        kit_blame(KIT_BLAME_FOREIGN_FREE, "it releases a %s that it was not given", what);
        return;
    }
    if (again) {
        kit_blame(KIT_BLAME_DOUBLE_FREE, "it releases a %s twice", what);
    }
    (void)kit_enter(host, fn);
}

void kit_handles_free(struct kit_host *host) {
    (void)pthread_mutex_lock(&handles.lock);
    struct kit_handle **at = &handles.first;
    while (*at) {
        struct kit_handle *handle = *at;
        if (handle->host != host) {
            at = &handle->next;
            continue;
        }
        if (!handle->released) {
            kit_blame(handle->held, "it never released what it was given");
        }
        *at = handle->next;
        kit_memory_disown(handle->pointer);
        free(handle->pointer);
        free(handle);
    }
    (void)pthread_mutex_unlock(&handles.lock);
}
