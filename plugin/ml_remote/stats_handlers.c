/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET …/stats: one table of counters, and which of them are asked for.
 */
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/stats.h"
#include "plugin/ml_remote/task.h"

enum level { LEVEL_CLUSTER, LEVEL_NODE, LEVEL_ACTION };

struct reading {
    struct ml_call *call;
    struct ml_stats_sum sum;
    struct berth_str wanted; /* names, joined by commas; empty: all */
    uint64_t models;         /* that are deployed on this node */
    struct base_buf by_model;
};

/* ---- the counters ---- */

static int32_t put_index_status(struct reading *r, const char *name, struct berth_str index) {
    struct ml_plugin *plugin = r->call->plugin;
    struct berth_index_info info = {.size = sizeof info};
    int32_t code = plugin->store->index_info(plugin->host, index, &info, &r->call->error);
    if (!code) {
        json_member_cstr(&r->call->out, name, info.exists ? "green" : "non-existent");
    }
    return code;
}

static int32_t put_index_count(struct reading *r, const char *name, struct berth_str index) {
    struct ml_plugin *plugin = r->call->plugin;
    struct berth_index_info info = {.size = sizeof info};
    int32_t code = plugin->store->index_info(plugin->host, index, &info, &r->call->error);
    if (!code) {
        json_member_u64(&r->call->out, name, info.document_count);
    }
    return code;
}

static int32_t put_total(struct reading *r, const char *name, struct berth_str unused) {
    uint64_t requests = 0;
    uint64_t failures = 0;
    (void)unused;
    for (size_t i = 0; i < ML_STAT_ACTIONS; i++) {
        requests += r->sum.actions[i].requests;
        failures += r->sum.actions[i].failures;
    }
    json_member_u64(&r->call->out, name, strcmp(name, "ml_request_count") ? failures : requests);
    return BERTH_OK;
}

static int32_t put_executing(struct reading *r, const char *name, struct berth_str unused) {
    (void)unused;
    json_member_u64(&r->call->out, name, r->sum.executing);
    return BERTH_OK;
}

static int32_t put_deployed(struct reading *r, const char *name, struct berth_str unused) {
    (void)unused;
    json_member_u64(&r->call->out, name, r->models);
    return BERTH_OK;
}

/* There is no Java heap, and no breaker: both stand still. */
static int32_t put_zero(struct reading *r, const char *name, struct berth_str unused) {
    (void)unused;
    json_member_u64(&r->call->out, name, 0);
    return BERTH_OK;
}

static const struct {
    const char *name;
    enum level level;
    int32_t (*put)(struct reading *r, const char *name, struct berth_str index);
    const char *index;
} table[] = {
    {"ml_model_count", LEVEL_CLUSTER, put_index_count, ".plugins-ml-model"},
    {"ml_connector_count", LEVEL_CLUSTER, put_index_count, ".plugins-ml-connector"},
    {"ml_model_index_status", LEVEL_CLUSTER, put_index_status, ".plugins-ml-model"},
    {"ml_connector_index_status", LEVEL_CLUSTER, put_index_status, ".plugins-ml-connector"},
    {"ml_config_index_status", LEVEL_CLUSTER, put_index_status, ".plugins-ml-config"},
    {"ml_task_index_status", LEVEL_CLUSTER, put_index_status, ".plugins-ml-task"},
    {"ml_controller_index_status", LEVEL_CLUSTER, put_index_status, ".plugins-ml-controller"},
    {"ml_request_count", LEVEL_NODE, put_total, NULL},
    {"ml_failure_count", LEVEL_NODE, put_total, NULL},
    {"ml_executing_task_count", LEVEL_NODE, put_executing, NULL},
    {"ml_deployed_model_count", LEVEL_NODE, put_deployed, NULL},
    {"ml_circuit_breaker_trigger_count", LEVEL_NODE, put_zero, NULL},
    {"ml_jvm_heap_usage", LEVEL_NODE, put_zero, NULL},
    {"ml_action_request_count", LEVEL_ACTION, NULL, NULL},
    {"ml_action_failure_count", LEVEL_ACTION, NULL, NULL},
};

static bool is_wanted(const struct reading *r, const char *name) {
    struct berth_str rest = r->wanted;
    struct berth_str one;
    while (rest.len && base_str_split(&rest, ',', &one)) {
        if (base_str_is(base_str_trim(one), name)) {
            return true;
        }
    }
    return r->wanted.len == 0;
}

/* Unknown names are told with those that there are. */
static int32_t check_wanted(struct reading *r) {
    struct berth_str rest = r->wanted;
    struct berth_str one;
    while (rest.len && base_str_split(&rest, ',', &one)) {
        bool known = false;
        for (size_t i = 0; i < BASE_COUNT(table); i++) {
            known |= base_str_is(base_str_trim(one), table[i].name);
        }
        if (!known) {
            BASE_BUF_AUTO names;
            base_buf_init(&names, BASE_BUF_MAX_DEFAULT);
            for (size_t i = 0; i < BASE_COUNT(table); i++) {
                base_buf_format(&names, "%s%s", i ? ", " : "", table[i].name);
            }
            return ml_invalid(
                &r->call->error, "there is no counter [" BASE_FMT "]; there are " BASE_FMT,
                BASE_ARG(base_str_slice(one, 0, 80)), BASE_ARG(base_buf_view(&names)));
        }
    }
    return BERTH_OK;
}

static bool wants_level(const struct reading *r, enum level level) {
    for (size_t i = 0; i < BASE_COUNT(table); i++) {
        if (table[i].level == level && is_wanted(r, table[i].name)) {
            return true;
        }
    }
    return false;
}

static int32_t put_level(struct reading *r, enum level level) {
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(table) && !code; i++) {
        if (table[i].level == level && is_wanted(r, table[i].name)) {
            code = table[i].put(r, table[i].name,
                                table[i].index ? base_cstr(table[i].index) : base_str("", 0));
        }
    }
    return code;
}

/* ---- actions, of all models and of each ---- */

static void put_action(const struct reading *r, const char *name, const struct ml_counter *counter,
                       struct base_buf *out) {
    if (counter->requests == 0) {
        return;
    }
    json_key(out, name);
    json_open_object(out);
    if (is_wanted(r, "ml_action_request_count")) {
        json_member_u64(out, "ml_action_request_count", counter->requests);
    }
    if (is_wanted(r, "ml_action_failure_count")) {
        json_member_u64(out, "ml_action_failure_count", counter->failures);
    }
    json_close_object(out);
}

static void put_actions(struct reading *r) {
    struct base_buf *out = &r->call->out;
    bool any = false;
    for (int i = 0; i < ML_STAT_ACTIONS; i++) {
        any |= r->sum.actions[i].requests > 0;
    }
    if (!any) {
        return;
    }
    json_key(out, "algorithms");
    json_open_object(out);
    json_key(out, "remote");
    json_open_object(out);
    for (int i = 0; i < ML_STAT_ACTIONS; i++) {
        put_action(r, ml_stats_action_name(i), &r->sum.actions[i], out);
    }
    json_close_object(out);
    json_close_object(out);
    if (r->by_model.len) {
        json_key(out, "models");
        base_buf_format(out, "{" BASE_FMT "}", BASE_ARG(base_buf_view(&r->by_model)));
    }
}

/* The catalogue is not held while the loops are asked: first the ids, then their counters. */
static void note_model(void *user, struct berth_str id) {
    struct reading *r = user;
    r->models++;
    base_buf_str(&r->by_model, id);
    base_buf_char(&r->by_model, '\n');
}

static void read_models(struct reading *r) {
    BASE_BUF_AUTO ids;
    struct berth_str id;
    ml_catalogue_each(r->call->plugin, note_model, r);
    ids = r->by_model;
    base_buf_init(&r->by_model, BASE_BUF_MAX_DEFAULT);
    struct berth_str rest = base_buf_view(&ids);
    while (rest.len && base_str_split(&rest, '\n', &id) && id.len) {
        struct ml_model_sum sum;
        if (ml_stats_read_model(r->call->plugin, id, &sum) && sum.predict.requests) {
            json_key_str(&r->by_model, id);
            json_open_object(&r->by_model);
            put_action(r, "predict", &sum.predict, &r->by_model);
            json_close_object(&r->by_model);
        }
        ml_stats_free_model(&sum);
    }
}

/* ---- the routes ---- */

static int32_t put_node(struct reading *r) {
    struct berth_str node = ml_node_id(r->call->plugin, &r->call->arena);
    if (!node.ptr) {
        return base_error_memory(&r->call->error);
    }
    json_key_str(&r->call->out, node);
    json_open_object(&r->call->out);
    int32_t code = put_level(r, LEVEL_NODE);
    if (wants_level(r, LEVEL_ACTION)) {
        put_actions(r);
    }
    json_close_object(&r->call->out);
    return code;
}

static int32_t answer(struct ml_call *call, struct berth_str nodes, struct berth_str wanted) {
    struct reading r = {.call = call, .wanted = wanted};
    base_buf_init(&r.by_model, BASE_BUF_MAX_DEFAULT);
    int32_t code = check_wanted(&r);
    if (code) {
        return code;
    }
    ml_stats_read(call->plugin, &r.sum);
    read_models(&r);
    json_open_object(&call->out);
    code = put_level(&r, LEVEL_CLUSTER);
    if (!code && (wants_level(&r, LEVEL_NODE) || wants_level(&r, LEVEL_ACTION))) {
        json_key(&call->out, "nodes");
        json_open_object(&call->out);
        code = ml_node_is_named(call->plugin, nodes) ? put_node(&r) : BERTH_OK;
        json_close_object(&call->out);
    }
    json_close_object(&call->out);
    code = code ? code : r.by_model.error ? base_error_memory(&call->error) : BERTH_OK;
    base_buf_deinit(&r.by_model);
    return code;
}

int32_t ml_get_stats(struct ml_call *call) {
    return answer(call, base_str("", 0), base_str("", 0));
}

int32_t ml_get_stats_named(struct ml_call *call) {
    return answer(call, base_str("", 0), call->view->params[0]);
}

int32_t ml_get_node_stats(struct ml_call *call) {
    return answer(call, call->view->params[0], base_str("", 0));
}

int32_t ml_get_node_stats_named(struct ml_call *call) {
    return answer(call, call->view->params[0], call->view->params[1]);
}
