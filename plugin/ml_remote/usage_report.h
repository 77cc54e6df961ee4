/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all loops and the workers counted, put together for who asks.
 */
#ifndef ML_REMOTE_USAGE_REPORT_H
#define ML_REMOTE_USAGE_REPORT_H

#include "plugin/ml_remote/plugin.h"

/* What is asked for beside the counters. */
#define ML_REPORT_DURATIONS 1u
#define ML_REPORT_RUNNING 2u
#define ML_REPORT_LATENCY 4u

/* Of one model. */
struct ml_model_report {
    struct berth_str id;
    struct ml_counts counts[ML_STAT_ACTIONS];
    struct ml_duration *durations; /* the newest first */
    uint32_t duration_count;
    uint32_t running;
    struct ml_latency *latency; /* where it was asked for */
};

/* A prediction under way. */
struct ml_running_report {
    struct berth_str model_id;
    const char *input;
    uint64_t began_ns;
    char task_id[BERTH_ID_LENGTH + 1];
};

struct ml_usage_report {
    struct ml_counts totals[ML_STAT_ACTIONS];
    uint64_t running_count;
    struct ml_model_report *models;
    uint32_t model_count;
    struct ml_running_report *running;
    uint32_t running_listed;
    /* Where the texts and lists are. */
    struct base_arena arena;
    struct base_arena *parts;
    uint32_t part_count;
};

/*
 * Asks every loop. limit: durations of a model, the newest of all loops. Not on a loop. What was
 * made is given back with ml_usage_report_deinit, also after a failure.
 */
int32_t ml_usage_report_make(struct ml_plugin *plugin, uint32_t what, uint32_t limit,
                             struct ml_usage_report *out_report, struct berth_error *error);
void ml_usage_report_deinit(struct ml_usage_report *report);

/* NULL where a model was not used. */
const struct ml_model_report *ml_usage_report_find(const struct ml_usage_report *report,
                                                   struct berth_str id);

#endif
