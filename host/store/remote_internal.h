/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What remote.c (writing, waiting) and replica.c (applying what the watch brings) share.
 */
#ifndef HOST_STORE_REMOTE_INTERNAL_H
#define HOST_STORE_REMOTE_INTERNAL_H

#include "host/etcd/etcd_watch.h"
#include "host/store/remote.h"

/* First bytes of a document's value: whether searches show it now, or with the next refresh. */
#define REMOTE_NOW '0'
#define REMOTE_LATER '1'
#define REMOTE_PREFIX_MAX 200u

struct remote {
    struct store *store;
    struct etcd *etcd;
    struct etcd_watch *watch;
    struct log *log;
    char prefix[REMOTE_PREFIX_MAX]; /* <prefix>docs/ */
    size_t prefix_len;
    uint64_t timeout_ms;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t applied; /* the revision that the replica has; under lock, likewise the next two */
    struct store_waiter *waiters;
    bool is_ending; /* nobody waits any more */
    void (*settle)(void *user, int64_t revision);
    void *settle_user;
    /* One question for the last write at a time, shared by all that came before it was asked. */
    uint64_t asked;    /* under lock, likewise the next three */
    uint64_t answered; /* the number of the last question that is done */
    bool is_asking;
    int64_t last_write; /* what the last question came to, below 0: nothing */
    int32_t last_code;
    _Atomic bool is_stale;
    bool is_listing; /* of the watch's thread */
};

/* The hooks of the watch; user is the remote. */
extern const struct etcd_watch_hooks replica_hooks;

/* Tells those who wait that the replica has a revision. */
void remote_has_applied(struct remote *remote, int64_t revision);

#endif
