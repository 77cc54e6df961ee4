/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/usage_report.h"

#include <stdlib.h>

#define ARENA_CHUNK 4096u

/* What one loop, or the workers, have; made by whoever may touch it. */
struct part {
    struct base_arena *arena;
    bool failed; /* without memory */
    struct ml_counts totals[ML_STAT_ACTIONS];
    uint32_t running_count;
    struct ml_model_report *models;
    uint32_t model_count;
    struct ml_running_report *running;
    uint32_t running_listed;
};

struct asking {
    struct ml_plugin *plugin;
    uint32_t what;
    struct part *parts; /* one a loop, and the workers' behind them */
    uint32_t count;
};

/* ---- a part ---- */

static bool copy_durations(struct part *part, const struct ml_durations *from,
                           struct ml_model_report *to) {
    to->durations = base_arena_array(part->arena, from->count + 1u, sizeof *to->durations);
    to->duration_count = from->count;
    if (to->durations && from->count) {
        memcpy(to->durations, from->list, from->count * sizeof *to->durations);
    }
    return to->durations != NULL;
}

static bool copy_latency(struct part *part, const struct ml_usage *from,
                         struct ml_model_report *to) {
    to->latency = base_arena_alloc(part->arena, sizeof *to->latency);
    if (to->latency) {
        *to->latency = from->latency;
    }
    return to->latency != NULL;
}

static void copy_models(struct part *part, const struct ml_usages *usages, uint32_t what) {
    size_t cursor = 0;
    struct ml_usage *usage;
    part->models = base_arena_array(part->arena, usages->models.count + 1, sizeof *part->models);
    part->failed = !part->models;
    while (!part->failed && (usage = base_map_next(&usages->models, &cursor))) {
        struct ml_model_report *model = &part->models[part->model_count++];
        model->id = base_arena_dup(part->arena, usage->id);
        memcpy(model->counts, usage->counts, sizeof model->counts);
        model->running = usage->running;
        part->failed =
            !model->id.ptr ||
            ((what & ML_REPORT_DURATIONS) && !copy_durations(part, &usage->durations, model)) ||
            ((what & ML_REPORT_LATENCY) && !copy_latency(part, usage, model));
    }
}

static void copy_running(struct part *part, const struct ml_usages *usages,
                         const struct ml_plugin *plugin) {
    part->running =
        base_arena_array(part->arena, usages->running_count + 1u, sizeof *part->running);
    part->failed = part->failed || !part->running;
    for (struct ml_track *track = usages->running; track && !part->failed; track = track->next) {
        if (!track->usage) {
            continue;
        }
        if (!track->task_id[0]) {
            plugin->store->generate_id(plugin->host, track->task_id);
        }
        struct ml_running_report *running = &part->running[part->running_listed++];
        *running =
            (struct ml_running_report){.model_id = base_arena_dup(part->arena, track->usage->id),
                                       .input = track->input,
                                       .began_ns = track->began_ns};
        memcpy(running->task_id, track->task_id, sizeof running->task_id);
        part->failed = !running->model_id.ptr;
    }
}

static void copy_part(struct part *part, const struct ml_usages *usages,
                      const struct asking *asking) {
    memcpy(part->totals, usages->totals, sizeof part->totals);
    part->running_count = usages->running_count;
    copy_models(part, usages, asking->what);
    if (asking->what & ML_REPORT_RUNNING) {
        copy_running(part, usages, asking->plugin);
    }
}

static void ask_loop(void *user, uint32_t index, void *context) {
    const struct asking *asking = user;
    const struct ml_loop *loop = context;
    if (index + 1 < asking->count) {
        copy_part(&asking->parts[index], &loop->usages, asking);
    }
}

static int32_t ask_all(struct asking *asking, struct berth_error *error) {
    struct ml_plugin *plugin = asking->plugin;
    int32_t code = plugin->loop->run_on_all(plugin->host, ask_loop, asking);
    if (code) {
        return base_error(error, code, "the loops cannot be asked for what they counted");
    }
    (void)pthread_mutex_lock(&plugin->usages_lock);
    copy_part(&asking->parts[asking->count - 1], &plugin->usages, asking);
    (void)pthread_mutex_unlock(&plugin->usages_lock);
    for (uint32_t i = 0; i < asking->count; i++) {
        code = asking->parts[i].failed ? base_error_memory(error) : code;
    }
    return code;
}

/* ---- all parts ---- */

static void add_counts(struct ml_counts *to, const struct ml_counts *from) {
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        to[act].requests += from[act].requests;
        to[act].failures += from[act].failures;
    }
}

/* Appends; the list is as long as all parts' together. */
static bool add_durations(struct base_arena *arena, struct ml_model_report *to,
                          const struct ml_model_report *from) {
    uint32_t count = to->duration_count + from->duration_count;
    if (from->duration_count == 0) {
        return true;
    }
    struct ml_duration *list = base_arena_array(arena, count, sizeof *list);
    if (!list) {
        return false;
    }
    if (to->duration_count) {
        memcpy(list, to->durations, to->duration_count * sizeof *list);
    }
    memcpy(list + to->duration_count, from->durations, from->duration_count * sizeof *list);
    to->durations = list;
    to->duration_count = count;
    return true;
}

/* The first part's is where all are added up. */
static void add_latency(struct ml_model_report *to, const struct ml_model_report *from) {
    to->running += from->running;
    if (!to->latency) {
        to->latency = from->latency;
    } else if (from->latency) {
        ml_latency_add(to->latency, from->latency);
    }
}

static bool add_models(struct ml_usage_report *report, struct base_map *known,
                       const struct part *part) {
    for (uint32_t i = 0; i < part->model_count; i++) {
        const struct ml_model_report *from = &part->models[i];
        struct ml_model_report *to = base_map_get(known, from->id);
        if (!to) {
            to = &report->models[report->model_count++];
            to->id = from->id;
            if (!base_map_set(known, to->id, to)) {
                return false;
            }
        }
        add_counts(to->counts, from->counts);
        add_latency(to, from);
        if (!add_durations(&report->arena, to, from)) {
            return false;
        }
    }
    return true;
}

static int newest_first(const void *a, const void *b) {
    uint64_t left = ((const struct ml_duration *)a)->ended_ns;
    uint64_t right = ((const struct ml_duration *)b)->ended_ns;
    return left > right ? -1 : left < right ? 1 : 0;
}

static bool add_parts(struct ml_usage_report *report, const struct asking *asking, uint32_t limit) {
    struct base_map known = {0};
    size_t models = 1;
    size_t running = 1;
    bool ok = true;
    for (uint32_t i = 0; i < asking->count; i++) {
        models += asking->parts[i].model_count;
        running += asking->parts[i].running_listed;
    }
    report->models = base_arena_array(&report->arena, models, sizeof *report->models);
    report->running = base_arena_array(&report->arena, running, sizeof *report->running);
    ok = report->models && report->running;
    for (uint32_t i = 0; i < asking->count && ok; i++) {
        const struct part *part = &asking->parts[i];
        add_counts(report->totals, part->totals);
        report->running_count += part->running_count;
        for (uint32_t k = 0; k < part->running_listed; k++) {
            report->running[report->running_listed++] = part->running[k];
        }
        ok = add_models(report, &known, part);
    }
    for (uint32_t i = 0; i < report->model_count; i++) {
        struct ml_model_report *model = &report->models[i];
        if (model->duration_count) {
            qsort(model->durations, model->duration_count, sizeof *model->durations, newest_first);
        }
        model->duration_count = model->duration_count < limit ? model->duration_count : limit;
    }
    base_map_deinit(&known);
    return ok;
}

int32_t ml_usage_report_make(struct ml_plugin *plugin, uint32_t what, uint32_t limit,
                             struct ml_usage_report *out, struct berth_error *error) {
    uint32_t count = plugin->loop->count(plugin->host) + 1;
    *out = (struct ml_usage_report){.part_count = 0};
    base_arena_init(&out->arena, ARENA_CHUNK);
    struct asking asking = {.plugin = plugin, .what = what, .count = count};
    asking.parts = base_arena_array(&out->arena, count, sizeof *asking.parts);
    out->parts = base_arena_array(&out->arena, count, sizeof *out->parts);
    if (!asking.parts || !out->parts) {
        return base_error_memory(error);
    }
    out->part_count = count;
    for (uint32_t i = 0; i < count; i++) {
        base_arena_init(&out->parts[i], ARENA_CHUNK);
        asking.parts[i].arena = &out->parts[i];
    }
    int32_t code = ask_all(&asking, error);
    return code || add_parts(out, &asking, limit) ? code : base_error_memory(error);
}

void ml_usage_report_deinit(struct ml_usage_report *report) {
    for (uint32_t i = 0; i < report->part_count; i++) {
        base_arena_deinit(&report->parts[i]);
    }
    base_arena_deinit(&report->arena);
}

const struct ml_model_report *ml_usage_report_find(const struct ml_usage_report *report,
                                                   struct berth_str id) {
    for (uint32_t i = 0; i < report->model_count; i++) {
        if (base_str_eq(report->models[i].id, id)) {
            return &report->models[i];
        }
    }
    return NULL;
}
