/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undeploying, by a client's wish or because the node may not run models any more.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_choice.h"
#include "plugin/ml_remote/task.h"

#include <stdio.h>

/* Attempts against other writers of the same model. */
#define ATTEMPTS_MAX 8
/* Models that one request undeploys. */
#define UNDEPLOY_MAX 1000u

/* Appends the nodes of a model's plan that are there, but for this one; gives their number. */
static uint32_t put_others(struct ml_plugin *plugin, struct json_value model,
                           struct base_arena *arena, struct base_buf *out) {
    struct json_value planned = json_get(model, "planning_worker_nodes");
    uint32_t count = 0;
    json_open_array(out);
    for (struct json_value v = json_first(planned); json_present(v); v = json_next(planned, v)) {
        struct berth_str id;
        if (!json_string(v, arena, &id)) {
            continue;
        }
        struct ml_node_seen seen = ml_node_see(plugin, id);
        if (seen.is_there && !seen.is_local) {
            json_put_string(out, id);
            count++;
        }
    }
    json_close_array(out);
    return count;
}

static int32_t undeploy_once(struct ml_plugin *plugin, struct berth_str model_id,
                             enum ml_undeploy_from from, bool *out_was_deployed,
                             struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO others;
    BASE_BUF_AUTO source;
    base_arena_init(&arena, 1024);
    base_buf_init(&others, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    *out_was_deployed = ml_catalogue_has(plugin, model_id);
    int32_t code = ml_document_get(plugin, ML_MODEL, model_id, &model, error);
    if (code) {
        return code;
    }
    uint32_t left =
        from == ML_UNDEPLOY_FROM_ALL ? 0 : put_others(plugin, model.root, &arena, &others);
    char count[16];
    (void)snprintf(count, sizeof count, "%u", left);
    struct berth_str now = ml_now(&arena);
    const struct ml_edit edits[] = {
        {"model_state", left ? BERTH_STR("\"PARTIALLY_DEPLOYED\"") : BERTH_STR("\"UNDEPLOYED\"")},
        {"last_updated_time", now},
        {"planning_worker_node_count", base_cstr(count)},
        {"current_worker_node_count", base_cstr(count)},
        {"planning_worker_nodes", left ? base_buf_view(&others) : base_str(NULL, 0)},
        {"last_undeployed_time", now},
    };
    /* The last tells when some of the nodes were taken from it; of all of them the state tells. */
    bool dated = from == ML_UNDEPLOY_FROM_THIS && *out_was_deployed;
    ml_document_edit(ML_MODEL, model.root, edits, BASE_COUNT(edits) - !dated, &source);
    if (!now.ptr || others.error || source.error) {
        return base_error_memory(error);
    }
    struct berth_write write = ml_write_over(&model, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, &write, 1, NULL, error);
}

int32_t ml_undeploy(struct ml_plugin *plugin, struct berth_str model_id, enum ml_undeploy_from from,
                    bool *out_was_deployed, struct berth_error *error) {
    int32_t code = BERTH_E_CONFLICT;
    ml_control_begin(plugin);
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = undeploy_once(plugin, model_id, from, out_was_deployed, error);
    }
    ml_control_end(plugin, ML_STAT_UNDEPLOY, code == BERTH_E_NOT_FOUND ? base_str("", 0) : model_id,
                   code ? error : NULL);
    return code;
}

/* ---- requests ---- */

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

/* Of nodes that are named, all must be there. */
static int32_t read_nodes(struct ml_call *call, enum ml_undeploy_from *out_from) {
    struct ml_node_choice choice;
    int32_t code = ml_nodes_choose(call, &choice);
    *out_from = choice.is_given ? ML_UNDEPLOY_FROM_THIS : ML_UNDEPLOY_FROM_ALL;
    if (!code && choice.unknown.len) {
        code = ml_invalid(&call->error, "[node_ids] names what is no node: [" BASE_FMT "]",
                          BASE_ARG(choice.unknown));
    }
    return code;
}

int32_t ml_undeploy_model(struct ml_call *call) {
    bool was_deployed = false;
    enum ml_undeploy_from from = ML_UNDEPLOY_FROM_ALL;
    struct berth_str model_id = ml_call_id(call);
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : read_nodes(call, &from);
    code = code ? code : ml_access_require(call, ML_MODEL, model_id, ML_MAY_USE);
    code = code ? code : ml_undeploy(call->plugin, model_id, from, &was_deployed, &call->error);
    code = code ? code : open_answer(call);
    if (!code) {
        put_outcome(call, model_id, was_deployed);
        close_answer(call);
    }
    return code;
}

static int32_t undeploy_list(struct ml_call *call, struct json_value list,
                             enum ml_undeploy_from from) {
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
        code = ml_access_require(call, ML_MODEL, model_id, ML_MAY_USE);
        code = code ? code : ml_undeploy(call->plugin, model_id, from, &was_deployed, &call->error);
        code = code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
        put_outcome(call, model_id, was_deployed);
    }
    close_answer(call);
    return code;
}

int32_t ml_undeploy_models(struct ml_call *call) {
    struct json_value list = JSON_NONE;
    enum ml_undeploy_from from = ML_UNDEPLOY_FROM_ALL;
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : read_nodes(call, &from);
    code = code ? code : ml_call_container(call, call->body, "model_ids", JSON_ARRAY, &list);
    size_t count = json_count(list);
    if (!code && (count == 0 || count > UNDEPLOY_MAX)) {
        code = ml_invalid(&call->error, "[model_ids] names the models to undeploy, 1 to %u of them",
                          UNDEPLOY_MAX);
    }
    return code ? code : undeploy_list(call, list, from);
}

/* ---- eviction ---- */

/* Writes down what became of a model that this node may not run any more. */
static void evict_one(struct ml_plugin *plugin, struct berth_str id) {
    bool was_deployed = false;
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = ml_undeploy(plugin, id, ML_UNDEPLOY_FROM_THIS, &was_deployed, &error);
    ML_LOG(plugin, code ? BERTH_LOG_ERROR : BERTH_LOG_INFO, "model_evicted",
           ML_FIELD("model_id", id),
           ML_FIELD("reason", code ? base_cstr(error.message)
                                   : BERTH_STR("the node is not eligible any more")));
}

static void evict(void *user) {
    struct ml_plugin *plugin = user;
    struct ml_settings *settings = ml_settings_acquire(plugin);
    BASE_ARENA_AUTO arena;
    struct berth_str *ids = NULL;
    base_arena_init(&arena, 4096);
    size_t count = settings->node_is_eligible ? 0 : ml_catalogue_ids(plugin, &arena, &ids);
    ml_settings_release(settings);
    for (size_t i = 0; i < count; i++) {
        evict_one(plugin, ids[i]);
    }
}

void ml_deploy_evict_later(struct ml_plugin *plugin) {
    if (plugin->worker->submit(plugin->host, evict, plugin)) {
        /* Predictions are refused all the same: the loops know that the node is not eligible. */
        ML_LOG(plugin, BERTH_LOG_WARN, "eviction_not_started",
               ML_FIELD("reason", BERTH_STR("the worker pool takes no job")));
    }
}
