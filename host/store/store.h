/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents: JSON objects in indices, with versions, compare-and-set, search and a change feed.
 *
 * Without a cluster the truth is one SQLite file. Writes go through one connection, one group at a
 * time; each is durable before it is acknowledged, and has been shown to every watch. Reads have
 * connections of their own.
 *
 * In a cluster the truth is in etcd, and the file a replica that a watch keeps level. A write is a
 * transaction there, and is acknowledged when the replica has it; a read first learns what the last
 * write was and waits until the replica has that. While etcd is away, writes are refused with
 * UNAVAILABLE, and reads give what the replica has.
 *
 * All calls may block: none is made from a loop.
 */
#ifndef HOST_STORE_STORE_H
#define HOST_STORE_STORE_H

#include <berth/store.h>

#include "base/buf.h"
#include "base/error.h"

struct store;
struct etcd;

struct store_options {
    const char *data_path;
    uint32_t readers; /* how many threads read at a time; more wait */
    bool sync_full;   /* also survive a loss of power, not just of the process */
    /* How long a search may miss a write with BERTH_WRITE_REFRESH_LATER; 0: none does. */
    uint64_t refresh_interval_ms;
    /* Of a cluster; NULL: this node is alone. */
    struct etcd *etcd;
    struct berth_str prefix; /* of its keys, with a slash at the end */
    uint64_t timeout_ms;     /* for the replica to have what was written */
    /* Called with the revision of a write before it is acknowledged, to have the other nodes
     * follow. May block; NULL: nobody is asked. */
    void (*settle)(void *user, int64_t revision);
    void *settle_user;
    struct log *log;
};

/*
 * Opens or makes the file. CORRUPT, UNSUPPORTED (written by a later version), IO; of a cluster also
 * UNAVAILABLE, and INVALID for a file that has documents of its own.
 */
int32_t store_open(const struct store_options *options, struct store **out_store,
                   struct berth_error *error);
void store_close(struct store *store);

/* What berth/store.h says of each holds here. */
int32_t store_declare_index(struct store *store, const struct berth_index *index,
                            struct berth_error *error);
int32_t store_index_info(struct store *store, struct berth_str index,
                         struct berth_index_info *out_info, struct berth_error *error);
int32_t store_get(struct store *store, struct berth_str index, struct berth_str id,
                  const struct berth_document **out_document, struct berth_error *error);
void store_document_release(const struct berth_document *document);
int32_t store_write(struct store *store, const struct berth_write *writes, uint32_t count,
                    struct berth_write_result *out_results, struct berth_error *error);
int32_t store_scan(struct store *store, struct berth_str index, berth_scan_fn fn, void *user,
                   struct berth_error *error);
/* Appends a search answer. */
int32_t store_search(struct store *store, const struct berth_search *search, struct base_buf *out,
                     struct berth_error *error);

/* owner: kept as long as the watch is. */
int32_t store_watch(struct store *store, const char *owner, struct berth_str index,
                    berth_watch_fn fn, void *user, struct berth_error *error);
/* When it returns, no watch of the owner is running or will. */
void store_unwatch(struct store *store, const char *owner);

/* Somebody who is told, on whatever thread, when this node has a revision; kept by the caller until
 * then. */
struct store_waiter {
    struct store_waiter *next;
    int64_t revision;
    void (*fn)(struct store_waiter *waiter);
};

/* In a cluster: has the waiter told, at once where the revision is here. Does not block. */
void store_await(struct store *store, struct store_waiter *waiter);
/* Tells all waiters, and from now on every one at once. */
void store_stop_waiting(struct store *store);

struct store_stats {
    uint64_t writes;
    uint64_t reads;
    uint64_t searches;
    uint64_t last_seq_no;
    bool is_replica;
    bool is_stale; /* a replica that cannot know what was written last */
};

void store_stats(struct store *store, struct store_stats *out_stats);

#endif
