/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's second engine: documents in etcd, of which the file is a replica. Internal to
 * host/store.
 *
 * A document is the key <prefix>docs/<index>/<id>; its value is a byte, REMOTE_NOW or REMOTE_LATER,
 * and the source. mod_revision is its seq_no, the key's version its version. Every transaction also
 * writes the key <prefix>docs/ alone, whose revision is thereby that of the last write.
 */
#ifndef HOST_STORE_REMOTE_H
#define HOST_STORE_REMOTE_H

#include "host/etcd/etcd.h"
#include "host/store/store_internal.h"

struct remote;

/* Whether the file may be opened so: INVALID for a replica that is to be the truth, or the reverse.
 */
int32_t remote_check_file(struct store *store, const struct store_options *options,
                          struct berth_error *error);

/*
 * Follows the cluster's documents, and waits until the file has them all. UNAVAILABLE: nothing
 * answers, and there is no replica yet; with one it goes on, and catches up when it can.
 */
int32_t remote_open(struct store *store, const struct store_options *options,
                    struct remote **out_remote, struct berth_error *error);
void remote_close(struct remote *remote);

/*
 * Makes a group that was checked: CONFLICT, EXISTS as its conditions say; UNAVAILABLE when etcd
 * does not answer. When it returns BERTH_OK the replica has it and the watches know, and so do the
 * other nodes that could be asked.
 */
int32_t remote_write(struct remote *remote, struct store_change *group, uint32_t count,
                     struct berth_error *error);

/*
 * Waits until the replica has all that was written, anywhere, before this was called. While etcd
 * is away it returns at once. Called by a watch of the feed it does nothing. NO_MEMORY.
 */
int32_t remote_catch_up(struct remote *remote, struct berth_error *error);

/* What store.h says of store_await and store_stop_waiting. */
void remote_await(struct remote *remote, struct store_waiter *waiter);
void remote_stop_waiting(struct remote *remote);

/* Whether what is read may be older than the last write. */
bool remote_is_stale(const struct remote *remote);

#endif
