/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _cluster/health, _cluster/state and _cluster/settings.
 */
#include "host/rest/rest.h"
#include "host/store/cluster_settings.h"

/* How long a change of settings waits for all nodes, unless the client says. */
#define SETTINGS_TIMEOUT_MS 30000u

/* ---- health ---- */

/* "3", ">=3", "<=3", ">3", "<3", "ge(3)", "le(3)", "gt(3)", "lt(3)". */
static bool count_matches(struct berth_str wanted, int64_t count, bool *out_matches) {
    static const struct {
        const char *before;
        const char *behind;
        int least;
        int most;
    } forms[] = {
        {">=", "", 0, 1 << 30},    {"<=", "", -(1 << 30), 0},    {">", "", 1, 1 << 30},
        {"<", "", -(1 << 30), -1}, {"ge(", ")", 0, 1 << 30},     {"le(", ")", -(1 << 30), 0},
        {"gt(", ")", 1, 1 << 30},  {"lt(", ")", -(1 << 30), -1}, {"", "", 0, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(forms); i++) {
        struct berth_str before = base_cstr(forms[i].before);
        struct berth_str behind = base_cstr(forms[i].behind);
        int64_t number = 0;
        if (base_str_starts(wanted, before) && base_str_ends(wanted, behind) &&
            wanted.len >= before.len + behind.len &&
            base_str_i64(base_str_slice(wanted, before.len, wanted.len - behind.len), &number)) {
            int64_t above = count - number;
            *out_matches = above >= forms[i].least && above <= forms[i].most;
            return true;
        }
    }
    return false;
}

/* What health tells of the nodes. */
struct node_counts {
    uint32_t nodes;
    uint32_t data_nodes;
    bool is_led;
};

static void count_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    struct node_counts *counts = user;
    *counts = (struct node_counts){.nodes = count};
    for (uint32_t i = 0; i < count; i++) {
        counts->data_nodes += node_has_role(&nodes[i], BERTH_STR("data"));
        counts->is_led = counts->is_led || nodes[i].is_elected;
    }
}

static bool is_whole(const struct rest_context *context) {
    return !context->cluster || cluster_is_whole(context->cluster);
}

/* Red: the store of the cluster is away; predictions and reads go on, writes are refused. */
static void put_health(const struct rest_context *context, const struct node_counts *counts,
                       bool timed_out, struct base_buf *body) {
    static const char *const zeros[] = {
        "active_primary_shards",
        "active_shards",
        "relocating_shards",
        "initializing_shards",
        "unassigned_shards",
        "delayed_unassigned_shards",
        "number_of_pending_tasks",
        "number_of_in_flight_fetch",
        "task_max_waiting_in_queue_millis",
    };
    bool is_led = counts->is_led && is_whole(context);
    json_open_object(body);
    json_member_string(body, "cluster_name", context->cluster_name);
    json_member_cstr(body, "status", is_whole(context) ? "green" : "red");
    json_member_bool(body, "timed_out", timed_out);
    json_member_u64(body, "number_of_nodes", counts->nodes);
    json_member_u64(body, "number_of_data_nodes", counts->data_nodes);
    json_member_bool(body, "discovered_master", is_led);
    json_member_bool(body, "discovered_cluster_manager", is_led);
    for (size_t i = 0; i < BASE_COUNT(zeros); i++) {
        json_member_u64(body, zeros[i], 0);
    }
    json_key(body, "active_shards_percent_as_number");
    json_put_f64(body, 100);
    json_close_object(body);
}

static void get_health(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    bool matches = true;
    struct node_counts counts;
    struct berth_str wanted;
    nodes_read(context->nodes, count_nodes, &counts);
    if (router_query(request, BERTH_STR("wait_for_nodes"), &wanted) == BERTH_OK &&
        !count_matches(wanted, counts.nodes, &matches)) {
        struct berth_error error = BASE_ERROR_INIT;
        (void)base_error(&error, BERTH_E_INVALID,
                         "[wait_for_nodes] cannot be [" BASE_FMT "]: a number, or one behind >=, "
                         "<=, > or <",
                         BASE_ARG(wanted));
        (void)router_reply_error(request, &error);
        return;
    }
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    put_health(context, &counts, !matches, &body);
    router_reply_json(request, matches ? 200 : 408, &body);
}

/* ---- state ---- */

/* Of what OpenSearch knows as well there is nothing to show here: it is of shards. */
static const char *const state_metrics[] = {
    "_all",     "version", "cluster_manager_node", "master_node",   "nodes",
    "metadata", "blocks",  "routing_table",        "routing_nodes",
};

static void put_manager(void *user, const struct berth_node *nodes, uint32_t count) {
    struct base_buf *body = user;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].is_elected) {
            json_member_string(body, "cluster_manager_node", nodes[i].id);
            json_member_string(body, "master_node", nodes[i].id);
        }
    }
}

static void put_state_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    struct base_buf *body = user;
    json_key(body, "nodes");
    json_open_object(body);
    for (uint32_t i = 0; i < count; i++) {
        json_key_str(body, nodes[i].id);
        json_open_object(body);
        json_member_string(body, "name", nodes[i].name);
        json_member_string(body, "ephemeral_id", nodes[i].id);
        json_member_string(body, "transport_address", nodes[i].address);
        json_key(body, "attributes");
        json_open_object(body);
        for (uint32_t k = 0; k < nodes[i].attribute_count; k++) {
            json_key_str(body, nodes[i].attributes[k].name);
            json_put_string(body, nodes[i].attributes[k].value);
        }
        json_close_object(body);
        json_close_object(body);
    }
    json_close_object(body);
}

/* Of a layer that holds a secret setting nothing is shown but its name. */
static bool put_metadata(const struct rest_context *context, struct base_buf *body) {
    struct settings_layer *persistent =
        settings_layer_in_force(context->settings, SETTINGS_PERSISTENT);
    struct settings_layer *transient =
        settings_layer_in_force(context->settings, SETTINGS_TRANSIENT);
    bool ok = persistent && transient;
    if (ok) {
        json_key(body, "metadata");
        json_open_object(body);
        json_member_cstr(body, "cluster_uuid", context->cluster_uuid);
        json_key(body, "settings");
        json_open_object(body);
        json_key(body, "persistent");
        settings_layer_write(persistent, true, body);
        json_key(body, "transient");
        settings_layer_write(transient, true, body);
        json_close_object(body);
        json_close_object(body);
    }
    settings_layer_destroy(persistent);
    settings_layer_destroy(transient);
    return ok;
}

static void reply_memory(struct berth_request *request);

static void refuse_metrics(struct berth_request *request, struct berth_str metrics) {
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO known;
    base_buf_init(&known, 1024);
    for (size_t i = 0; i < BASE_COUNT(state_metrics); i++) {
        base_buf_format(&known, "%s%s", i ? ", " : "", state_metrics[i]);
    }
    (void)base_error(&error, BERTH_E_INVALID,
                     "[" BASE_FMT "] are not metrics of the state, which are [" BASE_FMT "]",
                     BASE_ARG(metrics), BASE_ARG(base_buf_view(&known)));
    (void)router_reply_error(request, &error);
}

/* What a client of OpenSearch reads of it: who is there, and the settings. */
static void get_state(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    const struct rest_context *context = user;
    struct store_stats stats;
    struct berth_str metrics = view->param_count ? view->params[0] : base_str("", 0);
    if (!rest_knows(metrics, state_metrics, BASE_COUNT(state_metrics))) {
        refuse_metrics(request, metrics);
        return;
    }
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    store_stats(context->store, &stats);
    json_open_object(&body);
    json_member_string(&body, "cluster_name", context->cluster_name);
    json_member_cstr(&body, "cluster_uuid", context->cluster_uuid);
    if (rest_wants(metrics, "version")) {
        json_member_u64(&body, "version", stats.last_seq_no);
    }
    if (rest_wants(metrics, "cluster_manager_node") || rest_wants(metrics, "master_node")) {
        nodes_read(context->nodes, put_manager, &body);
    }
    if (rest_wants(metrics, "nodes")) {
        nodes_read(context->nodes, put_state_nodes, &body);
    }
    bool ok = !rest_wants(metrics, "metadata") || put_metadata(context, &body);
    json_close_object(&body);
    if (ok) {
        router_reply_json(request, 200, &body);
    } else {
        reply_memory(request);
    }
}

/* ---- settings ---- */

static bool put_scope(struct base_buf *body, const char *name, struct settings_layer *layer,
                      bool flat) {
    if (layer) {
        json_key(body, name);
        settings_layer_write(layer, flat, body);
        settings_layer_destroy(layer);
    }
    return layer != NULL;
}

static void reply_memory(struct berth_request *request) {
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error_memory(&error);
    (void)router_reply_error(request, &error);
}

static void get_settings(void *user, struct berth_request *request,
                         const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    bool flat = false;
    bool defaults = false;
    if (!router_query_bool(request, "flat_settings", &flat) ||
        !router_query_bool(request, "include_defaults", &defaults)) {
        return;
    }
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    bool ok =
        put_scope(&body, "persistent",
                  settings_layer_in_force(context->settings, SETTINGS_PERSISTENT), flat) &&
        put_scope(&body, "transient",
                  settings_layer_in_force(context->settings, SETTINGS_TRANSIENT), flat) &&
        (!defaults || put_scope(&body, "defaults", settings_defaults(context->settings), flat));
    json_close_object(&body);
    if (ok) {
        router_reply_json(request, 200, &body);
    } else {
        reply_memory(request);
    }
}

/* A change as a client sends it: a scope each of values and resets. */
struct update {
    struct settings_change persistent;
    struct settings_change transient;
};

static void update_deinit(struct update *update) {
    settings_layer_destroy(update->persistent.values);
    settings_layer_destroy(update->persistent.resets);
    settings_layer_destroy(update->transient.values);
    settings_layer_destroy(update->transient.resets);
}

static bool update_init(struct update *update) {
    *update = (struct update){{settings_layer_create(), settings_layer_create()},
                              {settings_layer_create(), settings_layer_create()}};
    return update->persistent.values && update->persistent.resets && update->transient.values &&
           update->transient.resets;
}

static int32_t read_update(struct json_value body, struct update *update,
                           struct berth_error *error) {
    const struct {
        const char *name;
        struct settings_change *change;
    } scopes[] = {{"persistent", &update->persistent}, {"transient", &update->transient}};
    int32_t code = BERTH_OK;
    size_t count = 0;
    for (size_t i = 0; i < BASE_COUNT(scopes) && !code; i++) {
        struct json_value scope = json_get(body, scopes[i].name);
        if (json_present(scope) && !json_is(scope, JSON_OBJECT)) {
            return base_error_rest(error, BERTH_E_PARSE, 400, "parsing_exception",
                                   "[%s] is an object of settings", scopes[i].name);
        }
        code =
            settings_layer_read(scopes[i].change->values, scopes[i].change->resets, scope, error);
        count += settings_layer_count(scopes[i].change->values) +
                 settings_layer_count(scopes[i].change->resets);
    }
    if (!code && count == 0) {
        return base_error_rest(error, BERTH_E_INVALID, 400, "action_request_validation_exception",
                               "no settings to update: the body has neither [persistent] nor "
                               "[transient] settings");
    }
    return code;
}

static int32_t make_update(const struct rest_context *context, struct berth_str text,
                           struct update *update, uint64_t *out_seq_no, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (text.len == 0) {
        return base_error(error, BERTH_E_PARSE, "a body with settings is required");
    }
    if (!json_parse(&doc, text, JSON_COMMENTS | JSON_TRAILING | JSON_UNIQUE_KEYS, &fault)) {
        return json_report(&fault, "the body", error);
    }
    int32_t code = read_update(json_root(&doc), update, error);
    return code ? code
                : cluster_settings_change(context->store, context->settings, &update->persistent,
                                          &update->transient, out_seq_no, error);
}

/* How long all nodes may take: [timeout], as in 30s. */
static bool read_timeout(struct berth_request *request, uint64_t *out_ms) {
    struct berth_str text;
    *out_ms = SETTINGS_TIMEOUT_MS;
    if (router_query(request, BERTH_STR("timeout"), &text) != BERTH_OK ||
        settings_read_time(text, out_ms)) {
        return true;
    }
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error(&error, BERTH_E_INVALID, "[timeout] cannot be [" BASE_FMT "]: as in 30s",
                     BASE_ARG(text));
    (void)router_reply_error(request, &error);
    return false;
}

static void put_settings(void *user, struct berth_request *request,
                         const struct berth_request_view *view) {
    const struct rest_context *context = user;
    bool flat = false;
    uint64_t timeout_ms = 0;
    uint64_t seq_no = 0;
    if (!router_query_bool(request, "flat_settings", &flat) ||
        !read_timeout(request, &timeout_ms)) {
        return;
    }
    struct update update;
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = update_init(&update) ? make_update(context, view->body, &update, &seq_no, &error)
                                        : base_error_memory(&error);
    if (code) {
        (void)router_reply_error(request, &error);
    } else {
        BASE_BUF_AUTO body;
        base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
        json_open_object(&body);
        bool is_everywhere =
            !context->cluster || cluster_wait_settings(context->cluster, seq_no, timeout_ms);
        json_member_bool(&body, "acknowledged", is_everywhere);
        json_key(&body, "persistent");
        settings_layer_write(update.persistent.values, flat, &body);
        json_key(&body, "transient");
        settings_layer_write(update.transient.values, flat, &body);
        json_close_object(&body);
        router_reply_json(request, 200, &body);
    }
    update_deinit(&update);
}

int32_t rest_add_cluster(struct route_set *set, struct rest_context *context,
                         struct berth_error *error) {
    static const char *const health_query[] = {
        "level",
        "local",
        "timeout",
        "cluster_manager_timeout",
        "master_timeout",
        "wait_for_status",
        "wait_for_nodes",
        "wait_for_active_shards",
        "wait_for_events",
        "wait_for_no_relocating_shards",
        "wait_for_no_initializing_shards",
        "expand_wildcards",
        NULL,
    };
    static const char *const settings_query[] = {
        "flat_settings",           "include_defaults", "local", "timeout",
        "cluster_manager_timeout", "master_timeout",   NULL,
    };
    static const char *const state_query[] = {
        "local",
        "flat_settings",
        "cluster_manager_timeout",
        "master_timeout",
        "wait_for_metadata_version",
        "wait_for_timeout",
        "ignore_unavailable",
        "allow_no_indices",
        "expand_wildcards",
        NULL,
    };
    static const struct rest_route routes[] = {
        {"GET", "/_cluster/health", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, "cluster:monitor/health",
         get_health, health_query},
        {"GET", "/_cluster/state", BERTH_ROUTE_WORKER, BERTH_BODY_NONE, "cluster:monitor/state",
         get_state, state_query},
        {"GET", "/_cluster/state/{metric}", BERTH_ROUTE_WORKER, BERTH_BODY_NONE,
         "cluster:monitor/state", get_state, state_query},
        {"GET", "/_cluster/state/{metric}/{index}", BERTH_ROUTE_WORKER, BERTH_BODY_NONE,
         "cluster:monitor/state", get_state, state_query},
        {"GET", "/_cluster/settings", BERTH_ROUTE_WORKER, BERTH_BODY_NONE, "cluster:monitor/state",
         get_settings, settings_query},
        {"PUT", "/_cluster/settings", BERTH_ROUTE_WORKER, BERTH_BODY_ALLOWED,
         "cluster:admin/settings/update", put_settings, settings_query},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
