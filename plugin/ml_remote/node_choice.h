/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that a client names in node_ids, and nodes of a model's plan.
 */
#ifndef ML_REMOTE_NODE_CHOICE_H
#define ML_REMOTE_NODE_CHOICE_H

#include "plugin/ml_remote/placement.h"

struct ml_node_choice {
    bool is_given;            /* node_ids names at least one node */
    struct ml_node_list list; /* those of them that there are; in the call's arena */
    struct berth_str unknown; /* ids of no node, joined by commas; in the call's arena */
};

/* Reads the body's node_ids; 400 where they are given and the settings do not allow it. */
int32_t ml_nodes_choose(struct ml_call *call, struct ml_node_choice *out_choice);

/*
 * Those of the nodes that texts mean, each a list of ids and names joined by commas, in the arena;
 * no texts mean all. NO_MEMORY.
 */
int32_t ml_nodes_named(struct ml_plugin *plugin, const struct berth_str *texts, uint32_t count,
                       struct base_arena *arena, struct ml_node_list *out);
/* The same, of a body's array node_ids and a part of the path, both of which must mean them. */
int32_t ml_nodes_of_request(struct ml_call *call, struct berth_str path, struct ml_node_list *out);

/* Whether there is a node of this id, and whether it is this one. */
struct ml_node_seen {
    bool is_there;
    bool is_local;
};
struct ml_node_seen ml_node_see(struct ml_plugin *plugin, struct berth_str id);

#endif
