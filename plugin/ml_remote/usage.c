/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/usage.h"

#include "base/clock.h"
#include "plugin/ml_remote/plugin.h"

#include <stdlib.h>

#define NS_PER_US 1000u
/* Below are the client's mistakes. */
#define FAILURE_FROM 500u

const char *ml_stats_action_name(enum ml_stat_action act) {
    static const char *const names[ML_STAT_ACTIONS] = {
        [ML_STAT_REGISTER] = "register",           [ML_STAT_DEPLOY] = "deploy",
        [ML_STAT_UNDEPLOY] = "undeploy",           [ML_STAT_PREDICT] = "predict",
        [ML_STAT_BATCH_PREDICT] = "batch_predict",
    };
    return names[act];
}

bool ml_usage_is_failure(const struct berth_error *error) {
    return base_error_status(error) >= FAILURE_FROM;
}

/* ---- models ---- */

static void free_usage(struct ml_usage *usage) {
    if (usage) {
        ml_durations_deinit(&usage->durations);
        free(usage);
    }
}

void ml_usages_deinit(struct ml_usages *usages) {
    size_t cursor = 0;
    struct ml_usage *usage;
    while ((usage = base_map_next(&usages->models, &cursor))) {
        free_usage(usage);
    }
    base_map_deinit(&usages->models);
}

struct ml_usage *ml_usages_of(struct ml_usages *usages, struct berth_str id) {
    struct ml_usage *usage = base_map_get(&usages->models, id);
    if (usage || id.len == 0) {
        return usage;
    }
    usage = calloc(1, sizeof *usage + BASE_LEN(id));
    if (!usage) {
        return NULL;
    }
    memcpy(usage + 1, id.ptr, BASE_LEN(id));
    usage->id = base_str((const char *)(usage + 1), BASE_LEN(id));
    if (!base_map_set(&usages->models, usage->id, usage)) {
        free(usage);
        return NULL;
    }
    return usage;
}

void ml_usages_count(struct ml_usages *usages, enum ml_stat_action act, struct berth_str id,
                     bool failed) {
    struct ml_usage *usage = ml_usages_of(usages, id);
    usages->totals[act].requests++;
    usages->totals[act].failures += failed;
    if (usage) {
        usage->counts[act].requests++;
        usage->counts[act].failures += failed;
    }
}

void ml_usages_forget(struct ml_usages *usages, struct berth_str id) {
    struct ml_usage *usage = base_map_remove(&usages->models, id);
    for (struct ml_track *track = usages->running; track && usage; track = track->next) {
        track->usage = track->usage == usage ? NULL : track->usage;
    }
    free_usage(usage);
}

void ml_usages_limit(struct ml_usages *usages, uint32_t limit) {
    size_t cursor = 0;
    struct ml_usage *usage;
    while ((usage = base_map_next(&usages->models, &cursor))) {
        ml_durations_limit(&usage->durations, limit);
    }
}

/* ---- predictions ---- */

void ml_track_begin(struct ml_track *track, struct ml_usages *usages, struct berth_str id,
                    const char *input, uint64_t began_ns) {
    *track = (struct ml_track){.next = usages->running,
                               .usage = ml_usages_of(usages, id),
                               .began_ns = began_ns,
                               .is_tracked = true,
                               .input = input};
    if (track->next) {
        track->next->previous = track;
    }
    usages->running = track;
    usages->running_count++;
    usages->totals[ML_STAT_PREDICT].requests++;
    if (track->usage) {
        track->usage->running++;
        track->usage->counts[ML_STAT_PREDICT].requests++;
    }
}

static void unlink_track(struct ml_track *track, struct ml_usages *usages) {
    *(track->previous ? &track->previous->next : &usages->running) = track->next;
    if (track->next) {
        track->next->previous = track->previous;
    }
    usages->running_count--;
}

/* Saturates after an hour and eleven minutes. */
static uint32_t microseconds(uint64_t from_ns, uint64_t until_ns) {
    uint64_t us = until_ns > from_ns ? (until_ns - from_ns) / NS_PER_US : 0;
    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void ml_track_end(struct ml_track *track, struct ml_usages *usages, bool failed,
                  const struct ml_spans *given, uint32_t limit) {
    struct ml_usage *usage = track->usage;
    struct ml_spans spans = *given;
    if (!track->is_tracked) {
        return;
    }
    unlink_track(track, usages);
    track->is_tracked = false;
    usages->totals[ML_STAT_PREDICT].failures += failed;
    if (!usage) {
        return;
    }
    usage->running--;
    usage->counts[ML_STAT_PREDICT].failures += failed;
    spans.began_ns = track->began_ns;
    spans.ended_ns = base_monotonic_ns();
    ml_latency_note(&usage->latency, &spans);
    if (spans.asked_ns && spans.answered_ns) {
        ml_durations_add(
            &usage->durations,
            (struct ml_duration){.ended_ns = spans.ended_ns,
                                 .request_us = microseconds(spans.began_ns, spans.ended_ns),
                                 .inference_us = microseconds(spans.asked_ns, spans.answered_ns)},
            limit);
    }
}

/* ---- what workers do ---- */

void ml_control_begin(struct ml_plugin *plugin) {
    (void)pthread_mutex_lock(&plugin->usages_lock);
    plugin->usages.running_count++;
    (void)pthread_mutex_unlock(&plugin->usages_lock);
}

void ml_control_end(struct ml_plugin *plugin, enum ml_stat_action act, struct berth_str model_id,
                    const struct berth_error *error) {
    bool failed = error && ml_usage_is_failure(error);
    (void)pthread_mutex_lock(&plugin->usages_lock);
    plugin->usages.running_count--;
    ml_usages_count(&plugin->usages, act, model_id, failed);
    (void)pthread_mutex_unlock(&plugin->usages_lock);
}

void ml_stats_note_call(struct ml_plugin *plugin, enum ml_stat_action action, uint32_t status) {
    if (action == ML_STAT_NONE) {
        return;
    }
    (void)pthread_mutex_lock(&plugin->usages_lock);
    ml_usages_count(&plugin->usages, action, base_str("", 0), status >= FAILURE_FROM);
    (void)pthread_mutex_unlock(&plugin->usages_lock);
}
