/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: the record of a registration, a deployment or a batch prediction.
 */
#ifndef ML_REMOTE_TASK_H
#define ML_REMOTE_TASK_H

#include "plugin/ml_remote/documents.h"

struct ml_task {
    const char *type;  /* REGISTER_MODEL, DEPLOY_MODEL, BATCH_PREDICTION */
    const char *state; /* COMPLETED, COMPLETED_WITH_ERROR, FAILED, RUNNING */
    struct berth_str model_id;
    struct berth_str error; /* of a failed one: why, on this node; empty: none */
    /* The nodes that worked, an array, and {"node": "why"} of those that failed; empty: this one,
     * and error. */
    struct berth_str nodes;
    struct berth_str errors;
    bool is_async;
    struct berth_str remote_job; /* of a batch prediction: an object; empty: none */
};

/*
 * Makes the write that stores a task of this node. out_id gets its id; id and source live in the
 * arena. NO_MEMORY.
 */
int32_t ml_task_make(struct ml_plugin *plugin, struct base_arena *arena, const struct ml_task *task,
                     char out_id[BERTH_ID_LENGTH + 1], struct berth_write *out_write);

/* Why a task failed on this node, as it is stored: raw JSON in the arena; ptr NULL without memory.
 */
struct berth_str ml_task_error(struct ml_plugin *plugin, struct base_arena *arena,
                               struct berth_str reason);

/* The id of this node, in the arena; ptr NULL without memory. */
struct berth_str ml_node_id(struct ml_plugin *plugin, struct base_arena *arena);

#endif
