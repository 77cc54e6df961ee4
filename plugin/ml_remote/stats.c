/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/stats.h"

#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/node_ask.h"
#include "plugin/ml_remote/usage_report.h"

#include <stdio.h>
#include <unistd.h>

/* ---- what the numbers are made of ---- */

struct figures {
    const struct ml_usage_report *report;
    uint64_t deployed;
};

static uint64_t sum_requests(const struct figures *f) {
    uint64_t sum = 0;
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        sum += f->report->totals[act].requests;
    }
    return sum;
}

static uint64_t sum_failures(const struct figures *f) {
    uint64_t sum = 0;
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        sum += f->report->totals[act].failures;
    }
    return sum;
}

static uint64_t executing(const struct figures *f) {
    return f->report->running_count;
}

static uint64_t deployed(const struct figures *f) {
    return f->deployed;
}

/* There is no heap of a virtual machine: what the process holds of the machine's memory. */
static uint64_t memory_percent(const struct figures *f) {
    (void)f;
    unsigned long long resident = 0;
    long pages = sysconf(_SC_PHYS_PAGES);
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%*u %llu", &resident) != 1) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return pages > 0 ? resident * 100 / (unsigned long long)pages : 0;
}

/* Nothing is refused for want of memory before it is wanted. */
static uint64_t none(const struct figures *f) {
    (void)f;
    return 0;
}

/* ---- the table ---- */

/* Of an index, whether it exists, or how many documents it has. */
enum index_fact { STATUS, COUNT };

static const struct row {
    const char *name;
    enum ml_stat_level level;
    enum ml_kind kind; /* of a cluster's */
    enum index_fact fact;
    uint64_t (*figure)(const struct figures *f); /* of a node's */
} rows[] = {
    {"ml_model_index_status", ML_LEVEL_CLUSTER, ML_MODEL, STATUS, NULL},
    {"ml_connector_index_status", ML_LEVEL_CLUSTER, ML_CONNECTOR, STATUS, NULL},
    {"ml_config_index_status", ML_LEVEL_CLUSTER, ML_CONFIG, STATUS, NULL},
    {"ml_task_index_status", ML_LEVEL_CLUSTER, ML_TASK, STATUS, NULL},
    {"ml_controller_index_status", ML_LEVEL_CLUSTER, ML_CONTROLLER, STATUS, NULL},
    {"ml_model_count", ML_LEVEL_CLUSTER, ML_MODEL, COUNT, NULL},
    {"ml_connector_count", ML_LEVEL_CLUSTER, ML_CONNECTOR, COUNT, NULL},
    {"ml_jvm_heap_usage", ML_LEVEL_NODE, ML_KINDS, COUNT, memory_percent},
    {"ml_executing_task_count", ML_LEVEL_NODE, ML_KINDS, COUNT, executing},
    {"ml_request_count", ML_LEVEL_NODE, ML_KINDS, COUNT, sum_requests},
    {"ml_failure_count", ML_LEVEL_NODE, ML_KINDS, COUNT, sum_failures},
    {"ml_deployed_model_count", ML_LEVEL_NODE, ML_KINDS, COUNT, deployed},
    {"ml_circuit_breaker_trigger_count", ML_LEVEL_NODE, ML_KINDS, COUNT, none},
    {"ml_action_request_count", ML_LEVEL_ACTION, ML_KINDS, COUNT, NULL},
    {"ml_action_failure_count", ML_LEVEL_ACTION, ML_KINDS, COUNT, NULL},
};
_Static_assert(BASE_COUNT(rows) <= ML_STATS_MAX, "a query has room for each");

#define ACTION_REQUESTS (BASE_COUNT(rows) - 2)
#define ACTION_FAILURES (BASE_COUNT(rows) - 1)

static const char *const level_names[ML_LEVELS] = {
    [ML_LEVEL_CLUSTER] = "cluster",     [ML_LEVEL_NODE] = "node",   [ML_LEVEL_ACTION] = "action",
    [ML_LEVEL_ALGORITHM] = "algorithm", [ML_LEVEL_MODEL] = "model",
};

const char *ml_stat_level_name(enum ml_stat_level level) {
    return level_names[level];
}

bool ml_stat_level_find(struct berth_str name, enum ml_stat_level *out_level) {
    for (int i = 0; i < ML_LEVELS; i++) {
        if (base_str_eq_nocase(name, base_cstr(level_names[i]))) {
            *out_level = (enum ml_stat_level)i;
            return true;
        }
    }
    return false;
}

uint32_t ml_stats_count(void) {
    return BASE_COUNT(rows);
}

const char *ml_stat_name(uint32_t stat) {
    return rows[stat].name;
}

enum ml_stat_level ml_stat_level_of(uint32_t stat) {
    return rows[stat].level;
}

bool ml_stat_find(struct berth_str name, uint32_t *out_stat) {
    for (uint32_t i = 0; i < BASE_COUNT(rows); i++) {
        if (base_str_eq_nocase(name, base_cstr(rows[i].name))) {
            *out_stat = i;
            return true;
        }
    }
    return false;
}

/* ---- showing ---- */

static int32_t put_cluster_stat(struct ml_call *call, const struct row *row) {
    const struct ml_plugin *plugin = call->plugin;
    struct berth_index_info info = {.size = sizeof info};
    int32_t code =
        plugin->store->index_info(plugin->host, ml_index(row->kind), &info, &call->error);
    if (code) {
        return code;
    }
    if (row->fact == COUNT) {
        json_member_u64(&call->out, row->name, info.document_count);
    } else {
        json_member_cstr(&call->out, row->name, info.exists ? "green" : "non-existent");
    }
    return BERTH_OK;
}

static void put_counts(struct base_buf *out, const struct ml_stats_query *query,
                       const struct ml_counts *counts) {
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        if (!query->acts[act] || counts[act].requests == 0) {
            continue;
        }
        json_key(out, ml_stats_action_name((enum ml_stat_action)act));
        json_open_object(out);
        if (query->wants[ACTION_REQUESTS]) {
            json_member_u64(out, rows[ACTION_REQUESTS].name, counts[act].requests);
        }
        if (query->wants[ACTION_FAILURES]) {
            json_member_u64(out, rows[ACTION_FAILURES].name, counts[act].failures);
        }
        json_close_object(out);
    }
}

static bool has_counts(const struct ml_stats_query *query, const struct ml_counts *counts) {
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        if (query->acts[act] && counts[act].requests) {
            return true;
        }
    }
    return false;
}

static bool wants_model(const struct ml_stats_query *query, struct berth_str id) {
    struct json_value ids = query->model_ids;
    for (struct json_value v = json_first(ids); json_present(v); v = json_next(ids, v)) {
        if (json_string_is(v, id)) {
            return true;
        }
    }
    return !json_present(ids);
}

static void put_actions(const struct ml_stats_query *query, const struct ml_usage_report *report,
                        struct base_buf *out) {
    if (query->algorithms && query->remote && has_counts(query, report->totals)) {
        json_key(out, "algorithms");
        json_open_object(out);
        json_key(out, "remote");
        json_open_object(out);
        put_counts(out, query, report->totals);
        json_close_object(out);
        json_close_object(out);
    }
    bool some = false;
    for (uint32_t i = 0; i < report->model_count && query->models; i++) {
        const struct ml_model_report *model = &report->models[i];
        if (!wants_model(query, model->id) || !has_counts(query, model->counts)) {
            continue;
        }
        if (!some) {
            json_key(out, "models");
            json_open_object(out);
            some = true;
        }
        json_key_str(out, model->id);
        json_open_object(out);
        put_counts(out, query, model->counts);
        json_close_object(out);
    }
    if (some) {
        json_close_object(out);
    }
}

static void count_one(void *user, struct berth_str id) {
    (void)id;
    ++*(uint64_t *)user;
}

int32_t ml_stats_put_node(struct ml_plugin *plugin, const struct ml_stats_query *query,
                          struct base_buf *out, struct berth_error *error) {
    struct ml_usage_report report;
    struct figures figures = {.report = &report};
    int32_t code = ml_usage_report_make(plugin, 0, 0, &report, error);
    if (!code) {
        ml_catalogue_each(plugin, count_one, &figures.deployed);
        json_open_object(out);
        for (size_t i = 0; i < BASE_COUNT(rows); i++) {
            if (query->wants[i] && rows[i].level == ML_LEVEL_NODE) {
                json_member_u64(out, rows[i].name, rows[i].figure(&figures));
            }
        }
        put_actions(query, &report, out);
        json_close_object(out);
    }
    ml_usage_report_deinit(&report);
    return code;
}

/* ---- all nodes ---- */

/* Of models that the caller may not use, nothing is told. */
static bool may_see(struct ml_call *call, struct berth_str id) {
    return ml_access_require(call, ML_MODEL, id, ML_MAY_USE) == BERTH_OK;
}

static void put_models(struct ml_call *call, struct json_value models) {
    struct base_buf *out = &call->out;
    bool some = false;
    for (struct json_value key = json_first(models); json_present(key);) {
        struct json_value counts = json_next(models, key);
        struct berth_str id = json_inner(key); /* ids have nothing to be escaped */
        if (may_see(call, id)) {
            if (!some) {
                json_key(out, "models");
                json_open_object(out);
                some = true;
            }
            json_key_str(out, id);
            json_put_raw(out, json_raw(counts));
        }
        key = json_next(models, counts);
    }
    if (some) {
        json_close_object(out);
    }
}

static void put_report(struct ml_call *call, const struct ml_node_report *report) {
    struct base_buf *out = &call->out;
    json_key_str(out, report->node_id);
    json_open_object(out);
    for (struct json_value key = json_first(report->root); json_present(key);) {
        struct json_value value = json_next(report->root, key);
        if (json_string_is(key, BERTH_STR("models"))) {
            put_models(call, value);
        } else {
            json_key_str(out, json_inner(key));
            json_put_raw(out, json_raw(value));
        }
        key = json_next(report->root, value);
    }
    json_close_object(out);
}

struct own_report {
    struct ml_call *call;
    const struct ml_stats_query *query;
};

static int32_t put_own(void *user, struct base_buf *out) {
    const struct own_report *own = user;
    return ml_stats_put_node(own->call->plugin, own->query, out, &own->call->error);
}

static int32_t put_nodes(struct ml_call *call, const struct ml_stats_query *query,
                         const struct ml_node_list *nodes, struct berth_str body) {
    struct ml_node_reports reports;
    struct own_report own = {call, query};
    const struct ml_node_question question = {ML_STATS_PATH, body, ML_REPORT_TIMEOUT_MS};
    int32_t code =
        ml_nodes_gather(call->plugin, nodes, &question, put_own, &own, &reports, &call->error);
    json_key(&call->out, "nodes");
    json_open_object(&call->out);
    for (uint32_t i = 0; i < reports.count && !code; i++) {
        if (json_present(reports.list[i].root)) {
            put_report(call, &reports.list[i]);
        }
    }
    json_close_object(&call->out);
    ml_node_reports_deinit(&reports);
    return code;
}

int32_t ml_stats_put(struct ml_call *call, const struct ml_stats_query *query,
                     const struct ml_node_list *nodes, struct berth_str question) {
    int32_t code = BERTH_OK;
    json_open_object(&call->out);
    for (size_t i = 0; i < BASE_COUNT(rows) && !code; i++) {
        if (query->wants[i] && rows[i].level == ML_LEVEL_CLUSTER) {
            code = put_cluster_stat(call, &rows[i]);
        }
    }
    if (!code && query->nodes) {
        code = put_nodes(call, query, nodes, question);
    }
    json_close_object(&call->out);
    return code;
}
