/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models that are deployed on this node: one table for the plugin, and one a loop that is kept
 * equal to it.
 *
 * The store's change feed decides what is in it: a model is in the catalogue when its document
 * says that it is deployed on this node. Whoever deploys or undeploys writes the document, and is
 * answered when all loops have followed.
 */
#ifndef ML_REMOTE_CATALOGUE_H
#define ML_REMOTE_CATALOGUE_H

#include "plugin/ml_remote/deployed.h"

/* What a loop knows of a deployed model. */
struct ml_loop_model {
    struct ml_deployed *deployed; /* a reference */
    /* The URL where no value of a prediction has a say in it, and whether it was trusted then. */
    struct base_buf url;
    struct ml_upstream *upstream; /* of the URL; NULL: it is not watched */
    uint64_t trusted_serial;      /* of the settings under which it was; 0: never */
    uint64_t last_used_ns;        /* base_monotonic_ns; at first when it was deployed */
};

int32_t ml_catalogue_create(struct ml_plugin *plugin, struct ml_catalogue **out_catalogue,
                            struct berth_error *error);
void ml_catalogue_destroy(struct ml_catalogue *catalogue);

/* Loads what is deployed according to the store, and watches it. In start. */
int32_t ml_catalogue_start(struct ml_plugin *plugin, struct berth_error *error);

/* Fills and empties a loop's table. On the loop. */
int32_t ml_catalogue_start_loop(struct ml_loop *loop);
void ml_catalogue_stop_loop(struct ml_loop *loop);

/* NULL when the model is not deployed here. On the loop. */
struct ml_loop_model *ml_catalogue_find(struct ml_loop *loop, struct berth_str id);

/* Whether a model is deployed here. Any thread. */
bool ml_catalogue_has(struct ml_plugin *plugin, struct berth_str id);

/* The model with a reference; NULL when it is not deployed here. Any thread. */
struct ml_deployed *ml_catalogue_get(struct ml_plugin *plugin, struct berth_str id);

/* When a model was last used on any loop, base_monotonic_ns; 0: it is on none. Not on a loop. */
uint64_t ml_catalogue_last_used(struct ml_plugin *plugin, struct berth_str id);

/* Calls fn with the id of each. Not from a watch. */
void ml_catalogue_each(struct ml_plugin *plugin, void (*fn)(void *user, struct berth_str id),
                       void *user);
/* The ids of all of them, in the arena; gives their number, fewer without memory. Any thread. */
size_t ml_catalogue_ids(struct ml_plugin *plugin, struct base_arena *arena,
                        struct berth_str **out_ids);

/* Whether a document says that the model is deployed, on whatever nodes. */
bool ml_catalogue_is_deployed(struct json_value model);
/* Whether a document says that the model is deployed on the node. */
bool ml_catalogue_belongs(struct json_value model, struct berth_str node_id);

#endif
