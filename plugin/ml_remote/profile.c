/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: the models that are deployed on this node, how long their latest predictions took, and
 * the predictions that are under way.
 */
#include "base/clock.h"
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/task.h"
#include "plugin/ml_remote/usage_report.h"

#include <stdlib.h>

/* What stands behind a model, in place of the name of a class. */
#define PREDICTOR "ml_remote.RemoteModel"

/* Ids that are asked for: of the path, joined by commas, and of the body. */
struct wanted {
    bool all;
    struct berth_str path;
    struct json_value body;
};

struct profile {
    struct ml_call *call;
    struct wanted models;
    struct wanted tasks;
    bool by_model; /* view=model */
    bool local_node;
    struct berth_str node_id;
    struct ml_usage_report report;
    struct berth_str *ids; /* of the models shown */
    uint32_t id_count;
    uint32_t id_cap;
    bool no_memory;
};

/* ---- what is asked for ---- */

static bool names(const struct wanted *wanted, struct berth_str id) {
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

static bool names_some(const struct wanted *wanted) {
    return wanted->all || wanted->path.len || json_present(json_first(wanted->body));
}

/* The tasks of a model that is named are shown with it. */
static bool wants_task(const struct profile *p, const struct ml_running_report *task) {
    return p->tasks.all || names(&p->tasks, base_cstr(task->task_id)) ||
           names(&p->models, task->model_id);
}

static int32_t read_view(struct profile *p) {
    struct ml_call *call = p->call;
    struct berth_str view = BERTH_STR("node");
    (void)call->plugin->routes->query(call->request, BERTH_STR("view"), &view);
    p->by_model = base_str_eq_nocase(view, BERTH_STR("model"));
    return p->by_model || base_str_eq_nocase(view, BERTH_STR("node"))
               ? BERTH_OK
               : ml_invalid(&call->error, "[view] is node or model, not [" BASE_FMT "]",
                            BASE_ARG(base_str_slice(view, 0, 80)));
}

static int32_t read_nodes(struct profile *p) {
    struct ml_call *call = p->call;
    struct json_value list;
    int32_t code = ml_call_container(call, call->body, "node_ids", JSON_ARRAY, &list);
    p->local_node = !json_present(json_first(list));
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        struct berth_str id;
        if (!json_is(v, JSON_STRING)) {
            return ml_wrong_kind(&call->error, "[node_ids] is an array of texts");
        }
        if (!json_string(v, &call->arena, &id)) {
            return base_error_memory(&call->error);
        }
        p->local_node = p->local_node || (id.len && ml_node_is_named(call->plugin, id));
    }
    return code;
}

static int32_t read_request(struct profile *p) {
    struct ml_call *call = p->call;
    bool given;
    int32_t code = read_view(p);
    code = code ? code : ml_call_read_optional_body(call);
    code = code ? code : read_nodes(p);
    code =
        code ? code : ml_call_bool(call, call->body, "return_all_models", &p->models.all, &given);
    code = code ? code : ml_call_bool(call, call->body, "return_all_tasks", &p->tasks.all, &given);
    code =
        code ? code : ml_call_container(call, call->body, "model_ids", JSON_ARRAY, &p->models.body);
    code =
        code ? code : ml_call_container(call, call->body, "task_ids", JSON_ARRAY, &p->tasks.body);
    return code;
}

/* ---- models ---- */

static void note_model(void *user, struct berth_str id) {
    struct profile *p = user;
    if (!p->models.all && !names(&p->models, id)) {
        return;
    }
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
    p->ids[p->id_count] = base_arena_dup(&p->call->arena, id);
    p->no_memory = p->no_memory || !p->ids[p->id_count].ptr;
    p->id_count++;
}

static void put_milliseconds(struct base_buf *out, const char *name, double value) {
    json_key(out, name);
    json_put_f64(out, value);
}

static int32_t put_summary(struct profile *p, const struct ml_model_report *model, const char *name,
                           bool whole) {
    struct base_buf *out = &p->call->out;
    struct ml_duration_summary summary;
    uint32_t *list = base_arena_array(&p->call->arena, model->duration_count, sizeof *list);
    if (!list) {
        return base_error_memory(&p->call->error);
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
    struct base_buf *out = &p->call->out;
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
    struct base_buf *out = &p->call->out;
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
    struct base_buf *out = &p->call->out;
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

/* The member "tasks" with those that are wanted; model_id: of that model alone; ptr NULL: of all.
 */
static void put_tasks(struct profile *p, struct berth_str model_id) {
    struct base_buf *out = &p->call->out;
    bool some = false;
    for (uint32_t i = 0; i < p->report.running_listed; i++) {
        const struct ml_running_report *task = &p->report.running[i];
        if (!wants_task(p, task) || (model_id.ptr && !base_str_eq(model_id, task->model_id))) {
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

static bool has_tasks(const struct profile *p) {
    for (uint32_t i = 0; i < p->report.running_listed; i++) {
        if (wants_task(p, &p->report.running[i])) {
            return true;
        }
    }
    return false;
}

/* ---- the two views ---- */

/* In the view of models, what each node says of one, and its tasks. */
static int32_t put_model_view(struct profile *p, const struct ml_document *model) {
    struct base_buf *out = &p->call->out;
    json_open_object(out);
    put_workers(p, json_get(model->root, "planning_worker_nodes"));
    json_key(out, "nodes");
    json_open_object(out);
    json_key_str(out, p->node_id);
    int32_t code = put_model(p, model);
    json_close_object(out);
    put_tasks(p, model->stored->id);
    json_close_object(out);
    return code;
}

static int32_t put_models(struct profile *p) {
    struct ml_call *call = p->call;
    int32_t code = BERTH_OK;
    json_key(&call->out, "models");
    json_open_object(&call->out);
    for (uint32_t i = 0; i < p->id_count && !code; i++) {
        ML_DOCUMENT_AUTO model = {0};
        code = ml_document_get(call->plugin, ML_MODEL, p->ids[i], &model, &call->error);
        if (code == BERTH_E_NOT_FOUND) {
            code = BERTH_OK; /* deleted meanwhile */
            continue;
        }
        if (!code) {
            json_key_str(&call->out, p->ids[i]);
            code = p->by_model ? put_model_view(p, &model) : put_model(p, &model);
        }
    }
    json_close_object(&call->out);
    return code;
}

static int32_t put_nodes(struct profile *p) {
    struct base_buf *out = &p->call->out;
    int32_t code = BERTH_OK;
    json_key(out, "nodes");
    json_open_object(out);
    json_key_str(out, p->node_id);
    json_open_object(out);
    put_tasks(p, base_str(NULL, 0));
    if (p->id_count) {
        code = put_models(p);
    }
    json_close_object(out);
    json_close_object(out);
    return code;
}

/* Tasks keep their model in the view of models, also where models were not asked for. */
static void note_models_of_tasks(struct profile *p) {
    for (uint32_t i = 0; i < p->report.running_listed; i++) {
        const struct ml_running_report *task = &p->report.running[i];
        bool known = !wants_task(p, task);
        for (uint32_t k = 0; k < p->id_count && !known; k++) {
            known = base_str_eq(p->ids[k], task->model_id);
        }
        if (!known) {
            struct wanted before = p->models;
            p->models.all = true;
            note_model(p, task->model_id);
            p->models = before;
        }
    }
}

/* Whether the caller may use a model; of one that is gone, as of one that is not theirs. */
static bool may_use(struct ml_call *call, struct berth_str model_id) {
    return ml_access_require(call, ML_MODEL, model_id, ML_MAY_USE) == BERTH_OK;
}

/* What others may not use is left out, as if it were not there. */
static void leave_out(struct profile *p) {
    uint32_t models = 0;
    uint32_t tasks = 0;
    if (!ml_access_user(p->call->plugin, p->call->settings, p->call->request, ML_MODEL)) {
        return;
    }
    for (uint32_t i = 0; i < p->id_count; i++) {
        if (may_use(p->call, p->ids[i])) {
            p->ids[models++] = p->ids[i];
        }
    }
    for (uint32_t i = 0; i < p->report.running_listed; i++) {
        if (may_use(p->call, p->report.running[i].model_id)) {
            p->report.running[tasks++] = p->report.running[i];
        }
    }
    p->id_count = models;
    p->report.running_listed = tasks;
}

static int32_t put_profile(struct profile *p) {
    struct ml_call *call = p->call;
    int32_t code = BERTH_OK;
    ml_catalogue_each(call->plugin, note_model, p);
    if (p->by_model) {
        note_models_of_tasks(p);
    }
    if (p->no_memory) {
        return base_error_memory(&call->error);
    }
    leave_out(p);
    json_open_object(&call->out);
    if (p->by_model && p->id_count) {
        code = put_models(p);
    } else if (p->id_count || has_tasks(p)) {
        code = put_nodes(p);
    }
    json_close_object(&call->out);
    return code;
}

static int32_t answer(struct profile *p) {
    struct ml_call *call = p->call;
    if (!p->local_node) {
        base_buf_cstr(&call->out, "{}");
        return BERTH_OK;
    }
    p->node_id = ml_node_id(call->plugin, &call->arena);
    int32_t code =
        ml_usage_report_make(call->plugin, ML_REPORT_DURATIONS | ML_REPORT_RUNNING,
                             call->settings->monitoring_request_count, &p->report, &call->error);
    code = code || p->node_id.ptr ? code : base_error_memory(&call->error);
    code = code ? code : put_profile(p);
    ml_usage_report_deinit(&p->report);
    free(p->ids);
    return code;
}

/* ---- the routes ---- */

/* The last placeholder, where the path has one. */
static struct berth_str path_ids(const struct ml_call *call) {
    return call->view->param_count ? call->view->params[0] : base_str("", 0);
}

int32_t ml_get_profile(struct ml_call *call) {
    struct profile p = {.call = call};
    int32_t code = read_request(&p);
    if (!names_some(&p.models) && !names_some(&p.tasks)) {
        p.models.all = true;
        p.tasks.all = true;
    }
    return code ? code : answer(&p);
}

int32_t ml_get_model_profile(struct ml_call *call) {
    struct profile p = {.call = call, .models.path = path_ids(call)};
    int32_t code = read_request(&p);
    p.models.all = p.models.all || !names_some(&p.models);
    return code ? code : answer(&p);
}

int32_t ml_get_task_profile(struct ml_call *call) {
    struct profile p = {.call = call, .tasks.path = path_ids(call)};
    int32_t code = read_request(&p);
    p.tasks.all = p.tasks.all || !names_some(&p.tasks);
    return code ? code : answer(&p);
}
