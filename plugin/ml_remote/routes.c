/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's routes: one table.
 */
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/stats.h"

#define QUERY_MAX 4

/* A route of the API: the path goes on from the API's, the permission from its actions'. */
struct row {
    const char *method;
    const char *path;
    const char *permission;
    uint32_t body;
    ml_call_fn on_worker; /* NULL: a route of the loop */
    berth_route_fn on_loop;
    const char *query[QUERY_MAX];
};

#define ROW(method, path, action, body, on_worker, on_loop, ...)                                   \
    {                                                                                              \
        method, "/_plugins/_ml" path, "cluster:admin/opensearch/ml/" action, body, on_worker,      \
            on_loop, {                                                                             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ON_WORKER(method, path, action, body, fn, ...)                                             \
    ROW(method, path, action, body, fn, NULL, __VA_ARGS__)
#define ON_LOOP(method, path, action, body, fn) ROW(method, path, action, body, NULL, fn, NULL)
/* What other nodes of the cluster ask. */
#define OF_NODES(path, action, fn)                                                                 \
    {                                                                                              \
        "POST", "/_plugins/_ml/_nodes" path, BERTH_INTERNAL "ml/" action, BERTH_BODY_ALLOWED, fn,  \
            NULL, {                                                                                \
            NULL                                                                                   \
        }                                                                                          \
    }
#define NO_BODY BERTH_BODY_NONE
#define BODY BERTH_BODY_ALLOWED

static const struct row rows[] = {
    ON_WORKER("POST", "/connectors/_create", "create_connector", BODY, ml_create_connector, NULL),
    ON_WORKER("GET", "/connectors/{connector_id}", "connectors/get", NO_BODY, ml_get_connector,
              "return_content"),
    ON_WORKER("PUT", "/connectors/{connector_id}", "connectors/update", BODY, ml_update_connector,
              NULL),
    ON_WORKER("DELETE", "/connectors/{connector_id}", "connectors/delete", NO_BODY,
              ml_delete_connector, NULL),
    ON_WORKER("GET", "/connectors/_search", "connectors/search", BODY, ml_search_connectors, NULL),
    ON_WORKER("POST", "/connectors/_search", "connectors/search", BODY, ml_search_connectors, NULL),

    ON_WORKER("POST", "/model_groups/_register", "register_model_group", BODY, ml_register_group,
              NULL),
    ON_WORKER("GET", "/model_groups/{model_group_id}", "model_groups/get", NO_BODY, ml_get_group,
              NULL),
    ON_WORKER("PUT", "/model_groups/{model_group_id}", "update_model_group", BODY, ml_update_group,
              NULL),
    ON_WORKER("DELETE", "/model_groups/{model_group_id}", "model_groups/delete", NO_BODY,
              ml_delete_group, NULL),
    ON_WORKER("GET", "/model_groups/_search", "model_groups/search", BODY, ml_search_groups, NULL),
    ON_WORKER("POST", "/model_groups/_search", "model_groups/search", BODY, ml_search_groups, NULL),

    ON_WORKER("POST", "/models/_register", "register_model", BODY, ml_register_model, "deploy"),
    ON_WORKER("POST", "/models/_upload", "register_model", BODY, ml_register_model, "deploy"),
    ON_WORKER("GET", "/models/{model_id}", "models/get", NO_BODY, ml_get_model, "return_content"),
    ON_WORKER("PUT", "/models/{model_id}", "models/update", BODY, ml_update_model, NULL),
    ON_WORKER("DELETE", "/models/{model_id}", "models/delete", NO_BODY, ml_delete_model, NULL),
    ON_WORKER("GET", "/models/_search", "models/search", BODY, ml_search_models, NULL),
    ON_WORKER("POST", "/models/_search", "models/search", BODY, ml_search_models, NULL),
    ON_WORKER("POST", "/models/{model_id}/_deploy", "deploy_model", BODY, ml_deploy_model, NULL),
    ON_WORKER("POST", "/models/{model_id}/_load", "deploy_model", BODY, ml_deploy_model, NULL),
    ON_WORKER("POST", "/models/{model_id}/_undeploy", "undeploy_model", BODY, ml_undeploy_model,
              NULL),
    ON_WORKER("POST", "/models/{model_id}/_unload", "undeploy_model", BODY, ml_undeploy_model,
              NULL),
    ON_WORKER("POST", "/models/_undeploy", "undeploy_model", BODY, ml_undeploy_models, NULL),
    ON_WORKER("POST", "/models/_unload", "undeploy_model", BODY, ml_undeploy_models, NULL),
    ON_LOOP("POST", "/models/{model_id}/_predict", "predict", BODY, ml_predict),
    ON_LOOP("POST", "/models/{model_id}/_predict/stream", "predict", BODY, ml_predict_stream),

    ON_WORKER("POST", "/models/{model_id}/_batch_predict", "predict", BODY, ml_batch_predict, NULL),
    ON_LOOP("POST", "/_predict/{algorithm}/{model_id}", "predict", BODY, ml_predict),

    ON_WORKER("GET", "/stats", "stats/nodes", BODY, ml_get_stats, NULL),
    ON_WORKER("GET", "/stats/{stat}", "stats/nodes", BODY, ml_get_stats_of, NULL),
    ON_WORKER("GET", "/{node_id}/stats", "stats/nodes", BODY, ml_get_node_stats, NULL),
    ON_WORKER("GET", "/{node_id}/stats/{stat}", "stats/nodes", BODY, ml_get_node_stats_of, NULL),
    ON_WORKER("GET", "/profile", "profile/nodes", BODY, ml_get_profile, "view"),
    ON_WORKER("GET", "/profile/models", "profile/nodes", BODY, ml_get_model_profile, "view"),
    ON_WORKER("GET", "/profile/models/{model_id}", "profile/nodes", BODY, ml_get_model_profile,
              "view"),
    ON_WORKER("GET", "/profile/tasks", "profile/nodes", BODY, ml_get_task_profile, "view"),
    ON_WORKER("GET", "/profile/tasks/{task_id}", "profile/nodes", BODY, ml_get_task_profile,
              "view"),

    ON_WORKER("GET", "/tasks/{task_id}", "tasks/get", NO_BODY, ml_get_task, NULL),
    ON_WORKER("POST", "/tasks/{task_id}/_cancel", "tasks/cancel", NO_BODY, ml_cancel_task, NULL),
    ON_WORKER("DELETE", "/tasks/{task_id}", "tasks/delete", NO_BODY, ml_delete_task, NULL),
    ON_WORKER("GET", "/tasks/_search", "tasks/search", BODY, ml_search_tasks, NULL),
    ON_WORKER("POST", "/tasks/_search", "tasks/search", BODY, ml_search_tasks, NULL),

    ON_WORKER("POST", "/connectors/{connector_id}/_preview", "connectors/get", BODY,
              ml_preview_connector, NULL),
    ON_WORKER("POST", "/models/{model_id}/_preview", "predict", BODY, ml_preview_model, NULL),

    ON_WORKER("POST", "/controllers/{model_id}", "controllers/create", BODY, ml_create_controller,
              NULL),
    ON_WORKER("PUT", "/controllers/{model_id}", "controllers/update", BODY, ml_update_controller,
              NULL),
    ON_WORKER("GET", "/controllers/{model_id}", "controllers/get", NO_BODY, ml_get_controller,
              NULL),
    ON_WORKER("DELETE", "/controllers/{model_id}", "controllers/delete", NO_BODY,
              ml_delete_controller, NULL),
    ON_WORKER("GET", "/config/{config_id}", "config/get", NO_BODY, ml_get_config, NULL),

    OF_NODES("/_try", "try", ml_try_model),
    OF_NODES("/_idle", "idle", ml_idle_model),
    OF_NODES("/_stats", "stats", ml_stats_of_node),
    OF_NODES("/_profile", "profile", ml_profile_of_node),
};

/*
 * As what a handler's calls are counted. Registrations, deployments and undeployments count
 * themselves, since not only calls bring them about.
 */
static enum ml_stat_action counted_as(ml_call_fn fn) {
    return fn == ml_batch_predict ? ML_STAT_BATCH_PREDICT : ML_STAT_NONE;
}

/* What a worker route is registered with: the plugin, and which row it is. */
struct bound_row {
    struct ml_plugin *plugin;
    const struct row *row;
    enum ml_stat_action counted;
};

static void run(void *user, struct berth_request *request, const struct berth_request_view *view) {
    const struct bound_row *bound = user;
    ml_call_run(bound->plugin, bound->row->on_worker, bound->counted, request, view);
}

static int32_t add_row(struct ml_plugin *plugin, struct bound_row *bound,
                       struct berth_error *error) {
    const struct row *row = bound->row;
    struct berth_str query[QUERY_MAX];
    uint32_t count = 0;
    for (; count < QUERY_MAX && row->query[count]; count++) {
        query[count] = base_cstr(row->query[count]);
    }
    struct berth_route route = {.size = sizeof route,
                                .kind = row->on_worker ? BERTH_ROUTE_WORKER : BERTH_ROUTE_LOOP,
                                .body = row->body,
                                .query_count = count,
                                .method = base_cstr(row->method),
                                .path = base_cstr(row->path),
                                .permission = base_cstr(row->permission),
                                .query = query,
                                .handle = row->on_worker ? run : row->on_loop,
                                .user = row->on_worker ? (void *)bound : (void *)plugin};
    return plugin->routes->add(plugin->host, &route, error);
}

int32_t ml_routes_add(struct ml_plugin *plugin, struct berth_error *error) {
    struct bound_row *bound = base_arena_array(&plugin->arena, BASE_COUNT(rows), sizeof *bound);
    int32_t code = bound ? BERTH_OK : base_error_memory(error);
    for (size_t i = 0; i < BASE_COUNT(rows) && !code; i++) {
        bound[i] = (struct bound_row){plugin, &rows[i], counted_as(rows[i].on_worker)};
        code = add_row(plugin, &bound[i], error);
    }
    return code;
}
