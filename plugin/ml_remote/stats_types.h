/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted, and where; plugin/ml_remote/stats.h tells how.
 */
#ifndef ML_REMOTE_STATS_TYPES_H
#define ML_REMOTE_STATS_TYPES_H

#include <stdatomic.h>
#include <stdint.h>

enum ml_stat_action {
    ML_STAT_REGISTER,
    ML_STAT_DEPLOY,
    ML_STAT_UNDEPLOY,
    ML_STAT_PREDICT,
    ML_STAT_BATCH_PREDICT,
    ML_STAT_ACTIONS,
    ML_STAT_NONE = ML_STAT_ACTIONS,
};

struct ml_counter {
    uint64_t requests;
    uint64_t failures; /* by the node's or the service's fault: statuses from 500 on */
};

/* Durations kept of the latest predictions, in microseconds, a loop and model. */
#define ML_TIMINGS_MAX 10000u

struct ml_timings {
    uint32_t *list;
    uint32_t cap;
    uint32_t next;
    uint64_t count; /* of all that were noted since the list was made */
};

/* Of one model on one loop. */
struct ml_model_stats {
    struct ml_counter predict;
    struct ml_timings whole;  /* from the request to its reply */
    struct ml_timings remote; /* of that, with the remote service */
};

/* Of one loop. */
struct ml_loop_stats {
    struct ml_counter predict;
    uint64_t executing;
};

/* Of the plugin. */
struct ml_shared_stats {
    struct {
        _Atomic uint64_t requests;
        _Atomic uint64_t failures;
    } actions[ML_STAT_ACTIONS];
};

#endif
