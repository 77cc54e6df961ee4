/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _cluster/health and _cluster/settings.
 */
#include "host/rest/rest.h"
#include "host/store/cluster_settings.h"

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

static void put_health(const struct rest_context *context, bool timed_out, struct base_buf *body) {
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
    const struct berth_node *node = nodes_local(context->nodes);
    json_open_object(body);
    json_member_string(body, "cluster_name", context->cluster_name);
    json_member_cstr(body, "status", "green");
    json_member_bool(body, "timed_out", timed_out);
    json_member_u64(body, "number_of_nodes", nodes_count(context->nodes));
    json_member_u64(body, "number_of_data_nodes", node_has_role(node, BERTH_STR("data")));
    json_member_bool(body, "discovered_master", true);
    json_member_bool(body, "discovered_cluster_manager", true);
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
    struct berth_str wanted;
    if (router_query(request, BERTH_STR("wait_for_nodes"), &wanted) == BERTH_OK &&
        !count_matches(wanted, nodes_count(context->nodes), &matches)) {
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
    put_health(context, !matches, &body);
    router_reply_json(request, matches ? 200 : 408, &body);
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
                           struct update *update, struct berth_error *error) {
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
                                          &update->transient, error);
}

static void put_settings(void *user, struct berth_request *request,
                         const struct berth_request_view *view) {
    const struct rest_context *context = user;
    bool flat = false;
    if (!router_query_bool(request, "flat_settings", &flat)) {
        return;
    }
    struct update update;
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = update_init(&update) ? make_update(context, view->body, &update, &error)
                                        : base_error_memory(&error);
    if (code) {
        (void)router_reply_error(request, &error);
    } else {
        BASE_BUF_AUTO body;
        base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
        json_open_object(&body);
        json_member_bool(&body, "acknowledged", true);
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
    static const struct rest_route routes[] = {
        {"GET", "/_cluster/health", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, "cluster:monitor/health",
         get_health, health_query},
        {"GET", "/_cluster/settings", BERTH_ROUTE_WORKER, BERTH_BODY_NONE, "cluster:monitor/state",
         get_settings, settings_query},
        {"PUT", "/_cluster/settings", BERTH_ROUTE_WORKER, BERTH_BODY_ALLOWED,
         "cluster:admin/settings/update", put_settings, settings_query},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
