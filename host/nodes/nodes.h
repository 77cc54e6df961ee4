/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of the cluster: this one, what it says of itself, and the others as they are told here.
 *
 * The node's id is made once and kept in the data directory. What this node is does not change
 * while it runs, but for its address, which is known when it listens. Any thread.
 */
#ifndef HOST_NODES_NODES_H
#define HOST_NODES_NODES_H

#include <berth/nodes.h>

#include "base/error.h"

struct nodes;

struct nodes_options {
    const char *data_path;
    struct berth_str name;
    const struct berth_str *roles;
    uint32_t role_count;
    const struct berth_node_attribute *attributes;
    uint32_t attribute_count;
    bool in_cluster; /* it is elected when it is told so; else it always is */
};

/* Reads or makes the node's id. INVALID for a role that is no name. */
int32_t nodes_create(const struct nodes_options *options, struct nodes **out_nodes,
                     struct berth_error *error);
void nodes_destroy(struct nodes *nodes);

/* Tells the watches. Before requests are served; control thread. */
int32_t nodes_set_address(struct nodes *nodes, const char *host, uint16_t port);

/*
 * All nodes of the cluster, this one among them or not, take the place of those before; copied.
 * Tells the watches where that changes anything.
 */
int32_t nodes_set_all(struct nodes *nodes, const struct berth_node *all, uint32_t count);

/* Calls fn once with all nodes, this one first. */
void nodes_read(struct nodes *nodes, berth_nodes_fn fn, void *user);

/* fn is called at every change of the nodes. owner: kept as long as the watch is. */
int32_t nodes_watch(struct nodes *nodes, const char *owner, berth_nodes_fn fn, void *user,
                    struct berth_error *error);
void nodes_unwatch(struct nodes *nodes, const char *owner);

/* This node, without what the cluster says of it: who is elected is in what nodes_read gives. */
const struct berth_node *nodes_local(const struct nodes *nodes);

/* Whether a node has a role. */
bool node_has_role(const struct berth_node *node, struct berth_str role);

#endif
