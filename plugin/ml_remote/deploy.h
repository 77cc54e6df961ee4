/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deploying and undeploying: what is written to a model's document, which the catalogue follows.
 */
#ifndef ML_REMOTE_DEPLOY_H
#define ML_REMOTE_DEPLOY_H

#include "plugin/ml_remote/placement.h"

struct ml_plan {
    struct berth_str model_id;
    /* NULL: on all nodes that may run it, later ones too; else on these, as far as they may. */
    const struct ml_node_list *nodes;
};

struct ml_deployment {
    char task_id[BERTH_ID_LENGTH + 1];
    struct berth_error reason; /* why it is on no node; code BERTH_OK: it is on one */
};

/*
 * Deploys a model. When it returns BERTH_OK, the task says what became of it, and where it is
 * deployed on this node it is on every loop. 404: no such model; 400: no node may run it. On a
 * worker.
 */
int32_t ml_deploy(struct ml_plugin *plugin, const struct ml_settings *settings,
                  const struct ml_plan *plan, struct ml_deployment *out_deployment,
                  struct berth_error *error);

/* The same for a model's first prediction, where the settings allow it. */
int32_t ml_deploy_automatically(struct ml_plugin *plugin, struct berth_str model_id,
                                struct berth_error *error);

/*
 * Undeploys a model from nodes, NULL: from all; when it returns BERTH_OK and this node is one of
 * them, it is on no loop of this node. out_nodes: from which of them it was taken, in the arena.
 * 404: no such model. On a worker.
 */
int32_t ml_undeploy(struct ml_plugin *plugin, struct berth_str model_id,
                    const struct ml_node_list *from, struct base_arena *arena,
                    struct ml_node_list *out_nodes, struct berth_error *error);

/* Undeploys all models of this node, on a worker: it may not run them any more. */
void ml_deploy_evict_later(struct ml_plugin *plugin);

#endif
