/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deploying and undeploying: what is written to a model's document, which the catalogue follows.
 */
#ifndef ML_REMOTE_DEPLOY_H
#define ML_REMOTE_DEPLOY_H

#include "plugin/ml_remote/documents.h"

struct ml_deployment {
    char task_id[BERTH_ID_LENGTH + 1];
};

/*
 * Deploys a model on this node. When it returns BERTH_OK, the task says what became of it, and a
 * deployed model is on every loop. 404: no such model; 400: this node may not run it. On a worker.
 */
int32_t ml_deploy(struct ml_plugin *plugin, const struct ml_settings *settings,
                  struct berth_str model_id, struct ml_deployment *out_deployment,
                  struct berth_error *error);

/* The same for a model's first prediction, where the settings allow it. */
int32_t ml_deploy_automatically(struct ml_plugin *plugin, struct berth_str model_id,
                                struct berth_error *error);

/* Undeploys all models of this node, on a worker: it may not run them any more. */
void ml_deploy_evict_later(struct ml_plugin *plugin);

#endif
