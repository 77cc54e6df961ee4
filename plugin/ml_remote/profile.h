/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: the models that are deployed on nodes, how long their latest predictions took, and the
 * predictions that are under way. What a node tells of itself is in profile_node.c; what is made
 * of that for a client, in profile.c.
 *
 * A node tells {"tasks": {id: task}, "models": {id: profile}}, each only where there are some.
 */
#ifndef ML_REMOTE_PROFILE_H
#define ML_REMOTE_PROFILE_H

#include "plugin/ml_remote/call.h"

/* Ids that are asked for: of the path, joined by commas, and of the body. */
struct ml_profile_wanted {
    bool all;
    struct berth_str path;
    struct json_value body; /* an array, or absent */
};

struct ml_profile_query {
    struct ml_profile_wanted models;
    struct ml_profile_wanted tasks;
    bool by_model; /* the models of tasks are told of as well */
};

/* Appends what this node tells. On a worker. */
int32_t ml_profile_put_node(struct ml_plugin *plugin, const struct ml_settings *settings,
                            const struct ml_profile_query *query, struct base_buf *out,
                            struct berth_error *error);

#endif
