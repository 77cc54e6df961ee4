/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/feed.h"

#include <stdlib.h>

static _Thread_local bool telling;

void feed_init(struct feed *feed) {
    *feed = (struct feed){0};
    (void)pthread_mutex_init(&feed->lock, NULL);
}

void feed_deinit(struct feed *feed) {
    while (feed->watches) {
        struct feed_watch *next = feed->watches->next;
        free(feed->watches);
        feed->watches = next;
    }
    (void)pthread_mutex_destroy(&feed->lock);
}

int32_t feed_add(struct feed *feed, const char *owner, struct berth_str index, berth_watch_fn fn,
                 void *user, struct berth_error *error) {
    struct feed_watch *watch = malloc(sizeof *watch + BASE_LEN(index));
    if (!watch) {
        return base_error_memory(error);
    }
    char *name = (char *)(watch + 1);
    memcpy(name, index.ptr, BASE_LEN(index));
    *watch = (struct feed_watch){
        .owner = owner, .index = base_str(name, BASE_LEN(index)), .fn = fn, .user = user};
    (void)pthread_mutex_lock(&feed->lock);
    struct feed_watch **last = &feed->watches;
    while (*last) {
        last = &(*last)->next;
    }
    *last = watch;
    (void)pthread_mutex_unlock(&feed->lock);
    return BERTH_OK;
}

void feed_remove(struct feed *feed, const char *owner) {
    (void)pthread_mutex_lock(&feed->lock);
    struct feed_watch **link = &feed->watches;
    while (*link) {
        struct feed_watch *watch = *link;
        if (strcmp(watch->owner, owner) == 0) {
            *link = watch->next;
            free(watch);
        } else {
            link = &watch->next;
        }
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

void feed_begin(struct feed *feed) {
    (void)pthread_mutex_lock(&feed->lock);
    telling = true;
}

/* A group of changes can be of several indices: each watch is told of runs of its own. */
static void tell_watch(const struct feed_watch *watch, const struct berth_change *changes,
                       uint32_t count) {
    for (uint32_t i = 0; i < count;) {
        uint32_t run = i;
        while (run < count && base_str_eq(changes[run].index, watch->index)) {
            run++;
        }
        if (run > i) {
            watch->fn(watch->user, changes + i, run - i);
        }
        i = run > i ? run : i + 1;
    }
}

void feed_tell(struct feed *feed, const struct berth_change *changes, uint32_t count) {
    for (const struct feed_watch *watch = feed->watches; watch; watch = watch->next) {
        tell_watch(watch, changes, count);
    }
}

void feed_end(struct feed *feed) {
    telling = false;
    (void)pthread_mutex_unlock(&feed->lock);
}

bool feed_is_current(void) {
    return telling;
}
