/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what a client sends. The whole that comes of it is made and checked in
 * connector_make.c.
 */
#include "plugin/ml_remote/connector.h"

#include "plugin/ml_remote/client_config.h"
#include "plugin/ml_remote/process.h"

/* Types of action, as they are shown. */
static const char *const action_types[] = {
    "PREDICT", "EXECUTE", "BATCH_PREDICT", "CANCEL_BATCH_PREDICT", "BATCH_PREDICT_STATUS",
};

static const char *const protocols[] = {"http", "aws_sigv4"};

/* Members of an action that are plain texts, in the order in which they are stored. */
static const char *const action_texts[] = {"request_body", "pre_process_function",
                                           "post_process_function"};

#define ACTIONS_MAX 64u

/* ---- drafts ---- */

static void add_edit(struct ml_connector_draft *draft, const char *name, struct berth_str raw) {
    draft->edits[draft->count++] = (struct ml_edit){name, raw};
}

/* A text member, which an update may remove by null unless it is required. */
static int32_t read_text(struct ml_call *call, struct json_value object, const char *name,
                         bool required, bool partial, struct ml_connector_draft *draft) {
    struct json_value value = json_get(object, name);
    struct berth_str text = {NULL, 0};
    int32_t code = ml_call_text(call, object, name, &text);
    if (code) {
        return code;
    }
    if (!text.ptr) {
        bool null = json_is(value, JSON_NULL);
        if (required && (!partial || null)) {
            return ml_invalid(&call->error, "a connector needs a [%s]", name);
        }
        if (partial && null) {
            add_edit(draft, name, base_str(NULL, 0));
        }
        return BERTH_OK;
    }
    struct berth_str raw = ml_quote(&call->arena, text);
    if (!raw.ptr) {
        return base_error_memory(&call->error);
    }
    add_edit(draft, name, raw);
    return BERTH_OK;
}

/* ---- parameters ---- */

/* Values that are no text become their JSON text. */
static int32_t read_parameters(struct ml_call *call, struct json_value object, bool partial,
                               struct ml_connector_draft *draft) {
    struct json_value given;
    int32_t code = ml_call_container(call, object, "parameters", JSON_OBJECT, &given);
    if (!code && partial && json_is(json_get(object, "parameters"), JSON_NULL)) {
        add_edit(draft, "parameters", base_str(NULL, 0)); /* all of them are removed */
        return BERTH_OK;
    }
    if (code || !json_present(given)) {
        return code;
    }
    BASE_BUF_AUTO out;
    BASE_BUF_AUTO text;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    json_open_object(&out);
    for (struct json_value k = json_first(given); json_present(k);) {
        struct json_value v = json_next(given, k);
        bool removes = partial && json_is(v, JSON_NULL);
        json_put_raw(&out, json_raw(k));
        base_buf_char(&out, ':');
        if (json_is(v, JSON_STRING) || removes) {
            json_put_raw(&out, json_raw(v));
        } else {
            base_buf_clear(&text);
            json_minify(&text, json_raw(v));
            json_put_string(&out, base_buf_view(&text));
        }
        k = json_next(given, v);
    }
    json_close_object(&out);
    struct berth_str raw = ml_keep(&call->arena, &out);
    if (!raw.ptr || text.error) {
        return base_error_memory(&call->error);
    }
    add_edit(draft, "parameters", raw);
    return BERTH_OK;
}

/* ---- actions ---- */

static bool is_header_name(struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c)))) {
            return false;
        }
    }
    return name.len > 0;
}

static bool is_header_value(struct berth_str value) {
    for (uint64_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static int32_t write_headers(struct ml_call *call, struct json_value action, struct base_buf *out) {
    struct json_value headers;
    int32_t code = ml_call_container(call, action, "headers", JSON_OBJECT, &headers);
    if (code || !json_present(headers)) {
        return code;
    }
    json_key(out, "headers");
    json_open_object(out);
    for (struct json_value k = json_first(headers); json_present(k);) {
        struct json_value v = json_next(headers, k);
        struct berth_str name;
        struct berth_str value;
        bool scalar = json_is(v, JSON_NUMBER) || json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE);
        if (!json_is(v, JSON_STRING) && !scalar) {
            return ml_wrong_kind(&call->error, "the header [" BASE_FMT "] is text",
                                 BASE_ARG(json_inner(k)));
        }
        value = json_raw(v);
        if (!json_string(k, &call->arena, &name) ||
            (!scalar && !json_string(v, &call->arena, &value))) {
            return base_error_memory(&call->error);
        }
        if (!is_header_name(name) || !is_header_value(value)) {
            return ml_invalid(&call->error,
                              "the header [" BASE_FMT
                              "] is none: a name has no spaces, a value no line breaks",
                              BASE_ARG(name));
        }
        json_key_str(out, name);
        json_put_string(out, value);
        k = json_next(headers, v);
    }
    json_close_object(out);
    return BERTH_OK;
}

/* The text of a member that an action must have. */
static int32_t required_text(struct ml_call *call, struct json_value action, const char *name,
                             struct berth_str *out) {
    out->ptr = NULL;
    int32_t code = ml_call_text(call, action, name, out);
    if (!code && !out->ptr) {
        code = ml_invalid(&call->error, "an action of a connector needs a [%s]", name);
    }
    return code;
}

/* Functions are built in: what is none of them is refused now, not when it is needed. */
static int32_t check_functions(struct ml_call *call, struct json_value action) {
    struct berth_str text = {NULL, 0};
    const struct ml_pre_function *pre;
    const struct ml_post_function *post;
    int32_t code = ml_call_text(call, action, "pre_process_function", &text);
    if (!code && !base_str_empty(base_str_trim(text))) {
        code = ml_pre_find(text, &pre, &call->error);
    }
    text = base_str(NULL, 0);
    code = code ? code : ml_call_text(call, action, "post_process_function", &text);
    if (!code && !base_str_empty(base_str_trim(text))) {
        code = ml_post_find(text, &post, &call->error);
    }
    return code;
}

static int32_t write_action_type(struct ml_call *call, struct json_value action,
                                 struct base_buf *out) {
    struct berth_str type;
    int32_t code = required_text(call, action, "action_type", &type);
    for (size_t i = 0; i < BASE_COUNT(action_types) && !code; i++) {
        if (base_str_eq_nocase(type, base_cstr(action_types[i]))) {
            json_member_cstr(out, "action_type", action_types[i]);
            return BERTH_OK;
        }
    }
    return code ? code
                : ml_invalid(&call->error,
                             "[action_type] cannot be [" BASE_FMT
                             "]: predict, execute, batch_predict, cancel_batch_predict, "
                             "batch_predict_status",
                             BASE_ARG(type));
}

static int32_t write_action(struct ml_call *call, struct json_value action, struct base_buf *out) {
    struct berth_str text;
    if (!json_is(action, JSON_OBJECT)) {
        return ml_wrong_kind(&call->error, "an action of a connector is an object");
    }
    json_open_object(out);
    int32_t code = write_action_type(call, action, out);
    code = code ? code : required_text(call, action, "method", &text);
    if (!code) {
        json_member_string(out, "method", text);
        code = required_text(call, action, "url", &text);
    }
    if (!code) {
        json_member_string(out, "url", text);
        code = write_headers(call, action, out);
    }
    for (size_t i = 0; i < BASE_COUNT(action_texts) && !code; i++) {
        text.ptr = NULL;
        code = ml_call_text(call, action, action_texts[i], &text);
        if (!code && text.ptr) {
            json_member_string(out, action_texts[i], text);
        }
    }
    json_close_object(out);
    return code ? code : check_functions(call, action);
}

static int32_t read_actions(struct ml_call *call, struct json_value object, bool partial,
                            struct ml_connector_draft *draft) {
    struct json_value given;
    int32_t code = ml_call_container(call, object, "actions", JSON_ARRAY, &given);
    if (code) {
        return code;
    }
    if (!json_present(given)) {
        return partial ? BERTH_OK
                       : ml_invalid(&call->error, "a connector needs [actions]: an array");
    }
    if (json_count(given) > ACTIONS_MAX) {
        return ml_invalid(&call->error, "a connector has at most %u actions", ACTIONS_MAX);
    }
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    json_open_array(&out);
    for (struct json_value v = json_first(given); json_present(v) && !code;
         v = json_next(given, v)) {
        code = write_action(call, v, &out);
    }
    json_close_array(&out);
    struct berth_str raw = code ? base_str(NULL, 0) : ml_keep(&call->arena, &out);
    if (!code && !raw.ptr) {
        code = base_error_memory(&call->error);
    }
    if (!code) {
        add_edit(draft, "actions", raw);
    }
    return code;
}

/* ---- client_config, credential, protocol ---- */

static int32_t read_client_config(struct ml_call *call, struct json_value object, bool partial,
                                  struct ml_connector_draft *draft) {
    struct json_value given;
    int32_t code = ml_call_container(call, object, "client_config", JSON_OBJECT, &given);
    if (code) {
        return code;
    }
    if (!json_present(given)) {
        if (partial && json_is(json_get(object, "client_config"), JSON_NULL)) {
            add_edit(draft, "client_config", base_str(NULL, 0));
        }
        return BERTH_OK;
    }
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    code = ml_client_config_normalise(call, given, &out);
    struct berth_str raw = ml_keep(&call->arena, &out);
    if (!code && !raw.ptr) {
        code = base_error_memory(&call->error);
    }
    if (!code) {
        add_edit(draft, "client_config", raw);
    }
    return code;
}

static int32_t read_credential(struct ml_call *call, struct json_value object, bool partial,
                               struct ml_connector_draft *draft) {
    int32_t code = ml_call_container(call, object, "credential", JSON_OBJECT, &draft->credential);
    for (struct json_value k = json_first(draft->credential); json_present(k) && !code;) {
        struct json_value v = json_next(draft->credential, k);
        bool removes = partial && json_is(v, JSON_NULL);
        if (!removes &&
            (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY) || json_is(v, JSON_NULL))) {
            code = ml_wrong_kind(&call->error, "the credential [" BASE_FMT "] is text",
                                 BASE_ARG(json_inner(k)));
        }
        k = json_next(draft->credential, v);
    }
    if (!code && !partial && !json_present(json_first(draft->credential))) {
        code = ml_invalid(&call->error,
                          "a connector needs a [credential] with at least one entry; a service "
                          "without authentication can have one that is not used");
    }
    return code;
}

static bool is_protocol(struct json_value value) {
    for (size_t i = 0; i < BASE_COUNT(protocols); i++) {
        if (json_string_is(value, base_cstr(protocols[i]))) {
            return true;
        }
    }
    return false;
}

static int32_t bad_protocol(struct json_value value, struct berth_error *error) {
    return ml_invalid(error, "[protocol] cannot be [" BASE_FMT "]: http, aws_sigv4",
                      BASE_ARG(json_is(value, JSON_STRING) ? json_inner(value) : json_raw(value)));
}

int32_t ml_connector_check_protocol(struct json_value connector, struct berth_error *error) {
    struct json_value value = json_get(connector, "protocol");
    return is_protocol(value) ? BERTH_OK : bad_protocol(value, error);
}

int32_t ml_connector_read(struct ml_call *call, struct json_value object, bool partial,
                          struct ml_connector_draft *out_draft) {
    struct ml_connector_draft draft = {0};
    int32_t code = read_text(call, object, "name", true, partial, &draft);
    code = code ? code : read_text(call, object, "version", true, partial, &draft);
    code = code ? code : read_text(call, object, "protocol", true, partial, &draft);
    code = code ? code : read_text(call, object, "description", false, partial, &draft);
    code = code ? code : read_credential(call, object, partial, &draft);
    if (!code && !partial) {
        code = ml_connector_check_protocol(object, &call->error);
    }
    code = code ? code : read_parameters(call, object, partial, &draft);
    code = code ? code : read_actions(call, object, partial, &draft);
    code = code ? code : read_client_config(call, object, partial, &draft);
    if (!code) {
        *out_draft = draft;
    }
    return code;
}

bool ml_connector_is_signed(struct json_value connector) {
    return json_string_is(json_get(connector, "protocol"), BERTH_STR("aws_sigv4"));
}

struct json_value ml_connector_action(struct json_value connector, const char *type) {
    struct json_value actions = json_get(connector, "actions");
    for (struct json_value v = json_first(actions); json_present(v); v = json_next(actions, v)) {
        if (json_string_is(json_get(v, "action_type"), base_cstr(type))) {
            return v;
        }
    }
    return JSON_NONE;
}

bool ml_connector_has_action(struct json_value connector, const char *type) {
    return json_present(ml_connector_action(connector, type));
}
