/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/deploy.h"

#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_choice.h"
#include "plugin/ml_remote/task.h"

/* Attempts against other writers of the same model. */
#define ATTEMPTS_MAX 8

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
                               struct json_value model, bool to_all, bool failed,
                               struct base_buf *out) {
    struct berth_str all = to_all ? BERTH_STR("true") : base_str(NULL, 0);
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
        {"deploy_to_all_nodes", all},
    };
    const struct ml_edit undone[] = {
        {"model_state", BERTH_STR("\"DEPLOY_FAILED\"")},
        {"last_updated_time", now},
        {"planning_worker_node_count", BERTH_STR("1")},
        {"current_worker_node_count", BERTH_STR("0")},
        {"planning_worker_nodes", nodes},
        {"deploy_to_all_nodes", all},
    };
    ml_document_edit(ML_MODEL, model, failed ? undone : done,
                     failed ? BASE_COUNT(undone) : BASE_COUNT(done), out);
    return now.ptr && nodes.ptr && !out->error ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* What an attempt to deploy came to. */
struct attempt {
    bool is_refused; /* by the limit: what is deployed stays so */
    bool has_failed;
    struct berth_error reason;
};

static void try_deployed(struct ml_plugin *plugin, const struct ml_settings *settings,
                         const struct ml_document *model, struct attempt *attempt) {
    struct ml_deployed *deployed = NULL;
    *attempt = (struct attempt){.reason = BASE_ERROR_INIT};
    attempt->is_refused = !ml_slots_take(&plugin->deployments, settings->max_deploy_tasks);
    if (attempt->is_refused) {
        attempt->has_failed = true;
        (void)base_error(&attempt->reason, BERTH_E_LIMIT,
                         "so many deployments run on this node as "
                         "[plugins.ml_commons.max_deploy_model_tasks_per_node] allows: %lld",
                         (long long)settings->max_deploy_tasks);
        return;
    }
    attempt->has_failed = ml_deployed_create(plugin, model->stored->id, model->root, NULL,
                                             &deployed, &attempt->reason) != BERTH_OK;
    ml_deployed_unref(deployed);
    ml_slots_give(&plugin->deployments);
}

static int32_t deploy_once(struct ml_plugin *plugin, const struct ml_settings *settings,
                           const struct ml_plan *plan, struct base_arena *arena,
                           struct ml_deployment *out, struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_document_get(plugin, ML_MODEL, plan->model_id, &model, error);
    if (!code && !settings->node_is_eligible) {
        code = ml_settings_not_eligible(plugin, settings, error);
    }
    if (code) {
        return code;
    }
    struct attempt attempt;
    try_deployed(plugin, settings, &model, &attempt);
    out->reason = attempt.reason;
    bool stays = attempt.is_refused && ml_catalogue_has(plugin, plan->model_id);
    struct berth_str why = base_cstr(attempt.has_failed ? attempt.reason.message : "");
    const struct ml_task task = {.type = "DEPLOY_MODEL",
                                 .state = attempt.has_failed ? "FAILED" : "COMPLETED",
                                 .model_id = plan->model_id,
                                 .error = why,
                                 .is_async = true};
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct berth_write writes[2];
    if (deployed_source(plugin, arena, model.root, plan->to_all, attempt.has_failed, &source) ||
        ml_task_make(plugin, arena, &task, out->task_id, &writes[0])) {
        return base_error_memory(error);
    }
    writes[1] = ml_write_over(&model, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, writes, stays ? 1 : 2, NULL, error);
}

int32_t ml_deploy(struct ml_plugin *plugin, const struct ml_settings *settings,
                  const struct ml_plan *plan, struct ml_deployment *out_deployment,
                  struct berth_error *error) {
    struct base_arena arena;
    base_arena_init(&arena, 1024);
    out_deployment->reason = (struct berth_error)BASE_ERROR_INIT;
    int32_t code = BERTH_E_CONFLICT;
    ml_control_begin(plugin);
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = deploy_once(plugin, settings, plan, &arena, out_deployment, error);
    }
    const struct berth_error *failure =
        out_deployment->reason.code ? &out_deployment->reason : NULL;
    ml_control_end(plugin, ML_STAT_DEPLOY,
                   code == BERTH_E_NOT_FOUND ? base_str("", 0) : plan->model_id,
                   code ? error : failure);
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
    const struct ml_plan plan = {.model_id = model_id, .to_all = true};
    code = code ? code : ml_deploy(plugin, settings, &plan, &deployment, error);
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

/* Of the nodes that the client names, this one is the one that this node can deploy on. */
static int32_t read_plan(struct ml_call *call, struct ml_plan *plan) {
    struct ml_node_choice choice;
    int32_t code = ml_nodes_choose(call, &choice);
    plan->to_all = !choice.is_given;
    if (!code && choice.is_given && !choice.has_local) {
        code = ml_invalid(&call->error,
                          "none of [node_ids] is a node that may run remote models: " BASE_FMT,
                          BASE_ARG(json_raw(json_get(call->body, "node_ids"))));
    }
    return code;
}

int32_t ml_deploy_model(struct ml_call *call) {
    struct ml_deployment deployment;
    struct ml_plan plan = {.model_id = ml_call_id(call)};
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_optional_body(call);
    code = code ? code : read_plan(call, &plan);
    code = code ? code : ml_access_require(call, ML_MODEL, plan.model_id, ML_MAY_USE);
    code = code ? code : ml_deploy(call->plugin, call->settings, &plan, &deployment, &call->error);
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
