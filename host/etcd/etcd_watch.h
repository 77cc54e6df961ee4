/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows all keys of a prefix: a thread that lists them where it must, then watches on from the
 * revision that it knows, over lost connections, other endpoints and compactions.
 */
#ifndef HOST_ETCD_ETCD_WATCH_H
#define HOST_ETCD_ETCD_WATCH_H

#include "host/etcd/etcd.h"

/* Called on the watch's thread, one at a time. Whoever fails is told the same again later. */
struct etcd_watch_hooks {
    void *user;
    /*
     * All that there is at a revision, in pages in the order of keys: what is missing in them is
     * not there. The last page may be empty.
     */
    int32_t (*listed)(void *user, const struct etcd_pair *pairs, uint32_t count, bool is_first,
                      bool is_last, int64_t revision, struct berth_error *error);
    /* Changes in their order, whole revisions, the last of which is revision; that of a call is
     * never before that of one that came earlier. */
    int32_t (*changed)(void *user, const struct etcd_pair *changes, uint32_t count,
                       int64_t revision, struct berth_error *error);
};

struct etcd_watch_options {
    struct etcd *etcd;
    const char *name;        /* of the thread, and in the log */
    struct berth_str prefix; /* copied */
    int64_t revision;        /* what is known already; below 0: nothing, list first */
    struct etcd_watch_hooks hooks;
};

struct etcd_watch;

int32_t etcd_watch_start(const struct etcd_watch_options *options, struct etcd_watch **out_watch,
                         struct berth_error *error);
/* Opens the stream anew: it says nothing though there is something. Any thread. */
void etcd_watch_again(struct etcd_watch *watch);
/* When it returns, no hook is running or will. NULL is allowed. */
void etcd_watch_stop(struct etcd_watch *watch);

#endif
