/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/profile.h"

#include "base/clock.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/task.h"
#include "plugin/ml_remote/usage_report.h"

#include <stdlib.h>

/* What stands behind a model, in place of the name of a class. */
#define PREDICTOR "ml_remote.RemoteModel"

struct profile {
    struct ml_plugin *plugin;
    const struct ml_profile_query *query;
    struct base_buf *out;
    struct berth_error *error;
    struct base_arena arena;
    struct berth_str node_id;
    struct ml_usage_report report;
    struct berth_str *ids; /* of the models told of */
    uint32_t id_count;
    uint32_t id_cap;
    bool no_memory;
};

/* ---- what is asked for ---- */

static bool names(const struct ml_profile_wanted *wanted, struct berth_str id) {
    struct berth_str rest = wanted->path;
    struct berth_str one;
    while (base_str_split(&rest, ',', &one)) {
        if (base_str_eq(base_str_trim(one), id)) {
            return true;
        }
    }
    struct json_value list = wanted->body;
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        if (json_string_is(v, id)) {
            return true;
        }
    }
    return false;
}

/* The tasks of a model that is named are shown with it. */
static bool wants_task(const struct profile *p, const struct ml_running_report *task) {
    return p->query->tasks.all || names(&p->query->tasks, base_cstr(task->task_id)) ||
           names(&p->query->models, task->model_id);
}

/* ---- models ---- */

static void add_model(struct profile *p, struct berth_str id) {
    if (p->id_count == p->id_cap) {
        uint32_t cap = p->id_cap ? 2 * p->id_cap : 64;
        struct berth_str *ids = realloc(p->ids, cap * sizeof *ids);
        if (!ids) {
            p->no_memory = true;
            return;
        }
        p->ids = ids;
        p->id_cap = cap;
    }
    p->ids[p->id_count] = base_arena_dup(&p->arena, id);
    p->no_memory = p->no_memory || !p->ids[p->id_count].ptr;
    p->id_count++;
}

static void note_model(void *user, struct berth_str id) {
    struct profile *p = user;
    if (p->query->models.all || names(&p->query->models, id)) {
        add_model(p, id);
    }
}

static void put_milliseconds(struct base_buf *out, const char *name, double value) {
    json_key(out, name);
    json_put_f64(out, value);
}

static int32_t put_summary(struct profile *p, const struct ml_model_report *model, const char *name,
                           bool whole) {
    struct base_buf *out = p->out;
    struct ml_duration_summary summary;
    uint32_t *list = base_arena_array(&p->arena, model->duration_count, sizeof *list);
    if (!list) {
        return base_error_memory(p->error);
    }
    for (uint32_t i = 0; i < model->duration_count; i++) {
        list[i] = whole ? model->durations[i].request_us : model->durations[i].inference_us;
    }
    ml_durations_summarise(list, model->duration_count, &summary);
    json_key(out, name);
    json_open_object(out);
    json_member_u64(out, "count", summary.count);
    put_milliseconds(out, "max", summary.max);
    put_milliseconds(out, "min", summary.min);
    put_milliseconds(out, "average", summary.average);
    put_milliseconds(out, "p50", summary.p50);
    put_milliseconds(out, "p90", summary.p90);
    put_milliseconds(out, "p99", summary.p99);
    json_close_object(out);
    return BERTH_OK;
}

static void put_workers(struct profile *p, struct json_value planned) {
    struct base_buf *out = p->out;
    json_member_raw(out, "target_worker_nodes",
                    json_is(planned, JSON_ARRAY) ? json_raw(planned) : BERTH_STR("[]"));
    json_key(out, "worker_nodes");
    json_open_array(out);
    json_put_string(out, p->node_id);
    json_close_array(out);
}

static int32_t put_durations(struct profile *p, struct berth_str id) {
    const struct ml_model_report *model = ml_usage_report_find(&p->report, id);
    if (!model || model->duration_count == 0) {
        return BERTH_OK;
    }
    int32_t code = put_summary(p, model, "model_inference_stats", false);
    return code ? code : put_summary(p, model, "predict_request_stats", true);
}

/* What this node says of a model. */
static int32_t put_model(struct profile *p, const struct ml_document *model) {
    struct base_buf *out = p->out;
    struct json_value state = json_get(model->root, "model_state");
    json_open_object(out);
    if (json_present(state)) {
        json_member_raw(out, "model_state", json_raw(state));
    }
    json_member_cstr(out, "predictor", PREDICTOR);
    put_workers(p, json_get(model->root, "planning_worker_nodes"));
    int32_t code = put_durations(p, model->stored->id);
    if (json_is(json_get(model->root, "is_hidden"), JSON_TRUE)) {
        json_member_bool(out, "is_hidden", true);
    }
    json_close_object(out);
    return code;
}

/* ---- tasks ---- */

static void put_task(struct profile *p, const struct ml_running_report *task) {
    struct base_buf *out = p->out;
    uint64_t now_ns = base_monotonic_ns();
    uint64_t age_ms = now_ns > task->began_ns ? (now_ns - task->began_ns) / BASE_NS_PER_MS : 0;
    uint64_t created = base_wall_ms() - age_ms;
    json_key(out, task->task_id);
    json_open_object(out);
    json_member_cstr(out, "task_id", task->task_id);
    json_member_string(out, "model_id", task->model_id);
    json_member_cstr(out, "task_type", "PREDICTION");
    json_member_cstr(out, "function_name", "REMOTE");
    json_member_cstr(out, "state", "RUNNING");
    json_member_cstr(out, "input_type", task->input);
    json_key(out, "worker_node");
    json_open_array(out);
    json_put_string(out, p->node_id);
    json_close_array(out);
    json_member_u64(out, "create_time", created);
    json_member_u64(out, "last_update_time", created);
    json_member_bool(out, "is_async", false);
    json_close_object(out);
}

/* The member "tasks" with those that are wanted. */
static void put_tasks(struct profile *p) {
    struct base_buf *out = p->out;
    bool some = false;
    for (uint32_t i = 0; i < p->report.running_listed; i++) {
        const struct ml_running_report *task = &p->report.running[i];
        if (!wants_task(p, task)) {
            continue;
        }
        if (!some) {
            json_key(out, "tasks");
            json_open_object(out);
            some = true;
        }
        put_task(p, task);
    }
    if (some) {
        json_close_object(out);
    }
}

/* ---- both ---- */

/* Where what is told is shown by models, tasks keep theirs, asked for or not. */
static void note_models_of_tasks(struct profile *p) {
    for (uint32_t i = 0; i < p->report.running_listed; i++) {
        const struct ml_running_report *task = &p->report.running[i];
        bool known = !wants_task(p, task);
        for (uint32_t k = 0; k < p->id_count && !known; k++) {
            known = base_str_eq(p->ids[k], task->model_id);
        }
        if (!known) {
            add_model(p, task->model_id);
        }
    }
}

static int32_t put_models(struct profile *p) {
    int32_t code = BERTH_OK;
    if (p->id_count == 0) {
        return code;
    }
    json_key(p->out, "models");
    json_open_object(p->out);
    for (uint32_t i = 0; i < p->id_count && !code; i++) {
        ML_DOCUMENT_AUTO model = {0};
        code = ml_document_get(p->plugin, ML_MODEL, p->ids[i], &model, p->error);
        if (code == BERTH_E_NOT_FOUND) {
            code = BERTH_OK; /* deleted meanwhile */
            continue;
        }
        if (!code) {
            json_key_str(p->out, p->ids[i]);
            code = put_model(p, &model);
        }
    }
    json_close_object(p->out);
    return code;
}

static int32_t put_all(struct profile *p) {
    ml_catalogue_each(p->plugin, note_model, p);
    if (p->query->by_model) {
        note_models_of_tasks(p);
    }
    if (p->no_memory) {
        return base_error_memory(p->error);
    }
    json_open_object(p->out);
    put_tasks(p);
    int32_t code = put_models(p);
    json_close_object(p->out);
    return code;
}

int32_t ml_profile_put_node(struct ml_plugin *plugin, const struct ml_settings *settings,
                            const struct ml_profile_query *query, struct base_buf *out,
                            struct berth_error *error) {
    struct profile p = {.plugin = plugin, .query = query, .out = out, .error = error};
    base_arena_init(&p.arena, 4096);
    p.node_id = ml_node_id(plugin, &p.arena);
    int32_t code = ml_usage_report_make(plugin, ML_REPORT_DURATIONS | ML_REPORT_RUNNING,
                                        settings->monitoring_request_count, &p.report, error);
    code = code || p.node_id.ptr ? code : base_error_memory(error);
    code = code ? code : put_all(&p);
    ml_usage_report_deinit(&p.report);
    base_arena_deinit(&p.arena);
    free(p.ids);
    return code;
}
