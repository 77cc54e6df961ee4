/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a model: its texts, its options, its connector, its group. One that is deployed goes on
 * to be served, as it was until it is as it will be.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/connector.h"
#include "plugin/ml_remote/group.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/model_options.h"
#include "plugin/ml_remote/reference.h"
#include "plugin/ml_remote/task.h"

#include <stdio.h>

#define TEXTS_MAX 8

/* What a client asks for. */
struct update {
    struct ml_edit edits[TEXTS_MAX];
    size_t count;
    struct ml_model_options options;
    struct berth_str connector_id; /* ptr NULL: as it is */
    struct berth_str group_id;     /* likewise */
    struct json_value connector;   /* changes of the model's own; absent: none */
    struct ml_connector_draft draft;
};

/* What one attempt writes. */
struct change {
    struct ml_edit edits[TEXTS_MAX + ML_MODEL_OPTIONS_MAX + 5];
    size_t count;
    struct ml_group_use use;      /* of the group to which the model moves */
    struct berth_write reference; /* to the connector that it comes to have */
    bool has_reference;
};

/* ---- reading ---- */

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

static int32_t read_connector(struct ml_call *call, struct update *update) {
    int32_t code = read_text(call, "connector_id", update);
    code = code ? code : ml_call_text(call, call->body, "connector_id", &update->connector_id);
    code = code ? code
                : ml_call_container(call, call->body, "connector", JSON_OBJECT, &update->connector);
    if (code || !json_present(update->connector)) {
        return code;
    }
    return update->connector_id.ptr
               ? ml_invalid(&call->error, "a model has a [connector_id] or a [connector] of its "
                                          "own, not both")
               : ml_connector_read(call, update->connector, true, &update->draft);
}

static int32_t read_update(struct ml_call *call, struct update *update) {
    bool enabled = false;
    bool given = false;
    int32_t code = read_text(call, "name", update);
    code = code ? code : read_text(call, "description", update);
    code = code ? code : read_connector(call, update);
    code = code ? code : ml_call_text(call, call->body, "model_group_id", &update->group_id);
    code = code ? code : ml_call_bool(call, call->body, "is_enabled", &enabled, &given);
    if (!code && given) {
        update->edits[update->count++] =
            (struct ml_edit){"is_enabled", enabled ? BERTH_STR("true") : BERTH_STR("false")};
    }
    return code ? code : ml_model_options_read(call, &update->options);
}

/* ---- what comes of it ---- */

static void add(struct change *change, const char *name, struct berth_str raw) {
    change->edits[change->count++] = (struct ml_edit){name, raw};
}

static int32_t check_model(struct ml_call *call, const struct update *update,
                           struct json_value model) {
    bool has_own = json_present(json_get(model, "connector"));
    if (json_string_is(json_get(model, "model_state"), BERTH_STR("DEPLOYING"))) {
        return ml_status(&call->error, 409,
                         "the model [" BASE_FMT "] is being deployed; it can be changed after that",
                         BASE_ARG(ml_call_id(call)));
    }
    int32_t code = update->connector_id.ptr
                       ? ml_access_require(call, ML_CONNECTOR, update->connector_id, ML_MAY_USE)
                       : BERTH_OK;
    if (code && code != BERTH_E_NOT_FOUND) {
        return code;
    }
    if (update->connector_id.ptr && has_own) {
        return ml_invalid(
            &call->error,
            "the model has a connector of its own, which [connector_id] cannot replace");
    }
    if (json_present(update->connector) && !has_own) {
        return ml_invalid(&call->error, "the model has no connector of its own that [connector] "
                                        "could change; it has a [connector_id]");
    }
    return BERTH_OK;
}

static int32_t make_connector(struct ml_call *call, const struct update *update,
                              struct json_value model, struct change *change) {
    struct ml_place place = {ML_MODEL, ml_call_id(call), "connector."};
    struct ml_connector_draft draft = update->draft;
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO made;
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    if (!json_present(update->connector)) {
        return BERTH_OK;
    }
    int32_t code = ml_connector_make(call, &place, json_get(model, "connector"), &draft, &made);
    struct berth_str kept = code ? base_str(NULL, 0) : ml_keep(&call->arena, &made);
    if (!code && (!kept.ptr || !json_parse(&doc, kept, 0, NULL))) {
        code = base_error_memory(&call->error);
    }
    code = code ? code : ml_connector_check_protocol(json_root(&doc), &call->error);
    if (!code && !ml_connector_has_action(json_root(&doc), "PREDICT")) {
        code = ml_invalid(&call->error, "the connector of a model needs an action of type predict");
    }
    add(change, "connector", kept);
    return code;
}

/* In another group a model is the next version of that. */
static int32_t move(struct ml_call *call, const struct update *update, struct json_value model,
                    struct change *change) {
    if (!update->group_id.ptr ||
        json_string_is(json_get(model, "model_group_id"), update->group_id)) {
        return BERTH_OK;
    }
    struct berth_str none = {NULL, 0};
    int32_t code = ml_group_take_version(call, update->group_id, none, none, &change->use);
    if (code) {
        return code;
    }
    char version[24];
    int len = snprintf(version, sizeof version, "%lld", (long long)change->use.version);
    add(change, "model_group_id", ml_quote(&call->arena, update->group_id));
    add(change, "model_version", ml_quote(&call->arena, base_str(version, (size_t)len)));
    return BERTH_OK;
}

/* A connector that is not there needs no keeping: a model may be given its id all the same. */
static int32_t refer(struct ml_call *call, const struct update *update, struct change *change) {
    ML_DOCUMENT_AUTO connector = {0};
    struct berth_error reason = BASE_ERROR_INIT;
    int32_t code = ml_reference_take(call, update->connector_id, &change->reference);
    if (code) {
        return code;
    }
    code = ml_document_get(call->plugin, ML_CONNECTOR, update->connector_id, &connector, &reason);
    change->has_reference = code == BERTH_OK;
    if (code && code != BERTH_E_NOT_FOUND) {
        call->error = reason;
        return code;
    }
    return BERTH_OK;
}

static int32_t make_change(struct ml_call *call, const struct update *update,
                           struct json_value model, struct change *change) {
    struct ml_model_options options = update->options;
    *change = (struct change){.count = update->count};
    memcpy(change->edits, update->edits, update->count * sizeof *change->edits);
    int32_t code = update->connector_id.ptr ? refer(call, update, change) : BERTH_OK;
    code = code ? code : check_model(call, update, model);
    code = code ? code : ml_model_options_merge(call, model, &options);
    code = code ? code : make_connector(call, update, model, change);
    code = code ? code : move(call, update, model, change);
    if (code) {
        return code;
    }
    for (size_t i = 0; i < options.count; i++) {
        add(change, options.edits[i].name, options.edits[i].raw);
    }
    size_t made = change->count;
    add(change, "last_updated_time", ml_now(&call->arena));
    add(change, "model_id", ml_quote(&call->arena, ml_call_id(call)));
    return change->edits[made].raw.ptr && change->edits[made + 1].raw.ptr
               ? BERTH_OK
               : base_error_memory(&call->error);
}

/* A model that is served must be one that can be: else this change would end it. */
static int32_t check_served(struct ml_call *call, struct berth_str source) {
    JSON_DOC_AUTO doc = {0};
    struct ml_deployed *deployed = NULL;
    struct berth_str node_id = ml_node_id(call->plugin, &call->arena);
    if (!node_id.ptr || !json_parse(&doc, source, 0, NULL)) {
        return base_error_memory(&call->error);
    }
    if (!ml_catalogue_belongs(json_root(&doc), node_id)) {
        return BERTH_OK;
    }
    int32_t code = ml_deployed_create(call->plugin, ml_call_id(call), json_root(&doc), NULL,
                                      &deployed, &call->error);
    ml_deployed_unref(deployed);
    return code;
}

static int32_t update_once(struct ml_call *call, const struct update *update) {
    ML_DOCUMENT_AUTO model = {0};
    struct change change;
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_access_get(call, ML_MODEL, id, ML_MAY_CHANGE, &model);
    code = code ? code : make_change(call, update, model.root, &change);
    if (code) {
        return code;
    }
    ml_document_edit(ML_MODEL, model.root, change.edits, change.count, &source);
    code =
        source.error ? base_error_memory(&call->error) : check_served(call, base_buf_view(&source));
    if (code) {
        return code;
    }
    struct berth_write writes[2 + BASE_COUNT(change.use.writes)] = {
        ml_write_update(&model, base_buf_view(&source))};
    struct berth_write_result results[BASE_COUNT(writes)];
    uint32_t count = 1 + change.use.write_count;
    memcpy(writes + 1, change.use.writes, sizeof change.use.writes);
    if (change.has_reference) {
        writes[count++] = change.reference;
    }
    code = ml_store_write(call->plugin, writes, count, results, &call->error);
    if (!code) {
        ml_put_write_result(ML_MODEL, id, &results[0], &call->out);
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
    for (int i = 0; i < ML_ATTEMPTS_MAX && ml_is_meanwhile(code); i++) {
        code = update_once(call, &update);
    }
    (void)pthread_mutex_unlock(&call->plugin->references_lock);
    return code;
}
