/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.nodes/1: this node, the others, and what changes among them.
 */
#ifndef BERTH_NODES_H
#define BERTH_NODES_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_NODES_ID "berth.nodes/1"

struct berth_host;

/* A name and its value, such as box_type and hot. */
struct berth_node_attribute {
    struct berth_str name;
    struct berth_str value;
};
BERTH_ASSERT_SIZE(struct berth_node_attribute, 32);

/* A node of the cluster. */
struct berth_node {
    uint32_t size;
    uint32_t is_local;
    struct berth_str id;
    struct berth_str name;
    /* host:port of its HTTP service. */
    struct berth_str address;
    const struct berth_str *roles;
    const struct berth_node_attribute *attributes;
    uint32_t role_count;
    uint32_t attribute_count;
    /* Its plugins and their versions; in a cluster alone, and of each node what it last told. */
    const struct berth_node_attribute *plugins;
    uint32_t plugin_count;
    /* 1: of all nodes this one does what one of them has to do; nobody does while there is none. */
    uint32_t is_elected;
};
BERTH_ASSERT_SIZE(struct berth_node, 96);
BERTH_ASSERT_OFFSET(struct berth_node, id, 8);
BERTH_ASSERT_OFFSET(struct berth_node, name, 24);
BERTH_ASSERT_OFFSET(struct berth_node, address, 40);
BERTH_ASSERT_OFFSET(struct berth_node, roles, 56);
BERTH_ASSERT_OFFSET(struct berth_node, attributes, 64);
BERTH_ASSERT_OFFSET(struct berth_node, role_count, 72);
BERTH_ASSERT_OFFSET(struct berth_node, plugins, 80);
BERTH_ASSERT_OFFSET(struct berth_node, plugin_count, 88);

/*
 * Given all nodes of the cluster, this one first.
 * @thread any
 * @state LOADED CREATED STARTED SERVING DRAINING
 * @owner borrows the nodes and their texts until return
 * @errors none
 */
typedef void (*berth_nodes_fn)(void *user, const struct berth_node *nodes, uint32_t count);

struct berth_nodes_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Calls fn once, before it returns, with the nodes as they are now.
     * @thread any
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the host owns the nodes, which are valid during fn
     * @errors STATE
     */
    int32_t (*read)(const struct berth_host *host, berth_nodes_fn fn, void *user);

    /*
     * Has fn called on the feed at every change of membership, of what nodes say of themselves, or
     * of who is elected.
     * @thread control
     * @state CREATED
     * @owner borrows user until stop has returned
     * @errors INVALID STATE
     */
    int32_t (*watch)(const struct berth_host *host, berth_nodes_fn fn, void *user);
};
BERTH_ASSERT_SIZE(struct berth_nodes_v1, 24);
BERTH_ASSERT_OFFSET(struct berth_nodes_v1, read, 8);
BERTH_ASSERT_OFFSET(struct berth_nodes_v1, watch, 16);

BERTH_EXTERN_C_END

#endif
