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

/* What taking a model from some nodes comes to. */
struct removal {
    struct ml_node_list taken; /* those of its plan from which it is taken */
    struct base_buf left;      /* those of its plan that keep it, an array */
    uint32_t left_count;
};

/* Nodes of the plan that are gone are in neither. */
static int32_t plan_removal(struct ml_plugin *plugin, struct json_value model,
                            const struct ml_node_list *from, struct base_arena *arena,
                            struct removal *out) {
    struct json_value planned = json_get(model, "planning_worker_nodes");
    size_t most = ml_catalogue_is_deployed(model) ? json_count(planned) : 0;
    out->taken =
        (struct ml_node_list){.ids = base_arena_array(arena, most + 1, sizeof *out->taken.ids)};
    json_open_array(&out->left);
    for (struct json_value v = json_first(planned); most && json_present(v);
         v = json_next(planned, v)) {
        struct berth_str id;
        if (!out->taken.ids || !json_string(v, arena, &id)) {
            break;
        }
        if (!ml_node_see(plugin, id).is_there) {
            continue;
        }
        if (from && !ml_node_list_has(from, id)) {
            json_put_string(&out->left, id);
            out->left_count++;
        } else {
            struct berth_str kept = base_arena_dup(arena, id); /* beyond the document */
            out->taken.ids[out->taken.count] = kept;
            out->taken.count += kept.ptr != NULL;
        }
    }
    json_close_array(&out->left);
    return out->taken.ids && !out->left.error ? BERTH_OK : BERTH_E_NO_MEMORY;
}

static int32_t write_removal(struct ml_plugin *plugin, const struct ml_document *model,
                             const struct removal *removal, bool is_partly,
                             struct base_arena *arena, struct berth_error *error) {
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    uint32_t left = removal->left_count;
    char count[16];
    (void)snprintf(count, sizeof count, "%u", left);
    struct berth_str now = ml_now(arena);
    const struct ml_edit edits[] = {
        {"model_state", left ? BERTH_STR("\"PARTIALLY_DEPLOYED\"") : BERTH_STR("\"UNDEPLOYED\"")},
        {"last_updated_time", now},
        {"planning_worker_node_count", base_cstr(count)},
        {"current_worker_node_count", base_cstr(count)},
        {"planning_worker_nodes", left ? base_buf_view(&removal->left) : base_str(NULL, 0)},
        {"last_undeployed_time", now},
    };
    /* The last tells when some of the nodes were taken from it; of all of them the state tells. */
    bool dated = is_partly && removal->taken.count > 0;
    ml_document_edit(ML_MODEL, model->root, edits, BASE_COUNT(edits) - !dated, &source);
    if (!now.ptr || source.error) {
        return base_error_memory(error);
    }
    struct berth_write write = ml_write_over(model, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, &write, 1, NULL, error);
}

static int32_t undeploy_once(struct ml_plugin *plugin, struct berth_str model_id,
                             const struct ml_node_list *from, struct base_arena *arena,
                             struct ml_node_list *out_nodes, struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    struct removal removal = {0};
    int32_t code = ml_document_get(plugin, ML_MODEL, model_id, &model, error);
    if (code) {
        return code;
    }
    base_buf_init(&removal.left, BASE_BUF_MAX_DEFAULT);
    code = plan_removal(plugin, model.root, from, arena, &removal)
               ? base_error_memory(error)
               : write_removal(plugin, &model, &removal, from != NULL, arena, error);
    base_buf_deinit(&removal.left);
    *out_nodes = removal.taken;
    return code;
}

int32_t ml_undeploy(struct ml_plugin *plugin, struct berth_str model_id,
                    const struct ml_node_list *from, struct base_arena *arena,
                    struct ml_node_list *out_nodes, struct berth_error *error) {
    int32_t code = BERTH_E_CONFLICT;
    ml_control_begin(plugin);
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = undeploy_once(plugin, model_id, from, arena, out_nodes, error);
    }
    ml_control_end(plugin, ML_STAT_UNDEPLOY, code == BERTH_E_NOT_FOUND ? base_str("", 0) : model_id,
                   code ? error : NULL);
    return code;
}

/* ---- requests ---- */

/* One model of a request, and from which nodes it was taken. */
struct undeployed {
    struct berth_str model_id;
    struct ml_node_list nodes;
};

/* The nodes of the answer: those from which a model was taken, or this one. */
static int32_t list_nodes(struct ml_call *call, const struct undeployed *models, size_t count,
                          struct ml_node_list *out) {
    struct ml_node_list all;
    if (ml_nodes_all(call->plugin, &call->arena, &all)) {
        return base_error_memory(&call->error);
    }
    out->ids = base_arena_array(&call->arena, all.count + 1u, sizeof *out->ids);
    out->count = 0;
    for (uint32_t i = 0; i < all.count && out->ids; i++) {
        bool has = false;
        for (size_t k = 0; k < count; k++) {
            has = has || ml_node_list_has(&models[k].nodes, all.ids[i]);
        }
        if (has) {
            out->ids[out->count++] = all.ids[i];
        }
    }
    if (out->ids && out->count == 0 && all.count > 0) {
        out->ids[out->count++] = all.ids[0];
    }
    return out->ids ? BERTH_OK : base_error_memory(&call->error);
}

/* {"node": {"stats": {"model": "undeployed", …}}, …} */
static int32_t put_answer(struct ml_call *call, const struct undeployed *models, size_t count) {
    struct ml_node_list nodes = {0};
    int32_t code = list_nodes(call, models, count, &nodes);
    json_open_object(&call->out);
    for (uint32_t i = 0; i < nodes.count && !code; i++) {
        json_key_str(&call->out, nodes.ids[i]);
        json_open_object(&call->out);
        json_key(&call->out, "stats");
        json_open_object(&call->out);
        for (size_t k = 0; k < count; k++) {
            bool was_there = ml_node_list_has(&models[k].nodes, nodes.ids[i]);
            json_key_str(&call->out, models[k].model_id);
            json_put_cstr(&call->out, was_there ? "undeployed" : "not_found");
        }
        json_close_object(&call->out);
        json_close_object(&call->out);
    }
    json_close_object(&call->out);
    return code;
}

/* Of nodes that are named, all must be there. */
static int32_t read_nodes(struct ml_call *call, struct ml_node_choice *choice) {
    int32_t code = ml_nodes_choose(call, choice);
    if (!code && choice->unknown.len) {
        code = ml_invalid(&call->error, "[node_ids] names what is no node: [" BASE_FMT "]",
                          BASE_ARG(choice->unknown));
    }
    return code;
}

int32_t ml_undeploy_model(struct ml_call *call) {
    struct ml_node_choice choice = {0};
    struct undeployed model = {.model_id = ml_call_id(call)};
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : read_nodes(call, &choice);
    code = code ? code : ml_access_require(call, ML_MODEL, model.model_id, ML_MAY_USE);
    code = code ? code
                : ml_undeploy(call->plugin, model.model_id, choice.is_given ? &choice.list : NULL,
                              &call->arena, &model.nodes, &call->error);
    return code ? code : put_answer(call, &model, 1);
}

static int32_t undeploy_list(struct ml_call *call, struct json_value list,
                             const struct ml_node_list *from) {
    struct undeployed *models = base_arena_array(&call->arena, json_count(list), sizeof *models);
    size_t count = 0;
    int32_t code = models ? BERTH_OK : base_error_memory(&call->error);
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        struct undeployed *model = &models[count];
        if (!json_is(v, JSON_STRING)) {
            return ml_wrong_kind(&call->error, "[model_ids] is an array of ids");
        }
        if (!json_string(v, &call->arena, &model->model_id)) {
            return base_error_memory(&call->error);
        }
        model->nodes = (struct ml_node_list){0};
        count++;
        code = ml_access_require(call, ML_MODEL, model->model_id, ML_MAY_USE);
        code = code ? code
                    : ml_undeploy(call->plugin, model->model_id, from, &call->arena, &model->nodes,
                                  &call->error);
        code = code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
    }
    return code ? code : put_answer(call, models, count);
}

int32_t ml_undeploy_models(struct ml_call *call) {
    struct json_value list = JSON_NONE;
    struct ml_node_choice choice = {0};
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : read_nodes(call, &choice);
    code = code ? code : ml_call_container(call, call->body, "model_ids", JSON_ARRAY, &list);
    size_t count = json_count(list);
    if (!code && (count == 0 || count > UNDEPLOY_MAX)) {
        code = ml_invalid(&call->error, "[model_ids] names the models to undeploy, 1 to %u of them",
                          UNDEPLOY_MAX);
    }
    return code ? code : undeploy_list(call, list, choice.is_given ? &choice.list : NULL);
}

/* ---- eviction ---- */

/* Writes down what became of a model that this node may not run any more. */
static void evict_one(struct ml_plugin *plugin, struct berth_str id) {
    BASE_ARENA_AUTO arena;
    struct berth_error error = BASE_ERROR_INIT;
    base_arena_init(&arena, 1024);
    struct berth_str own = ml_node_id(plugin, &arena);
    const struct ml_node_list here = {.ids = &own, .count = 1};
    struct ml_node_list taken;
    int32_t code = own.ptr ? ml_undeploy(plugin, id, &here, &arena, &taken, &error)
                           : base_error_memory(&error);
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
