/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/deploy.h"

#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_choice.h"
#include "plugin/ml_remote/task.h"
#include "plugin/ml_remote/workers.h"

#include <stdio.h>

/* Attempts against other writers of the same model. */
#define ATTEMPTS_MAX 8

/* What an attempt on all nodes of a plan came to. */
struct attempt {
    struct ml_node_list nodes;
    struct ml_trial *trials;
    uint32_t ready;       /* on so many it can be */
    uint32_t refused;     /* by so many for their limits */
    struct berth_str ids; /* of all, an array */
    struct berth_str errors;
};

static void count_trials(struct attempt *attempt) {
    for (uint32_t i = 0; i < attempt->nodes.count; i++) {
        attempt->ready += !attempt->trials[i].has_failed;
        attempt->refused += attempt->trials[i].is_refused;
    }
}

/* The texts of the attempt, in the arena. */
static int32_t write_attempt(struct base_arena *arena, struct attempt *attempt) {
    BASE_BUF_AUTO ids;
    BASE_BUF_AUTO errors;
    base_buf_init(&ids, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&errors, BASE_BUF_MAX_DEFAULT);
    json_put_strings(&ids, attempt->nodes.ids, attempt->nodes.count);
    json_open_object(&errors);
    for (uint32_t i = 0; i < attempt->nodes.count; i++) {
        if (attempt->trials[i].has_failed) {
            json_key_str(&errors, attempt->nodes.ids[i]);
            json_put_cstr(&errors, attempt->trials[i].reason.message);
        }
    }
    json_close_object(&errors);
    attempt->ids = ml_keep(arena, &ids);
    attempt->errors =
        attempt->ready < attempt->nodes.count ? ml_keep(arena, &errors) : base_str("", 0);
    return attempt->ids.ptr && attempt->errors.ptr ? BERTH_OK : BERTH_E_NO_MEMORY;
}

static struct berth_str number(struct base_arena *arena, uint32_t value) {
    char text[16];
    int len = snprintf(text, sizeof text, "%u", value);
    return base_arena_dup(arena, base_str(text, (size_t)len));
}

/* The members of a model that says where it is deployed, or that this failed. */
static int32_t deployed_source(struct base_arena *arena, struct json_value model, bool to_all,
                               const struct attempt *attempt, struct base_buf *out) {
    struct berth_str all = to_all ? BERTH_STR("true") : base_str(NULL, 0);
    struct berth_str now = ml_now(arena);
    struct berth_str planned = number(arena, attempt->nodes.count);
    struct berth_str ready = number(arena, attempt->ready);
    const struct ml_edit done[] = {
        {"model_state", attempt->ready == attempt->nodes.count
                            ? BERTH_STR("\"DEPLOYED\"")
                            : BERTH_STR("\"PARTIALLY_DEPLOYED\"")},
        {"last_updated_time", now},
        {"last_deployed_time", now},
        {"auto_redeploy_retry_times", BERTH_STR("0")},
        {"planning_worker_node_count", planned},
        {"current_worker_node_count", ready},
        {"planning_worker_nodes", attempt->ids},
        {"deploy_to_all_nodes", all},
    };
    const struct ml_edit undone[] = {
        {"model_state", BERTH_STR("\"DEPLOY_FAILED\"")},
        {"last_updated_time", now},
        {"planning_worker_node_count", planned},
        {"current_worker_node_count", BERTH_STR("0")},
        {"planning_worker_nodes", attempt->ids},
        {"deploy_to_all_nodes", all},
    };
    bool failed = attempt->ready == 0;
    ml_document_edit(ML_MODEL, model, failed ? undone : done,
                     failed ? BASE_COUNT(undone) : BASE_COUNT(done), out);
    return now.ptr && planned.ptr && ready.ptr && !out->error ? BERTH_OK : BERTH_E_NO_MEMORY;
}

static int32_t make_attempt(struct ml_plugin *plugin, const struct ml_settings *settings,
                            const struct ml_plan *plan, const struct ml_document *model,
                            struct base_arena *arena, struct attempt *out,
                            struct berth_error *error) {
    *out = (struct attempt){0};
    if (ml_nodes_eligible(plugin, settings, plan->nodes, arena, &out->nodes)) {
        return base_error_memory(error);
    }
    if (out->nodes.count == 0) {
        return ml_settings_not_eligible(plugin, settings, error);
    }
    out->trials = base_arena_array(arena, out->nodes.count, sizeof *out->trials);
    if (!out->trials) {
        return base_error_memory(error);
    }
    int32_t code = ml_try_on(plugin, settings, model, &out->nodes, out->trials, error);
    if (!code) {
        count_trials(out);
        code = write_attempt(arena, out) ? base_error_memory(error) : BERTH_OK;
    }
    return code;
}

static int32_t deploy_once(struct ml_plugin *plugin, const struct ml_settings *settings,
                           const struct ml_plan *plan, struct base_arena *arena,
                           struct ml_deployment *out, struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    struct attempt attempt;
    int32_t code = ml_document_get(plugin, ML_MODEL, plan->model_id, &model, error);
    code = code ? code : make_attempt(plugin, settings, plan, &model, arena, &attempt, error);
    if (code) {
        return code;
    }
    bool has_failed = attempt.ready == 0;
    out->reason = has_failed ? attempt.trials[0].reason : (struct berth_error)BASE_ERROR_INIT;
    /* What is deployed stays so where the limit alone stood in the way. */
    bool stays = attempt.refused == attempt.nodes.count && ml_catalogue_is_deployed(model.root);
    const struct ml_task task = {.type = "DEPLOY_MODEL",
                                 .state = has_failed ? "FAILED"
                                          : attempt.ready < attempt.nodes.count
                                              ? "COMPLETED_WITH_ERROR"
                                              : "COMPLETED",
                                 .model_id = plan->model_id,
                                 .nodes = attempt.ids,
                                 .errors = attempt.errors,
                                 .is_async = true};
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct berth_write writes[2];
    if (deployed_source(arena, model.root, !plan->nodes, &attempt, &source) ||
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

/* Deployed here, or on a node that predictions can be sent to. */
static bool is_somewhere(struct ml_plugin *plugin, struct berth_str model_id) {
    return ml_catalogue_has(plugin, model_id) || ml_workers_has(plugin->workers, model_id);
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
    const struct ml_plan plan = {.model_id = model_id};
    code = code ? code : ml_deploy(plugin, settings, &plan, &deployment, error);
    if (!code && !is_somewhere(plugin, model_id)) {
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
    int32_t code =
        is_somewhere(plugin, model_id) ? BERTH_OK : deploy_automatically(plugin, model_id, error);
    (void)pthread_mutex_unlock(&plugin->auto_deploy_lock);
    return code;
}

/* Of the nodes that the client names, one at least must be one that may run models. */
static int32_t read_plan(struct ml_call *call, struct ml_node_choice *choice,
                         struct ml_plan *plan) {
    struct ml_node_list eligible = {0};
    int32_t code = ml_nodes_choose(call, choice);
    plan->nodes = choice->is_given ? &choice->list : NULL;
    if (code || !choice->is_given) {
        return code;
    }
    if (ml_nodes_eligible(call->plugin, call->settings, plan->nodes, &call->arena, &eligible)) {
        return base_error_memory(&call->error);
    }
    return eligible.count
               ? BERTH_OK
               : ml_invalid(&call->error,
                            "none of [node_ids] is a node that may run remote models: " BASE_FMT,
                            BASE_ARG(json_raw(json_get(call->body, "node_ids"))));
}

int32_t ml_deploy_model(struct ml_call *call) {
    struct ml_deployment deployment;
    struct ml_node_choice choice = {0};
    struct ml_plan plan = {.model_id = ml_call_id(call)};
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_optional_body(call);
    code = code ? code : read_plan(call, &choice, &plan);
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
