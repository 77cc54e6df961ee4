/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change feed: watches, told of every change in the order in which changes were made.
 *
 * Whoever makes changes takes the feed before it lets the next writer in, so that the order of
 * telling is that of writing, and is done when all watches have been told. A watch may read the
 * store, but not write it.
 */
#ifndef HOST_STORE_FEED_H
#define HOST_STORE_FEED_H

#include <berth/store.h>
#include <pthread.h>

#include "base/error.h"

struct feed_watch {
    struct feed_watch *next;
    const char *owner;
    struct berth_str index; /* in the memory of the watch itself */
    berth_watch_fn fn;
    void *user;
};

struct feed {
    pthread_mutex_t lock; /* held while watches are told; guards watches */
    struct feed_watch *watches;
};

void feed_init(struct feed *feed);
void feed_deinit(struct feed *feed);

int32_t feed_add(struct feed *feed, const char *owner, struct berth_str index, berth_watch_fn fn,
                 void *user, struct berth_error *error);
void feed_remove(struct feed *feed, const char *owner);

/* begin, tell …, end: the caller has the feed to itself in between. */
void feed_begin(struct feed *feed);
void feed_tell(struct feed *feed, const struct berth_change *changes, uint32_t count);
void feed_end(struct feed *feed);

/* Whether the calling thread is telling watches. */
bool feed_is_current(void);

#endif
