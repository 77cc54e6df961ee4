/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deploying and undeploying: what is written to a model's document, which the catalogue follows.
 */
#ifndef ML_REMOTE_DEPLOY_H
#define ML_REMOTE_DEPLOY_H

#include "plugin/ml_remote/documents.h"

struct ml_plan {
    struct berth_str model_id;
    bool to_all; /* on all nodes that may run it, later ones too; else on those that were named */
};

struct ml_deployment {
    char task_id[BERTH_ID_LENGTH + 1];
    struct berth_error reason; /* why the task failed; code BERTH_OK: it did not */
};

/*
 * Deploys a model on this node. When it returns BERTH_OK, the task says what became of it, and a
 * deployed model is on every loop. 404: no such model; 400: this node may not run it. On a worker.
 */
int32_t ml_deploy(struct ml_plugin *plugin, const struct ml_settings *settings,
                  const struct ml_plan *plan, struct ml_deployment *out_deployment,
                  struct berth_error *error);

/* The same for a model's first prediction, where the settings allow it. */
int32_t ml_deploy_automatically(struct ml_plugin *plugin, struct berth_str model_id,
                                struct berth_error *error);

/* Whence a model is undeployed. */
enum ml_undeploy_from { ML_UNDEPLOY_FROM_ALL, ML_UNDEPLOY_FROM_THIS };

/*
 * Undeploys a model; when it returns BERTH_OK, it is on no loop of this node. Nodes of its plan
 * that are still there keep it, where it is from this one alone. 404: no such model. On a worker.
 */
int32_t ml_undeploy(struct ml_plugin *plugin, struct berth_str model_id, enum ml_undeploy_from from,
                    bool *out_was_deployed, struct berth_error *error);

/* Undeploys all models of this node, on a worker: it may not run them any more. */
void ml_deploy_evict_later(struct ml_plugin *plugin);

#endif
