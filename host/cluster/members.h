/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of a cluster as their keys tell them. One thread uses it. Internal to host/cluster.
 */
#ifndef HOST_CLUSTER_MEMBERS_H
#define HOST_CLUSTER_MEMBERS_H

#include "host/etcd/etcd.h"
#include "host/nodes/nodes.h"

struct members;

/* prefix: what stands before a node's id in its key; kept by the caller. */
struct members *members_create(const char *prefix);
void members_destroy(struct members *members);
void members_clear(struct members *members);

/* A node came, says something else, or is gone. One whose value cannot be read is left out. */
int32_t members_change(struct members *members, const struct etcd_pair *pair);

bool members_have(const struct members *members, struct berth_str id);

/*
 * All of them, by their ids, with the elected one marked; valid until the next call. out_settings:
 * the least revision of settings that one has in force. NULL without memory.
 */
const struct berth_node *members_list(struct members *members, uint32_t *out_count,
                                      uint64_t *out_settings);

#endif
