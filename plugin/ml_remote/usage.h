/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of this node since it started: counters, durations, and what is under way.
 *
 * Each loop has a struct ml_usages that its thread alone touches, so that a prediction takes no
 * lock; what workers do is in one of the plugin's, under its lock. usage_report.h adds them up.
 */
#ifndef ML_REMOTE_USAGE_H
#define ML_REMOTE_USAGE_H

#include <berth/store.h>

#include "base/error.h"
#include "base/map.h"
#include "plugin/ml_remote/durations.h"
#include "plugin/ml_remote/latency.h"

struct ml_plugin;

/* What is counted. */
enum ml_stat_action {
    ML_STAT_REGISTER,
    ML_STAT_DEPLOY,
    ML_STAT_UNDEPLOY,
    ML_STAT_PREDICT,
    ML_STAT_BATCH_PREDICT,
    ML_STAT_ACTIONS,
    ML_STAT_NONE = ML_STAT_ACTIONS,
};

/* As the statistics name it: "register", ... */
const char *ml_stats_action_name(enum ml_stat_action act);

struct ml_counts {
    uint64_t requests;
    uint64_t failures; /* of the node or of the remote service; what the client did wrong is none */
};

/* Of one model. */
struct ml_usage {
    struct berth_str id; /* behind the struct */
    struct ml_counts counts[ML_STAT_ACTIONS];
    struct ml_durations durations;
    struct ml_latency latency;
    uint32_t running;
};

/* A prediction under way. */
struct ml_track {
    struct ml_track *next;
    struct ml_track *previous;
    struct ml_usage *usage; /* NULL: not tracked, or the model was deleted meanwhile */
    uint64_t began_ns;
    bool is_tracked;
    const char *input;                 /* the form of what came, for who looks */
    char task_id[BERTH_ID_LENGTH + 1]; /* made when somebody looks */
};

struct ml_usages {
    struct base_map models; /* struct ml_usage by id */
    struct ml_counts totals[ML_STAT_ACTIONS];
    struct ml_track *running;
    uint32_t running_count;
};

/* All zero is an empty one. */
void ml_usages_deinit(struct ml_usages *usages);

/*
 * Of a model, made where there is none. NULL for no id, and without memory: then the model goes
 * uncounted, and the totals are right all the same.
 */
struct ml_usage *ml_usages_of(struct ml_usages *usages, struct berth_str id);

/* Whether a failure is one that counts: not one of the client's. */
bool ml_usage_is_failure(const struct berth_error *error);

/* Counts an act of a model that exists; id empty: of none. */
void ml_usages_count(struct ml_usages *usages, enum ml_stat_action act, struct berth_str id,
                     bool failed);

/* Forgets a model that was deleted; what all models add up to stays. */
void ml_usages_forget(struct ml_usages *usages, struct berth_str id);

/* Brings all durations down to a bound that was changed. */
void ml_usages_limit(struct ml_usages *usages, uint32_t limit);

/* ---- predictions; on the loop ---- */

/* Counts it and lists it as under way. track is all zero, and stays where it is until the end. */
void ml_track_begin(struct ml_track *track, struct ml_usages *usages, struct berth_str id,
                    const char *input, uint64_t began_ns);
/*
 * Ends what was begun; nothing otherwise. spans: but for when it began and ends, which are known
 * here; limit: durations to keep.
 */
void ml_track_end(struct ml_track *track, struct ml_usages *usages, bool failed,
                  const struct ml_spans *spans, uint32_t limit);

/* ---- what workers do ---- */

/* Between these an act counts as under way. error: of a failed one; NULL: it succeeded. */
void ml_control_begin(struct ml_plugin *plugin);
void ml_control_end(struct ml_plugin *plugin, enum ml_stat_action act, struct berth_str model_id,
                    const struct berth_error *error);

/* The end of a request with a status, which counts as action; ML_STAT_NONE is not counted. */
void ml_stats_note_call(struct ml_plugin *plugin, enum ml_stat_action action, uint32_t status);

#endif
