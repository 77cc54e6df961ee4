/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics: one table of them, and how they are shown.
 */
#ifndef ML_REMOTE_STATS_H
#define ML_REMOTE_STATS_H

#include "plugin/ml_remote/call.h"
#include "plugin/ml_remote/placement.h"

/* Where a statistic belongs. The last two hold the counters of actions. */
enum ml_stat_level {
    ML_LEVEL_CLUSTER,
    ML_LEVEL_NODE,
    ML_LEVEL_ACTION,
    ML_LEVEL_ALGORITHM,
    ML_LEVEL_MODEL,
    ML_LEVELS,
};

/* By the name that requests use: "cluster", ...; whatever its case. */
bool ml_stat_level_find(struct berth_str name, enum ml_stat_level *out_level);
const char *ml_stat_level_name(enum ml_stat_level level);

/* The table, in the order in which it is shown. */
uint32_t ml_stats_count(void);
const char *ml_stat_name(uint32_t stat);
enum ml_stat_level ml_stat_level_of(uint32_t stat);
/* Whatever its case; false for an unknown one. */
bool ml_stat_find(struct berth_str name, uint32_t *out_stat);

#define ML_STATS_MAX 32u

/* What is asked for. */
struct ml_stats_query {
    bool wants[ML_STATS_MAX]; /* by number in the table */
    bool algorithms;          /* the counters of actions for all models together */
    bool models;              /* and for each */
    bool nodes;               /* anything of nodes at all */
    bool acts[ML_STAT_ACTIONS];
    bool remote; /* the algorithm REMOTE is among those asked for: there is no other */
    /* Absent: all; else an array of ids. */
    struct json_value model_ids;
};

/*
 * Appends the answer to the call: of the cluster, and of the nodes that are asked for. question:
 * with what the others are asked for what they have to tell, a body for ml_stats_of_node.
 */
int32_t ml_stats_put(struct ml_call *call, const struct ml_stats_query *query,
                     const struct ml_node_list *nodes, struct berth_str question);
/* Appends what this node tells, to whoever asks. */
int32_t ml_stats_put_node(struct ml_plugin *plugin, const struct ml_stats_query *query,
                          struct base_buf *out, struct berth_error *error);

#endif
