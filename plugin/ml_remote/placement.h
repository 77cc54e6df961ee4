/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes on which a model is to be, and what becomes of it there.
 */
#ifndef ML_REMOTE_PLACEMENT_H
#define ML_REMOTE_PLACEMENT_H

#include "plugin/ml_remote/documents.h"
#include "plugin/ml_remote/settings.h"

/* Ids of nodes. */
struct ml_node_list {
    struct berth_str *ids;
    uint32_t count;
};

bool ml_node_list_has(const struct ml_node_list *list, struct berth_str id);

/* All nodes that there are, this one first, in the arena. NO_MEMORY. */
int32_t ml_nodes_all(struct ml_plugin *plugin, struct base_arena *arena, struct ml_node_list *out);

/*
 * Those that may run remote models now, of the chosen ones (NULL: of all), in the arena. NO_MEMORY.
 */
int32_t ml_nodes_eligible(struct ml_plugin *plugin, const struct ml_settings *settings,
                          const struct ml_node_list *chosen, struct base_arena *arena,
                          struct ml_node_list *out);

/* Whether this node does what one of all has to do. Any thread. */
bool ml_node_is_elected(struct ml_plugin *plugin);

/* What became of an attempt on one node. */
struct ml_trial {
    bool is_refused; /* by the limit of deployments at once: what is deployed there stays so */
    bool has_failed;
    struct berth_error reason;
};

/* Makes a model ready on this node, and lets go of it again. On a worker. */
void ml_try_here(struct ml_plugin *plugin, const struct ml_settings *settings,
                 const struct ml_document *model, struct ml_trial *out_trial);

/* The same on each of the nodes at once; one that does not answer has failed. */
int32_t ml_try_on(struct ml_plugin *plugin, const struct ml_settings *settings,
                  const struct ml_document *model, const struct ml_node_list *nodes,
                  struct ml_trial *out_trials, struct berth_error *error);

#endif
