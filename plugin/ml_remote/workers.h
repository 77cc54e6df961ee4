/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which models are on which other nodes, as their documents say: where a prediction goes whose
 * model is not here. The catalogue's watch keeps it.
 */
#ifndef ML_REMOTE_WORKERS_H
#define ML_REMOTE_WORKERS_H

#include "base/json.h"
#include "plugin/ml_remote/plugin.h"

struct ml_workers;

#define ML_NODE_ID_MAX 64u

int32_t ml_workers_create(struct ml_plugin *plugin, struct ml_workers **out_workers,
                          struct berth_error *error);
void ml_workers_destroy(struct ml_workers *workers);

/* A model's document is this now; absent: it is gone. Without memory the model is on no other. */
void ml_workers_follow(struct ml_workers *workers, struct berth_str model_id,
                       struct json_value model);

/* Whether it is on another node. Any thread. */
bool ml_workers_has(struct ml_workers *workers, struct berth_str model_id);

/* How one of several is chosen; as plugins.ml_commons.task_dispatch_policy names it. */
enum ml_dispatch { ML_ROUND_ROBIN, ML_LEAST_LOAD };

/*
 * The nodes to be tried for one prediction are numbered from 0; false: there are no more. turn: the
 * prediction's own, from ml_workers_turn. Any thread.
 */
uint32_t ml_workers_turn(struct ml_workers *workers);
bool ml_workers_choose(struct ml_workers *workers, struct berth_str model_id,
                       enum ml_dispatch dispatch, uint32_t turn, uint32_t number,
                       char out_node_id[ML_NODE_ID_MAX]);

/*
 * A prediction goes to a node, and has ended: what least_load counts. load: what the node told of
 * all that was under way there, whoever sent it; 0: it told nothing. Any thread.
 */
void ml_workers_begin(struct ml_workers *workers, const char *node_id);
void ml_workers_end(struct ml_workers *workers, const char *node_id, uint32_t load);

#endif
