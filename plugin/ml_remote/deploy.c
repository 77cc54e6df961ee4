/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/deploy.h"

#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/task.h"

#include <stdlib.h>

/* Attempts against other writers of the same model. */
#define ATTEMPTS_MAX 8
/* Models that one request undeploys. */
#define UNDEPLOY_MAX 1000u

/* ---- deploying ---- */

/* ["id"] in the arena. */
static struct berth_str node_list(struct base_arena *arena, struct berth_str node_id) {
    BASE_BUF_AUTO list;
    base_buf_init(&list, BASE_BUF_MAX_DEFAULT);
    json_open_array(&list);
    json_put_string(&list, node_id);
    json_close_array(&list);
    return ml_keep(arena, &list);
}

/* The members of a model that says that it is deployed on this node, or that this failed. */
static int32_t deployed_source(struct ml_plugin *plugin, struct base_arena *arena,
                               struct json_value model, bool failed, struct base_buf *out) {
    struct berth_str now = ml_now(arena);
    struct berth_str nodes = node_list(arena, ml_node_id(plugin, arena));
    const struct ml_edit done[] = {
        {"model_state", BERTH_STR("\"DEPLOYED\"")},
        {"last_updated_time", now},
        {"last_deployed_time", now},
        {"auto_redeploy_retry_times", BERTH_STR("0")},
        {"planning_worker_node_count", BERTH_STR("1")},
        {"current_worker_node_count", BERTH_STR("1")},
        {"planning_worker_nodes", nodes},
        {"deploy_to_all_nodes", BERTH_STR("true")},
    };
    const struct ml_edit undone[] = {
        {"model_state", BERTH_STR("\"DEPLOY_FAILED\"")},
        {"last_updated_time", now},
        {"planning_worker_node_count", BERTH_STR("1")},
        {"current_worker_node_count", BERTH_STR("0")},
        {"planning_worker_nodes", nodes},
        {"deploy_to_all_nodes", BERTH_STR("true")},
    };
    ml_document_edit(ML_MODEL, model, failed ? undone : done,
                     failed ? BASE_COUNT(undone) : BASE_COUNT(done), out);
    return now.ptr && nodes.ptr && !out->error ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* Whether the model can be deployed; why not, in reason. Another code than those is an error. */
static int32_t try_deployed(struct ml_plugin *plugin, const struct ml_settings *settings,
                            const struct ml_document *model, struct berth_error *reason) {
    if (settings->max_deploy_tasks == 0) {
        return base_error(reason, BERTH_E_LIMIT,
                          "no deployment is allowed on this node: "
                          "[plugins.ml_commons.max_deploy_model_tasks_per_node] is 0");
    }
    struct ml_deployed *deployed = NULL;
    int32_t code =
        ml_deployed_create(plugin, model->stored->id, model->root, NULL, &deployed, reason);
    ml_deployed_unref(deployed);
    return code;
}

static int32_t deploy_once(struct ml_plugin *plugin, const struct ml_settings *settings,
                           struct berth_str model_id, struct base_arena *arena,
                           struct ml_deployment *out, struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_document_get(plugin, ML_MODEL, model_id, &model, error);
    if (!code && !settings->node_is_eligible) {
        code = ml_settings_not_eligible(plugin, settings, error);
    }
    if (code) {
        return code;
    }
    struct berth_error reason = BASE_ERROR_INIT;
    bool failed = try_deployed(plugin, settings, &model, &reason) != BERTH_OK;
    struct ml_task task = {.type = "DEPLOY_MODEL",
                           .state = failed ? "FAILED" : "COMPLETED",
                           .model_id = model_id,
                           .error = failed ? base_cstr(reason.message) : base_str("", 0),
                           .is_async = true};
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct berth_write writes[2];
    if (deployed_source(plugin, arena, model.root, failed, &source) ||
        ml_task_make(plugin, arena, &task, out->task_id, &writes[1])) {
        return base_error_memory(error);
    }
    writes[0] = ml_write_over(&model, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, writes, BASE_COUNT(writes), NULL, error);
}

int32_t ml_deploy(struct ml_plugin *plugin, const struct ml_settings *settings,
                  struct berth_str model_id, struct ml_deployment *out_deployment,
                  struct berth_error *error) {
    struct base_arena arena;
    base_arena_init(&arena, 1024);
    int32_t code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = deploy_once(plugin, settings, model_id, &arena, out_deployment, error);
    }
    base_arena_deinit(&arena);
    return code;
}

static int32_t deploy_automatically(struct ml_plugin *plugin, struct berth_str model_id,
                                    struct berth_error *error) {
    struct ml_settings *settings = ml_settings_acquire(plugin);
    ML_DOCUMENT_AUTO model = {0};
    struct ml_deployment deployment;
    int32_t code = ml_document_get(plugin, ML_MODEL, model_id, &model, error);
    struct json_value allowed =
        json_get(json_get(model.root, "deploy_setting"), "is_auto_deploy_enabled");
    if (!code && (!settings->auto_deploy || json_is(allowed, JSON_FALSE))) {
        code =
            ml_invalid(error,
                       "the model [" BASE_FMT "] is not deployed, and %s: deploy it with POST "
                       "/_plugins/_ml/models/" BASE_FMT "/_deploy",
                       BASE_ARG(model_id),
                       settings->auto_deploy
                           ? "its deploy_setting.is_auto_deploy_enabled is false"
                           : "the setting [plugins.ml_commons.model_auto_deploy.enable] is false",
                       BASE_ARG(model_id));
    }
    code = code ? code : ml_deploy(plugin, settings, model_id, &deployment, error);
    if (!code && !ml_catalogue_has(plugin, model_id)) {
        code = ml_invalid(error,
                          "the model [" BASE_FMT "] could not be deployed; its task [%s] says why",
                          BASE_ARG(model_id), deployment.task_id);
    }
    ml_settings_release(settings);
    return code;
}

int32_t ml_deploy_automatically(struct ml_plugin *plugin, struct berth_str model_id,
                                struct berth_error *error) {
    (void)pthread_mutex_lock(&plugin->auto_deploy_lock);
    int32_t code = ml_catalogue_has(plugin, model_id)
                       ? BERTH_OK
                       : deploy_automatically(plugin, model_id, error);
    (void)pthread_mutex_unlock(&plugin->auto_deploy_lock);
    return code;
}

/* node_ids name nodes of a plan of the client's own, which must be allowed. */
static int32_t check_node_ids(struct ml_call *call) {
    struct json_value nodes;
    int32_t code = ml_call_container(call, call->body, "node_ids", JSON_ARRAY, &nodes);
    if (!code && json_present(json_first(nodes)) && !call->settings->allow_custom_deployment_plan) {
        code =
            ml_invalid(&call->error, "[node_ids] is not allowed: the setting "
                                     "[plugins.ml_commons.allow_custom_deployment_plan] is false");
    }
    return code;
}

int32_t ml_deploy_model(struct ml_call *call) {
    struct ml_deployment deployment;
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_optional_body(call);
    code = code ? code : check_node_ids(call);
    code =
        code ? code
             : ml_deploy(call->plugin, call->settings, ml_call_id(call), &deployment, &call->error);
    if (!code) {
        json_open_object(&call->out);
        json_member_cstr(&call->out, "task_id", deployment.task_id);
        json_member_cstr(&call->out, "task_type", "DEPLOY_MODEL");
        /* The task that was made is done; whether it succeeded is in the task. */
        json_member_cstr(&call->out, "status", "COMPLETED");
        json_close_object(&call->out);
    }
    return code;
}

/* ---- undeploying ---- */

static int32_t undeploy_once(struct ml_plugin *plugin, struct berth_str model_id,
                             bool *out_was_deployed, struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    *out_was_deployed = ml_catalogue_has(plugin, model_id);
    int32_t code = ml_document_get(plugin, ML_MODEL, model_id, &model, error);
    if (code) {
        return code;
    }
    struct base_arena arena;
    base_arena_init(&arena, 1024);
    const struct ml_edit edits[] = {
        {"model_state", BERTH_STR("\"UNDEPLOYED\"")},
        {"last_updated_time", ml_now(&arena)},
        {"planning_worker_node_count", BERTH_STR("0")},
        {"current_worker_node_count", BERTH_STR("0")},
        {"planning_worker_nodes", {NULL, 0}},
    };
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_MODEL, model.root, edits, BASE_COUNT(edits), &source);
    bool memory = edits[1].raw.ptr && !source.error;
    struct berth_write write = ml_write_over(&model, BERTH_WRITE_PUT, base_buf_view(&source));
    code = memory ? ml_store_write(plugin, &write, 1, NULL, error) : base_error_memory(error);
    base_arena_deinit(&arena);
    return code;
}

static int32_t undeploy(struct ml_plugin *plugin, struct berth_str model_id, bool *out_was_deployed,
                        struct berth_error *error) {
    int32_t code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = undeploy_once(plugin, model_id, out_was_deployed, error);
    }
    return code;
}

/* {"node": {"stats": {"model": "undeployed", …}}} is opened, filled and closed by these. */
static int32_t open_answer(struct ml_call *call) {
    struct berth_str node_id = ml_node_id(call->plugin, &call->arena);
    if (!node_id.ptr) {
        return base_error_memory(&call->error);
    }
    json_open_object(&call->out);
    json_key_str(&call->out, node_id);
    json_open_object(&call->out);
    json_key(&call->out, "stats");
    json_open_object(&call->out);
    return BERTH_OK;
}

static void put_outcome(struct ml_call *call, struct berth_str model_id, bool was_deployed) {
    json_key_str(&call->out, model_id);
    json_put_cstr(&call->out, was_deployed ? "undeployed" : "not_found");
}

static void close_answer(struct ml_call *call) {
    base_buf_cstr(&call->out, "}}}");
}

int32_t ml_undeploy_model(struct ml_call *call) {
    bool was_deployed = false;
    struct berth_str model_id = ml_call_id(call);
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : check_node_ids(call);
    code = code ? code : undeploy(call->plugin, model_id, &was_deployed, &call->error);
    code = code ? code : open_answer(call);
    if (!code) {
        put_outcome(call, model_id, was_deployed);
        close_answer(call);
    }
    return code;
}

static int32_t undeploy_list(struct ml_call *call, struct json_value list) {
    int32_t code = open_answer(call);
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        bool was_deployed = false;
        struct berth_str model_id;
        if (!json_is(v, JSON_STRING)) {
            return ml_wrong_kind(&call->error, "[model_ids] is an array of ids");
        }
        if (!json_string(v, &call->arena, &model_id)) {
            return base_error_memory(&call->error);
        }
        code = undeploy(call->plugin, model_id, &was_deployed, &call->error);
        code = code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
        put_outcome(call, model_id, was_deployed);
    }
    close_answer(call);
    return code;
}

int32_t ml_undeploy_models(struct ml_call *call) {
    struct json_value list = JSON_NONE;
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : check_node_ids(call);
    code = code ? code : ml_call_container(call, call->body, "model_ids", JSON_ARRAY, &list);
    size_t count = json_count(list);
    if (!code && (count == 0 || count > UNDEPLOY_MAX)) {
        code = ml_invalid(&call->error, "[model_ids] names the models to undeploy, 1 to %u of them",
                          UNDEPLOY_MAX);
    }
    return code ? code : undeploy_list(call, list);
}

/* ---- eviction ---- */

struct eviction {
    struct berth_str *ids;
    size_t count;
    size_t cap;
    struct base_arena arena;
};

static void note_id(void *user, struct berth_str id) {
    struct eviction *eviction = user;
    if (eviction->count == eviction->cap) {
        size_t cap = eviction->cap ? eviction->cap * 2 : 64;
        struct berth_str *ids = realloc(eviction->ids, cap * sizeof *ids);
        if (!ids) {
            return;
        }
        eviction->ids = ids;
        eviction->cap = cap;
    }
    struct berth_str copy = base_arena_dup(&eviction->arena, id);
    if (copy.ptr) {
        eviction->ids[eviction->count++] = copy;
    }
}

/* Writes down what became of a model that this node may not run any more. */
static void evict_one(struct ml_plugin *plugin, struct berth_str id) {
    bool was_deployed = false;
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = undeploy(plugin, id, &was_deployed, &error);
    ML_LOG(plugin, code ? BERTH_LOG_ERROR : BERTH_LOG_INFO, "model_evicted",
           ML_FIELD("model_id", id),
           ML_FIELD("reason", code ? base_cstr(error.message)
                                   : BERTH_STR("the node is not eligible any more")));
}

static void evict(void *user) {
    struct ml_plugin *plugin = user;
    struct eviction eviction = {0};
    struct ml_settings *settings = ml_settings_acquire(plugin);
    base_arena_init(&eviction.arena, 4096);
    if (!settings->node_is_eligible) {
        ml_catalogue_each(plugin, note_id, &eviction);
    }
    ml_settings_release(settings);
    for (size_t i = 0; i < eviction.count; i++) {
        evict_one(plugin, eviction.ids[i]);
    }
    free(eviction.ids);
    base_arena_deinit(&eviction.arena);
}

void ml_deploy_evict_later(struct ml_plugin *plugin) {
    if (plugin->worker->submit(plugin->host, evict, plugin)) {
        /* Predictions are refused all the same: the loops know that the node is not eligible. */
        ML_LOG(plugin, BERTH_LOG_WARN, "eviction_not_started",
               ML_FIELD("reason", BERTH_STR("the worker pool takes no job")));
    }
}
