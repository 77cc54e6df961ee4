/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's routes: one table.
 */
#include "plugin/ml_remote/handlers.h"

#define ML "/_plugins/_ml"
#define ACTION "cluster:admin/opensearch/ml/"
#define QUERY_MAX 4

struct row {
    const char *method;
    const char *path;
    const char *permission;
    uint32_t body;
    ml_call_fn fn; /* NULL: a route of the loop, with a handler of its own */
    const char *query[QUERY_MAX];
};

#define NO_BODY BERTH_BODY_NONE
#define BODY BERTH_BODY_ALLOWED

static const struct row rows[] = {
    {"POST", ML "/connectors/_create", ACTION "create_connector", BODY, ml_create_connector, {0}},
    {"GET",
     ML "/connectors/{connector_id}",
     ACTION "connectors/get",
     NO_BODY,
     ml_get_connector,
     {"return_content"}},
    {"PUT",
     ML "/connectors/{connector_id}",
     ACTION "connectors/update",
     BODY,
     ml_update_connector,
     {0}},
    {"DELETE",
     ML "/connectors/{connector_id}",
     ACTION "connectors/delete",
     NO_BODY,
     ml_delete_connector,
     {0}},
    {"GET", ML "/connectors/_search", ACTION "connectors/search", BODY, ml_search_connectors, {0}},
    {"POST", ML "/connectors/_search", ACTION "connectors/search", BODY, ml_search_connectors, {0}},

    {"POST",
     ML "/model_groups/_register",
     ACTION "register_model_group",
     BODY,
     ml_register_group,
     {0}},
    {"GET",
     ML "/model_groups/{model_group_id}",
     ACTION "model_groups/get",
     NO_BODY,
     ml_get_group,
     {0}},
    {"PUT",
     ML "/model_groups/{model_group_id}",
     ACTION "update_model_group",
     BODY,
     ml_update_group,
     {0}},
    {"DELETE",
     ML "/model_groups/{model_group_id}",
     ACTION "model_groups/delete",
     NO_BODY,
     ml_delete_group,
     {0}},
    {"GET", ML "/model_groups/_search", ACTION "model_groups/search", BODY, ml_search_groups, {0}},
    {"POST", ML "/model_groups/_search", ACTION "model_groups/search", BODY, ml_search_groups, {0}},

    {"POST", ML "/models/_register", ACTION "register_model", BODY, ml_register_model, {"deploy"}},
    {"POST", ML "/models/_upload", ACTION "register_model", BODY, ml_register_model, {"deploy"}},
    {"GET",
     ML "/models/{model_id}",
     ACTION "models/get",
     NO_BODY,
     ml_get_model,
     {"return_content"}},
    {"PUT", ML "/models/{model_id}", ACTION "models/update", BODY, ml_update_model, {0}},
    {"DELETE", ML "/models/{model_id}", ACTION "models/delete", NO_BODY, ml_delete_model, {0}},
    {"GET", ML "/models/_search", ACTION "models/search", BODY, ml_search_models, {0}},
    {"POST", ML "/models/_search", ACTION "models/search", BODY, ml_search_models, {0}},
    {"POST", ML "/models/{model_id}/_deploy", ACTION "deploy_model", BODY, ml_deploy_model, {0}},
    {"POST", ML "/models/{model_id}/_load", ACTION "deploy_model", BODY, ml_deploy_model, {0}},
    {"POST",
     ML "/models/{model_id}/_undeploy",
     ACTION "undeploy_model",
     BODY,
     ml_undeploy_model,
     {0}},
    {"POST",
     ML "/models/{model_id}/_unload",
     ACTION "undeploy_model",
     BODY,
     ml_undeploy_model,
     {0}},
    {"POST", ML "/models/_undeploy", ACTION "undeploy_model", BODY, ml_undeploy_models, {0}},
    {"POST", ML "/models/_unload", ACTION "undeploy_model", BODY, ml_undeploy_models, {0}},
    {"POST", ML "/models/{model_id}/_predict", ACTION "predict", BODY, NULL, {0}},
    {"POST", ML "/_predict/{algorithm}/{model_id}", ACTION "predict", BODY, NULL, {0}},

    {"GET", ML "/tasks/{task_id}", ACTION "tasks/get", NO_BODY, ml_get_task, {0}},
    {"DELETE", ML "/tasks/{task_id}", ACTION "tasks/delete", NO_BODY, ml_delete_task, {0}},
    {"GET", ML "/tasks/_search", ACTION "tasks/search", BODY, ml_search_tasks, {0}},
    {"POST", ML "/tasks/_search", ACTION "tasks/search", BODY, ml_search_tasks, {0}},
};

/* What a worker route is registered with: the plugin, and which row it is. */
struct bound_row {
    struct ml_plugin *plugin;
    const struct row *row;
};

static void run(void *user, struct berth_request *request, const struct berth_request_view *view) {
    const struct bound_row *bound = user;
    ml_call_run(bound->plugin, bound->row->fn, request, view);
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
                                .kind = row->fn ? BERTH_ROUTE_WORKER : BERTH_ROUTE_LOOP,
                                .body = row->body,
                                .query_count = count,
                                .method = base_cstr(row->method),
                                .path = base_cstr(row->path),
                                .permission = base_cstr(row->permission),
                                .query = query,
                                .handle = row->fn ? run : ml_predict,
                                .user = row->fn ? (void *)bound : (void *)plugin};
    return plugin->routes->add(plugin->host, &route, error);
}

int32_t ml_routes_add(struct ml_plugin *plugin, struct berth_error *error) {
    struct bound_row *bound = base_arena_array(&plugin->arena, BASE_COUNT(rows), sizeof *bound);
    int32_t code = bound ? BERTH_OK : base_error_memory(error);
    for (size_t i = 0; i < BASE_COUNT(rows) && !code; i++) {
        bound[i] = (struct bound_row){plugin, &rows[i]};
        code = add_row(plugin, &bound[i], error);
    }
    return code;
}
