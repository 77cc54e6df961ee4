/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and timings.
 *
 * What predictions count belongs to their loop, which alone touches it: a reader has the loops sum
 * it up. What control calls count is shared.
 */
#ifndef ML_REMOTE_STATS_H
#define ML_REMOTE_STATS_H

#include "base/buf.h"
#include "plugin/ml_remote/plugin.h"

void ml_model_stats_deinit(struct ml_model_stats *stats);

/* The end of a control call with a status; ML_STAT_NONE is not counted. Any thread. */
void ml_stats_note_call(struct ml_plugin *plugin, enum ml_stat_action action, uint32_t status);

/* A prediction begins and ends on its loop. model_id's counters are those of its model, if known.
 */
void ml_stats_begin(struct ml_loop *loop);
void ml_stats_end(struct ml_loop *loop, struct berth_str model_id, uint32_t status,
                  uint64_t whole_us, uint64_t remote_us);

/* How an action is written: "register", ... */
const char *ml_stats_action_name(enum ml_stat_action action);

/* Sums over the loops. */
struct ml_stats_sum {
    struct ml_counter actions[ML_STAT_ACTIONS];
    uint64_t executing;
};
void ml_stats_read(struct ml_plugin *plugin, struct ml_stats_sum *out_sum);

/* The same of one model, with its timings joined; free_sum ends it. False: it is not deployed. */
struct ml_model_sum {
    struct ml_counter predict;
    struct base_buf whole;  /* of uint32_t */
    struct base_buf remote; /* likewise */
};
bool ml_stats_read_model(struct ml_plugin *plugin, struct berth_str model_id,
                         struct ml_model_sum *out_sum);
void ml_stats_free_model(struct ml_model_sum *sum);

/* Appends {"count", "max", "min", "average", "p50", "p90", "p99"} in milliseconds. */
void ml_stats_put_timings(struct base_buf *timings, struct base_buf *out);

#endif
