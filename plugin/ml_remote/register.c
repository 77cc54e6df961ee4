/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registering a remote model: its connector, its group, its document, its task.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/connector.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/group.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/model_options.h"
#include "plugin/ml_remote/reference.h"
#include "plugin/ml_remote/task.h"

#include <stdio.h>

/* What a client asks for. */
struct registration {
    struct berth_str name;
    struct berth_str description; /* ptr NULL: none */
    struct berth_str format;
    struct berth_str connector_id;
    struct berth_str group_id;
    struct json_value connector; /* one within the model; absent: connector_id */
    struct ml_connector_draft draft;
    struct ml_model_options options;
    struct berth_str model_id;
    char task_id[BERTH_ID_LENGTH + 1];
};

/* Functions of OpenSearch's local models, which are known and not served. */
static const char *const local_functions[] = {
    "TEXT_EMBEDDING",
    "SPARSE_ENCODING",
    "SPARSE_TOKENIZE",
    "TEXT_SIMILARITY",
    "KMEANS",
    "LINEAR_REGRESSION",
    "AD_LIBSVM",
    "LOGISTIC_REGRESSION",
    "RCF_SUMMARIZE",
    "FIT_RCF",
    "BATCH_RCF",
    "ANOMALY_LOCALIZATION",
    "SAMPLE_ALGO",
    "LOCAL_SAMPLE_CALCULATOR",
    "METRICS_CORRELATION",
    "QUESTION_ANSWERING",
    "AGENT",
    "CONNECTOR",
    "SEMANTIC_HIGHLIGHTER",
};

static int32_t check_function(struct ml_call *call) {
    struct berth_str function = {NULL, 0};
    int32_t code = ml_call_text(call, call->body, "function_name", &function);
    if (code || base_str_eq_nocase(function, BERTH_STR("remote"))) {
        return code;
    }
    if (!function.ptr) {
        return ml_invalid(&call->error, "[function_name] is required, and is [remote]");
    }
    for (size_t i = 0; i < BASE_COUNT(local_functions); i++) {
        if (base_str_eq_nocase(function, base_cstr(local_functions[i]))) {
            return ml_invalid(&call->error,
                              "[function_name] is [" BASE_FMT
                              "], which runs in a node of OpenSearch; here models are [remote]",
                              BASE_ARG(function));
        }
    }
    return ml_invalid(&call->error, "[function_name] cannot be [" BASE_FMT "]: remote",
                      BASE_ARG(function));
}

static int32_t read_connector(struct ml_call *call, struct registration *r) {
    int32_t code = ml_call_text(call, call->body, "connector_id", &r->connector_id);
    code =
        code ? code : ml_call_container(call, call->body, "connector", JSON_OBJECT, &r->connector);
    if (!code && !r->connector_id.ptr && !json_present(r->connector)) {
        return ml_invalid(&call->error,
                          "a remote model needs a [connector_id], or a [connector] of its own");
    }
    if (!code && json_present(r->connector)) {
        code = ml_connector_read(call, r->connector, false, &r->draft);
    }
    return code;
}

/*
 * A model has the access of its group: what a body says of it has no effect, also where access
 * control is active.
 */
static int32_t check_access_members(struct ml_call *call) {
    bool is_active = ml_access_user(call->plugin, call->settings, call->request, ML_GROUP);
    return is_active ? BERTH_OK : ml_access_check_inactive(call, ML_GROUP);
}

/* is_enabled has no say here, as it never had: a model begins enabled. */
static int32_t read_registration(struct ml_call *call, struct registration *r) {
    int32_t code = ml_call_text(call, call->body, "name", &r->name);
    if (!code && base_str_empty(base_str_trim(r->name))) {
        code = ml_invalid(&call->error, "a model needs a [name]");
    }
    code = code ? code : check_function(call);
    code = code ? code : ml_call_text(call, call->body, "description", &r->description);
    code = code ? code : ml_call_text(call, call->body, "model_format", &r->format);
    code = code ? code : ml_call_text(call, call->body, "model_group_id", &r->group_id);
    code = code ? code : ml_model_options_read(call, &r->options);
    code = code ? code : read_connector(call, r);
    return code ? code : check_access_members(call);
}

/* A connector that models refer to must be there, and be one that can predict. */
static int32_t check_stored_connector(struct ml_call *call, const struct registration *r) {
    ML_DOCUMENT_AUTO connector = {0};
    int32_t code = ml_access_get(call, ML_CONNECTOR, r->connector_id, ML_MAY_USE, &connector);
    return code ? code : ml_connector_check_protocol(connector.root, &call->error);
}

static int32_t make_connector(struct ml_call *call, struct registration *r, struct base_buf *out) {
    struct ml_place place = {ML_MODEL, r->model_id, "connector."};
    int32_t code = ml_connector_make(call, &place, JSON_NONE, &r->draft, out);
    JSON_DOC_AUTO doc = {0};
    if (!code && !json_parse(&doc, base_buf_view(out), 0, NULL)) {
        code = base_error_memory(&call->error);
    }
    if (!code && !ml_connector_has_action(json_root(&doc), "PREDICT")) {
        code = ml_invalid(&call->error, "the connector of a model needs an action of type predict");
    }
    return code;
}

static struct berth_str text_or_none(struct ml_call *call, struct berth_str text) {
    return text.ptr ? ml_quote(&call->arena, text) : base_str(NULL, 0);
}

static int32_t model_source(struct ml_call *call, struct registration *r,
                            const struct ml_group_use *use, struct base_buf *out) {
    char version[24];
    int len = snprintf(version, sizeof version, "\"%lld\"", (long long)use->version);
    BASE_BUF_AUTO connector;
    base_buf_init(&connector, BASE_BUF_MAX_DEFAULT);
    int32_t code = json_present(r->connector) ? make_connector(call, r, &connector) : BERTH_OK;
    struct berth_str now = ml_now(&call->arena);
    const struct ml_edit edits[] = {
        {"name", ml_quote(&call->arena, r->name)},
        {"model_group_id", ml_quote(&call->arena, base_cstr(use->id))},
        {"algorithm", BERTH_STR("\"REMOTE\"")},
        {"model_version", base_str(version, (size_t)len)},
        {"description", text_or_none(call, r->description)},
        {"model_format", text_or_none(call, r->format)},
        {"model_state", BERTH_STR("\"REGISTERED\"")},
        {"created_time", now},
        {"last_updated_time", now},
        {"is_hidden", BERTH_STR("false")},
        {"connector", connector.len ? base_buf_view(&connector) : base_str(NULL, 0)},
        {"connector_id", connector.len ? base_str(NULL, 0) : text_or_none(call, r->connector_id)},
    };
    struct ml_edit all[BASE_COUNT(edits) + ML_MODEL_OPTIONS_MAX];
    memcpy(all, edits, sizeof edits);
    memcpy(all + BASE_COUNT(edits), r->options.edits, r->options.count * sizeof *all);
    ml_document_edit(ML_MODEL, JSON_NONE, all, BASE_COUNT(edits) + r->options.count, out);
    if (!code && (!now.ptr || !edits[0].raw.ptr || !edits[1].raw.ptr || out->error)) {
        code = base_error_memory(&call->error);
    }
    return code;
}

/* One attempt; CONFLICT or EXISTS when another registration came in between. */
static int32_t register_once(struct ml_call *call, struct registration *r) {
    struct ml_group_use use;
    struct berth_write writes[5];
    uint32_t count = json_present(r->connector) ? 0 : 1;
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    int32_t code = count ? ml_reference_take(call, r->connector_id, &writes[0]) : BERTH_OK;
    code = code || !count ? code : check_stored_connector(call, r);
    code = code ? code : ml_group_take_version(call, r->group_id, r->name, r->description, &use);
    code = code ? code : model_source(call, r, &use, &source);
    if (code) {
        return code;
    }
    struct ml_task task = {.type = "REGISTER_MODEL", .state = "COMPLETED", .model_id = r->model_id};
    for (uint32_t i = 0; i < use.write_count; i++) {
        writes[count++] = use.writes[i];
    }
    writes[count++] = ml_write(ML_MODEL, BERTH_WRITE_CREATE, r->model_id, base_buf_view(&source));
    if (ml_task_make(call->plugin, &call->arena, &task, r->task_id, &writes[count++])) {
        return base_error_memory(&call->error);
    }
    return ml_store_write(call->plugin, writes, count, NULL, &call->error);
}

static int32_t register_locked(struct ml_call *call, struct registration *r) {
    int32_t code = ml_new_id(call, ML_MODEL, "model_id", &r->model_id);
    if (code) {
        return code;
    }
    code = BERTH_E_CONFLICT;
    for (int i = 0; i < ML_ATTEMPTS_MAX && ml_is_meanwhile(code); i++) {
        code = register_once(call, r);
    }
    return code;
}

/* As many at a time as this node may make. */
static int32_t register_within_limit(struct ml_call *call, struct registration *r) {
    struct ml_slots *slots = &call->plugin->registrations;
    if (!ml_slots_take(slots, call->settings->max_register_tasks)) {
        return base_error(&call->error, BERTH_E_LIMIT,
                          "so many registrations run on this node as "
                          "[plugins.ml_commons.max_register_model_tasks_per_node] allows: %lld",
                          (long long)call->settings->max_register_tasks);
    }
    ml_control_begin(call->plugin);
    (void)pthread_mutex_lock(&call->plugin->references_lock);
    int32_t code = register_locked(call, r);
    (void)pthread_mutex_unlock(&call->plugin->references_lock);
    ml_control_end(call->plugin, ML_STAT_REGISTER, code ? base_str("", 0) : r->model_id,
                   code ? &call->error : NULL);
    ml_slots_give(slots);
    return code;
}

/* Whether the query asks to deploy at once. */
static int32_t read_deploy(struct ml_call *call, bool *out_deploy) {
    struct berth_str text;
    *out_deploy = false;
    if (call->plugin->routes->query(call->request, BERTH_STR("deploy"), &text)) {
        return BERTH_OK;
    }
    *out_deploy = text.len == 0 || base_str_is(text, "true");
    return *out_deploy || base_str_is(text, "false")
               ? BERTH_OK
               : ml_invalid(&call->error, "the query parameter [deploy] is true or false");
}

int32_t ml_register_model(struct ml_call *call) {
    struct registration r = {0};
    bool deploy = false;
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : read_deploy(call, &deploy);
    code = code ? code : ml_call_read_body(call);
    code = code ? code : read_registration(call, &r);
    code = code ? code : register_within_limit(call, &r);
    if (code) {
        return code;
    }
    if (deploy) {
        /* The model is registered, whatever becomes of this; the model's state tells. */
        struct ml_deployment deployment;
        struct berth_error ignored = BASE_ERROR_INIT;
        const struct ml_plan plan = {.model_id = r.model_id};
        (void)ml_deploy(call->plugin, call->settings, &plan, &deployment, &ignored);
    }
    json_open_object(&call->out);
    json_member_cstr(&call->out, "task_id", r.task_id);
    json_member_cstr(&call->out, "status", "CREATED");
    json_member_string(&call->out, "model_id", r.model_id);
    json_close_object(&call->out);
    return BERTH_OK;
}
