/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node as one of a cluster: its key in etcd under a lease, the others' keys, who is elected,
 * and who has put which settings in force.
 *
 * A node's key is <prefix>nodes/<id>; its value a JSON object of what it says of itself. It ends
 * with its lease, when the node stops or was not heard of for the lease's time. Elected is the one
 * with the role cluster_manager whose key has been there longest.
 */
#ifndef HOST_CLUSTER_CLUSTER_H
#define HOST_CLUSTER_CLUSTER_H

#include "host/etcd/etcd.h"
#include "host/nodes/nodes.h"

struct cluster;

struct cluster_options {
    struct etcd *etcd;
    struct log *log;
    struct berth_str prefix; /* with a slash at the end */
    uint64_t lease_ms;
    /* Adds members to what the node says of itself: "plugins": [{"name", "version"}]. May be NULL.
     */
    void (*describe)(void *user, struct base_buf *out);
    void *user;
};

/* INVALID for a prefix that is too long. */
int32_t cluster_create(const struct cluster_options *options, struct cluster **out_cluster,
                       struct berth_error *error);
void cluster_destroy(struct cluster *cluster);

/*
 * Registers the node, follows the others, and waits until it is among those that it sees. Where
 * etcd is away it goes on trying. nodes: has the address, and is told of the others. Control
 * thread.
 */
int32_t cluster_join(struct cluster *cluster, struct nodes *nodes, struct berth_error *error);
/* Takes the node's key away at once. NULL, and one that did not join, are allowed. */
void cluster_leave(struct cluster *cluster);

/* Whether this node is registered and etcd answers. Any thread, a loop as well. */
bool cluster_is_whole(const struct cluster *cluster);

/* Settings of this revision are in force here. Does not block; any thread. */
void cluster_settings_applied(struct cluster *cluster, uint64_t revision);

/*
 * Waits until all nodes have settings of this revision in force, for as long as timeout_ms. False:
 * some have not. May block.
 */
bool cluster_wait_settings(struct cluster *cluster, uint64_t revision, uint64_t timeout_ms);

#endif
