/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles as clients see them: what the nodes tell, by nodes or by models.
 */
#include "plugin/ml_remote/profile.h"

#include "base/map.h"
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_ask.h"
#include "plugin/ml_remote/node_choice.h"

struct seen_model;

struct view {
    struct ml_call *call;
    struct ml_profile_query query;
    struct ml_node_reports reports;
    struct base_map models;   /* struct seen_model by its id */
    struct seen_model **list; /* the same, in the order in which they were told of */
    uint32_t count;
    bool no_memory;
};

/* ---- what is asked for ---- */

static bool names_some(const struct ml_profile_wanted *wanted) {
    return wanted->all || wanted->path.len || json_present(json_first(wanted->body));
}

static int32_t read_view(struct view *v) {
    struct ml_call *call = v->call;
    struct berth_str view = BERTH_STR("node");
    (void)call->plugin->routes->query(call->request, BERTH_STR("view"), &view);
    v->query.by_model = base_str_eq_nocase(view, BERTH_STR("model"));
    return v->query.by_model || base_str_eq_nocase(view, BERTH_STR("node"))
               ? BERTH_OK
               : ml_invalid(&call->error, "[view] is node or model, not [" BASE_FMT "]",
                            BASE_ARG(base_str_slice(view, 0, 80)));
}

/* Of a client's body, and of that with which another node asks. */
static int32_t read_wanted(struct ml_call *call, struct ml_profile_query *query) {
    bool given;
    int32_t code = ml_call_bool(call, call->body, "return_all_models", &query->models.all, &given);
    code =
        code ? code : ml_call_bool(call, call->body, "return_all_tasks", &query->tasks.all, &given);
    code = code ? code
                : ml_call_container(call, call->body, "model_ids", JSON_ARRAY, &query->models.body);
    return code ? code
                : ml_call_container(call, call->body, "task_ids", JSON_ARRAY, &query->tasks.body);
}

static int32_t read_request(struct view *v) {
    int32_t code = read_view(v);
    code = code ? code : ml_call_read_optional_body(v->call);
    return code ? code : read_wanted(v->call, &v->query);
}

/* ---- asking ---- */

static void put_list(struct base_buf *out, const char *name, struct json_value list) {
    if (json_present(list)) {
        json_member_raw(out, name, json_raw(list));
    }
}

/* A query for another node, as ml_profile_of_node reads it. */
static void put_question(const struct ml_profile_query *query, struct base_buf *out) {
    json_open_object(out);
    json_member_bool(out, "by_model", query->by_model);
    json_member_bool(out, "return_all_models", query->models.all);
    json_member_bool(out, "return_all_tasks", query->tasks.all);
    json_member_string(out, "models", query->models.path);
    json_member_string(out, "tasks", query->tasks.path);
    put_list(out, "model_ids", query->models.body);
    put_list(out, "task_ids", query->tasks.body);
    json_close_object(out);
}

int32_t ml_profile_of_node(struct ml_call *call) {
    struct ml_profile_query query = {0};
    bool given;
    int32_t code = ml_call_read_body(call);
    code = code ? code : read_wanted(call, &query);
    code = code ? code : ml_call_bool(call, call->body, "by_model", &query.by_model, &given);
    code = code ? code : ml_call_text(call, call->body, "models", &query.models.path);
    code = code ? code : ml_call_text(call, call->body, "tasks", &query.tasks.path);
    return code ? code
                : ml_profile_put_node(call->plugin, call->settings, &query, &call->out,
                                      &call->error);
}

static int32_t put_own(void *user, struct base_buf *out) {
    const struct view *v = user;
    struct ml_call *call = v->call;
    return ml_profile_put_node(call->plugin, call->settings, &v->query, out, &call->error);
}

/* ---- which models there are ---- */

/* A model that the caller may use, and what each node tells of it: absent where it does not. */
struct seen_model {
    struct berth_str id;
    struct json_value of_node[];
};

/* Whether the caller may use a model; of one that is gone, as of one that is not theirs. */
static bool may_use(struct ml_call *call, struct berth_str model_id) {
    return ml_access_require(call, ML_MODEL, model_id, ML_MAY_USE) == BERTH_OK;
}

/* The model, made with the first that tells of it; NULL where it is not to be seen. */
static struct seen_model *see_model(struct view *v, struct berth_str id) {
    struct seen_model *model = base_map_get(&v->models, id);
    if (model || !may_use(v->call, id)) {
        return model;
    }
    uint32_t nodes = v->reports.count;
    model = base_arena_array(&v->call->arena, 1, sizeof *model + nodes * sizeof model->of_node[0]);
    if (!model || !base_map_set(&v->models, id, model)) {
        v->no_memory = true;
        return NULL;
    }
    model->id = id;
    v->list[v->count++] = model;
    return model;
}

static int32_t see_models(struct view *v) {
    size_t most = 0;
    for (uint32_t i = 0; i < v->reports.count; i++) {
        most += json_count(json_get(v->reports.list[i].root, "models"));
    }
    v->list = base_arena_array(&v->call->arena, most + 1, sizeof(struct seen_model *));
    v->no_memory = !v->list;
    for (uint32_t i = 0; i < v->reports.count; i++) {
        struct json_value models = json_get(v->reports.list[i].root, "models");
        for (struct json_value key = json_first(models); json_present(key) && !v->no_memory;) {
            struct json_value told = json_next(models, key);
            /* Ids have nothing to be escaped. */
            struct seen_model *model = see_model(v, json_inner(key));
            if (model) {
                model->of_node[i] = told;
            }
            key = json_next(models, told);
        }
    }
    return v->no_memory ? base_error_memory(&v->call->error) : BERTH_OK;
}

/* ---- what is shown ---- */

/* The nodes that tell of a model: where it is. */
static void put_worker_nodes(struct view *v, const struct seen_model *model) {
    struct base_buf *out = &v->call->out;
    json_key(out, "worker_nodes");
    json_open_array(out);
    for (uint32_t i = 0; i < v->reports.count; i++) {
        if (json_present(model->of_node[i])) {
            json_put_string(out, v->reports.list[i].node_id);
        }
    }
    json_close_array(out);
}

/* What one node tells of a model, with all nodes that it is on. */
static void put_model(struct view *v, const struct seen_model *model, uint32_t node) {
    struct base_buf *out = &v->call->out;
    struct json_value told = model->of_node[node];
    json_open_object(out);
    for (struct json_value key = json_first(told); json_present(key);) {
        struct json_value value = json_next(told, key);
        if (json_string_is(key, BERTH_STR("worker_nodes"))) {
            put_worker_nodes(v, model);
        } else {
            json_key_str(out, json_inner(key));
            json_put_raw(out, json_raw(value));
        }
        key = json_next(told, value);
    }
    json_close_object(out);
}

/* Opens a member's object with the first of what is in it. */
static void open_once(struct base_buf *out, const char *name, bool *is_open) {
    if (!*is_open) {
        json_key(out, name);
        json_open_object(out);
        *is_open = true;
    }
}

static void close_opened(struct base_buf *out, bool is_open) {
    if (is_open) {
        json_close_object(out);
    }
}

/* The tasks of one node: of a model, or, where that is NULL, of all that the caller may use. */
static void put_tasks(struct view *v, uint32_t node, const struct seen_model *model,
                      bool *is_open) {
    struct base_buf *out = &v->call->out;
    struct json_value tasks = json_get(v->reports.list[node].root, "tasks");
    for (struct json_value key = json_first(tasks); json_present(key);) {
        struct json_value task = json_next(tasks, key);
        struct berth_str of = json_inner(json_get(task, "model_id"));
        if (model ? base_str_eq(of, model->id) : may_use(v->call, of)) {
            open_once(out, "tasks", is_open);
            json_key_str(out, json_inner(key));
            json_put_raw(out, json_raw(task));
        }
        key = json_next(tasks, task);
    }
}

/* A node, where it tells of anything that the caller may see. */
static void put_node(struct view *v, uint32_t node, bool *is_open) {
    struct base_buf *out = &v->call->out;
    const size_t before = out->len;
    const bool was_open = *is_open;
    bool tasks = false;
    bool models = false;
    open_once(out, "nodes", is_open);
    json_key_str(out, v->reports.list[node].node_id);
    json_open_object(out);
    put_tasks(v, node, NULL, &tasks);
    close_opened(out, tasks);
    for (uint32_t i = 0; i < v->count; i++) {
        if (json_present(v->list[i]->of_node[node])) {
            open_once(out, "models", &models);
            json_key_str(out, v->list[i]->id);
            put_model(v, v->list[i], node);
        }
    }
    close_opened(out, models);
    json_close_object(out);
    if (!tasks && !models) {
        out->len = before;
        *is_open = was_open;
    }
}

static void put_by_node(struct view *v) {
    bool some = false;
    for (uint32_t i = 0; i < v->reports.count; i++) {
        put_node(v, i, &some);
    }
    close_opened(&v->call->out, some);
}

/* What all nodes tell of a model, and the predictions of it. */
static void put_model_of_nodes(struct view *v, const struct seen_model *model) {
    struct base_buf *out = &v->call->out;
    struct json_value first = JSON_NONE;
    bool tasks = false;
    for (uint32_t i = 0; i < v->reports.count && !json_present(first); i++) {
        first = model->of_node[i];
    }
    json_key_str(out, model->id);
    json_open_object(out);
    json_member_raw(out, "target_worker_nodes", json_raw(json_get(first, "target_worker_nodes")));
    put_worker_nodes(v, model);
    json_key(out, "nodes");
    json_open_object(out);
    for (uint32_t i = 0; i < v->reports.count; i++) {
        if (json_present(model->of_node[i])) {
            json_key_str(out, v->reports.list[i].node_id);
            put_model(v, model, i);
        }
    }
    json_close_object(out);
    for (uint32_t i = 0; i < v->reports.count; i++) {
        put_tasks(v, i, model, &tasks);
    }
    close_opened(out, tasks);
    json_close_object(out);
}

static void put_by_model(struct view *v) {
    bool some = false;
    for (uint32_t i = 0; i < v->count; i++) {
        open_once(&v->call->out, "models", &some);
        put_model_of_nodes(v, v->list[i]);
    }
    close_opened(&v->call->out, some);
}

static int32_t answer(struct view *v) {
    struct ml_call *call = v->call;
    struct ml_node_list nodes;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    base_map_init(&v->models);
    int32_t code = ml_nodes_of_request(call, base_str("", 0), &nodes);
    put_question(&v->query, &body);
    code = code || !body.error ? code : base_error_memory(&call->error);
    if (code) {
        return code;
    }
    const struct ml_node_question question = {ML_PROFILE_PATH, base_buf_view(&body),
                                              ML_REPORT_TIMEOUT_MS};
    code = ml_nodes_gather(call->plugin, &nodes, &question, put_own, v, &v->reports, &call->error);
    code = code ? code : see_models(v);
    json_open_object(&call->out);
    if (!code && v->query.by_model) {
        put_by_model(v);
    } else if (!code) {
        put_by_node(v);
    }
    json_close_object(&call->out);
    base_map_deinit(&v->models);
    ml_node_reports_deinit(&v->reports);
    return code;
}

/* ---- the routes ---- */

/* The last placeholder, where the path has one. */
static struct berth_str path_ids(const struct ml_call *call) {
    return call->view->param_count ? call->view->params[0] : base_str("", 0);
}

int32_t ml_get_profile(struct ml_call *call) {
    struct view v = {.call = call};
    int32_t code = read_request(&v);
    if (!names_some(&v.query.models) && !names_some(&v.query.tasks)) {
        v.query.models.all = true;
        v.query.tasks.all = true;
    }
    return code ? code : answer(&v);
}

int32_t ml_get_model_profile(struct ml_call *call) {
    struct view v = {.call = call, .query.models.path = path_ids(call)};
    int32_t code = read_request(&v);
    v.query.models.all = v.query.models.all || !names_some(&v.query.models);
    return code ? code : answer(&v);
}

int32_t ml_get_task_profile(struct ml_call *call) {
    struct view v = {.call = call, .query.tasks.path = path_ids(call)};
    int32_t code = read_request(&v);
    v.query.tasks.all = v.query.tasks.all || !names_some(&v.query.tasks);
    return code ? code : answer(&v);
}
