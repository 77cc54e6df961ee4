/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: get, update, delete, search.
 */
#include "plugin/ml_remote/documents.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/model_options.h"

/* Attempts against other writers of the same model. */
#define ATTEMPTS_MAX 8

int32_t ml_get_model(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_document_get(call->plugin, ML_MODEL, ml_call_id(call), &model, &call->error);
    if (!code) {
        ml_document_show(ML_MODEL, model.root, &call->out);
    }
    return code;
}

/* ---- update ---- */

#define EDITS_MAX 8

struct update {
    struct ml_edit edits[EDITS_MAX];
    size_t count;
    struct ml_model_options options;
    struct berth_str connector_id; /* ptr NULL: as it is */
};

/* A text to be set; null is no text. */
static int32_t read_text(struct ml_call *call, const char *name, struct update *update) {
    struct berth_str text = {NULL, 0};
    if (json_is(json_get(call->body, name), JSON_NULL)) {
        return base_error(&call->error, BERTH_E_PARSE, "[%s] is text, not null", name);
    }
    int32_t code = ml_call_text(call, call->body, name, &text);
    if (!code && text.ptr) {
        struct berth_str raw = ml_quote(&call->arena, text);
        update->edits[update->count++] = (struct ml_edit){name, raw};
        code = raw.ptr ? BERTH_OK : base_error_memory(&call->error);
    }
    return code;
}

static int32_t read_update(struct ml_call *call, struct update *update) {
    bool enabled = false;
    bool given = false;
    int32_t code = read_text(call, "name", update);
    code = code ? code : read_text(call, "description", update);
    code = code ? code : read_text(call, "connector_id", update);
    code = code ? code : ml_call_text(call, call->body, "connector_id", &update->connector_id);
    code = code ? code : ml_call_bool(call, call->body, "is_enabled", &enabled, &given);
    if (!code && given) {
        update->edits[update->count++] =
            (struct ml_edit){"is_enabled", enabled ? BERTH_STR("true") : BERTH_STR("false")};
    }
    code = code ? code : ml_model_options_read(call, &update->options);
    return code;
}

static int32_t update_once(struct ml_call *call, const struct update *update) {
    ML_DOCUMENT_AUTO model = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_document_get(call->plugin, ML_MODEL, id, &model, &call->error);
    if (!code && update->connector_id.ptr && json_present(json_get(model.root, "connector"))) {
        code =
            ml_invalid(&call->error,
                       "the model has a connector of its own, which [connector_id] cannot replace");
    }
    struct ml_model_options options = update->options;
    code = code ? code : ml_model_options_merge(call, model.root, &options);
    if (code) {
        return code;
    }
    struct ml_edit edits[EDITS_MAX + ML_MODEL_OPTIONS_MAX + 2];
    size_t count = 0;
    for (; count < update->count; count++) {
        edits[count] = update->edits[count];
    }
    for (size_t i = 0; i < options.count; i++) {
        edits[count++] = options.edits[i];
    }
    edits[count++] = (struct ml_edit){"last_updated_time", ml_now(&call->arena)};
    edits[count++] = (struct ml_edit){"model_id", ml_quote(&call->arena, id)};
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_MODEL, model.root, edits, count, &source);
    if (source.error || !edits[count - 1].raw.ptr || !edits[count - 2].raw.ptr) {
        return base_error_memory(&call->error);
    }
    struct berth_write write = ml_write_update(&model, base_buf_view(&source));
    struct berth_write_result result;
    code = ml_store_write(call->plugin, &write, 1, &result, &call->error);
    if (!code) {
        ml_put_write_result(ML_MODEL, id, &result, &call->out);
    }
    return code;
}

int32_t ml_update_model(struct ml_call *call) {
    struct update update = {0};
    int32_t code = ml_call_read_body(call);
    code = code ? code : read_update(call, &update);
    if (code) {
        return code;
    }
    (void)pthread_mutex_lock(&call->plugin->references_lock);
    code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = update_once(call, &update);
    }
    (void)pthread_mutex_unlock(&call->plugin->references_lock);
    return code;
}

/* ---- delete ---- */

static bool is_deployed(struct json_value model) {
    static const char *const states[] = {"DEPLOYED", "DEPLOYING", "PARTIALLY_DEPLOYED"};
    for (size_t i = 0; i < BASE_COUNT(states); i++) {
        if (json_string_is(json_get(model, "model_state"), base_cstr(states[i]))) {
            return true;
        }
    }
    return false;
}

static int32_t delete_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_document_get(call->plugin, ML_MODEL, id, &model, &call->error);
    if (!code && is_deployed(model.root)) {
        code = ml_status(&call->error, 400,
                         "the model [" BASE_FMT "] is deployed, undeploy it first", BASE_ARG(id));
    }
    if (code) {
        return code;
    }
    struct berth_write writes[] = {
        ml_write_over(&model, BERTH_WRITE_DELETE, base_str("", 0)),
        ml_write(ML_CONTROLLER, BERTH_WRITE_DELETE, id, base_str("", 0)),
    };
    struct berth_write_result results[BASE_COUNT(writes)];
    bool has_controller = json_is(json_get(model.root, "is_controller_enabled"), JSON_TRUE);
    code = ml_store_write(call->plugin, writes, has_controller ? 2 : 1, results, &call->error);
    if (!code) {
        ml_put_write_result(ML_MODEL, id, &results[0], &call->out);
    }
    return code;
}

int32_t ml_delete_model(struct ml_call *call) {
    int32_t code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = delete_once(call);
    }
    return code;
}

int32_t ml_search_models(struct ml_call *call) {
    return ml_search(call, ML_MODEL);
}
