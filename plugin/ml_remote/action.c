/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/action.h"

#include "plugin/ml_remote/call.h"

#define HEADERS_MAX 64u

struct making {
    const struct ml_parameters *parameters;
    const struct ml_credentials *credentials;
    struct base_arena *arena;
    struct ml_action *action;
    struct berth_error *error;
};

const char *ml_action_name(enum ml_action_type type) {
    static const char *const names[ML_ACTION_TYPES] = {
        [ML_ACTION_PREDICT] = "PREDICT",
        [ML_ACTION_BATCH_PREDICT] = "BATCH_PREDICT",
        [ML_ACTION_BATCH_STATUS] = "BATCH_PREDICT_STATUS",
        [ML_ACTION_BATCH_CANCEL] = "CANCEL_BATCH_PREDICT",
    };
    return names[type];
}

/* ---- headers ---- */

/* Appends a value with ${credential.name} and ${parameters.name} of the connector filled in. */
static void put_header_value(struct making *m, struct berth_str value, struct base_buf *out,
                             struct base_buf *scratch) {
    static const char credential_open[] = "${credential.";
    struct ml_values values = {.own = m->parameters};
    struct ml_filling filling = {.values = &values, .out = out, .scratch = scratch};
    while (value.len) {
        const char *open =
            memmem(value.ptr, BASE_LEN(value), credential_open, sizeof credential_open - 1);
        uint64_t until = open ? (uint64_t)(open - value.ptr) : value.len;
        struct ml_template template;
        if (ml_template_compile(base_str_slice(value, 0, until), m->arena, &template, NULL)) {
            out->error = BERTH_E_NO_MEMORY;
            return;
        }
        ml_fill_text(&filling, &template);
        if (!open) {
            return;
        }
        struct berth_str rest = base_str_from(value, until);
        uint64_t close = base_str_find(rest, '}');
        struct berth_str name =
            base_str_slice(rest, sizeof credential_open - 1,
                           close < sizeof credential_open - 1 ? sizeof credential_open - 1 : close);
        struct berth_str secret = ml_credentials_find(m->credentials, name);
        base_buf_str(out, secret.ptr ? secret : base_str_slice(rest, 0, close));
        if (!secret.ptr && close < rest.len) {
            base_buf_char(out, '}');
        }
        value = base_str_from(rest, close + 1);
    }
}

struct header_lines {
    struct base_buf buffers[HEADERS_MAX + 2];
    uint32_t count;
    bool has_content_type;
};

static int32_t add_line(struct making *m, struct header_lines *lines, struct base_buf **out) {
    if (lines->count == BASE_COUNT(lines->buffers)) {
        return ml_invalid(m->error, "a connector's action has at most %u headers", HEADERS_MAX);
    }
    *out = &lines->buffers[lines->count++];
    base_buf_init_private(*out, BASE_BUF_MAX_DEFAULT);
    return BERTH_OK;
}

/* A substituted value must not begin another header. */
static int32_t check_line(struct making *m, const struct base_buf *line, struct berth_str name) {
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return ml_invalid(m->error,
                              "the header [" BASE_FMT
                              "] gets a control character from a credential "
                              "or parameter",
                              BASE_ARG(name));
        }
    }
    return line->error ? base_error_memory(m->error) : BERTH_OK;
}

static int32_t put_headers(struct making *m, struct json_value headers, struct header_lines *lines,
                           struct base_buf *scratch) {
    int32_t code = BERTH_OK;
    for (struct json_value k = json_first(headers); json_present(k) && !code;) {
        struct json_value v = json_next(headers, k);
        struct berth_str name;
        struct berth_str value;
        struct base_buf *line = NULL;
        if (!json_string(k, m->arena, &name) || !json_string(v, m->arena, &value)) {
            return base_error_memory(m->error);
        }
        if (m->action->is_signed && base_str_eq_nocase(name, BERTH_STR("x-amz-content-sha256"))) {
            m->action->sends_hash = true; /* its value is made with each request */
            k = json_next(headers, v);
            continue;
        }
        code = add_line(m, lines, &line);
        if (!code) {
            lines->has_content_type |= base_str_eq_nocase(name, BERTH_STR("content-type"));
            base_buf_str(line, name);
            base_buf_cstr(line, ": ");
            put_header_value(m, value, line, scratch);
            code = check_line(m, line, name);
        }
        k = json_next(headers, v);
    }
    return code;
}

static int32_t put_own_headers(struct making *m, struct header_lines *lines) {
    struct base_buf *line = NULL;
    int32_t code = add_line(m, lines, &line);
    if (!code) {
        /* A request is sent as a whole: nobody is asked first whether it may be. */
        base_buf_cstr(line, "Expect:");
    }
    if (!code && !lines->has_content_type) {
        code = add_line(m, lines, &line);
        if (!code) {
            base_buf_cstr(line, "Content-Type: application/json");
        }
    }
    return code;
}

static int32_t make_headers(struct making *m, struct json_value json) {
    const struct ml_credentials *credentials = m->credentials;
    struct header_lines lines = {0};
    struct berth_str views[HEADERS_MAX + 2];
    struct berth_str secrets[ML_CREDENTIALS_MAX];
    struct base_buf scratch;
    base_buf_init_private(&scratch, BASE_BUF_MAX_DEFAULT);
    int32_t code = put_headers(m, json_get(json, "headers"), &lines, &scratch);
    code = code ? code : put_own_headers(m, &lines);
    for (uint32_t i = 0; i < lines.count; i++) {
        views[i] = base_buf_view(&lines.buffers[i]);
        code = lines.buffers[i].error ? base_error_memory(m->error) : code;
    }
    for (uint32_t i = 0; i < credentials->count; i++) {
        secrets[i] = credentials->list[i].secret->text;
    }
    if (!code &&
        ml_http_headers_create(credentials->plugin ? credentials->plugin->locked : NULL, views,
                               lines.count, secrets, credentials->count, &m->action->headers)) {
        code = base_error_memory(m->error);
    }
    for (uint32_t i = 0; i < lines.count; i++) {
        base_buf_deinit(&lines.buffers[i]);
    }
    base_buf_deinit(&scratch);
    return code;
}

/* ---- the action ---- */

static void set_method(struct making *m, struct berth_str method) {
    static const char *const known[] = {"POST", "GET", "PUT", "DELETE"};
    for (size_t i = 0; i < BASE_COUNT(known); i++) {
        if (base_str_eq_nocase(method, base_cstr(known[i]))) {
            m->action->method = base_cstr(known[i]);
            return;
        }
    }
    /* Kept as it is: a prediction refuses it, as it always was. */
    m->action->method = method;
}

/* A text of the action, compiled; absent where it is not there. */
static int32_t compile(struct making *m, struct json_value json, struct ml_template *out) {
    struct berth_str text;
    return json_string(json, m->arena, &text) ? ml_template_compile(text, m->arena, out, m->error)
                                              : base_error_memory(m->error);
}

static int32_t find_functions(struct making *m, struct json_value json) {
    struct json_value pre = json_get(json, "pre_process_function");
    struct json_value post = json_get(json, "post_process_function");
    struct berth_str text;
    int32_t code = BERTH_OK;
    if (json_string(pre, m->arena, &text) && !base_str_empty(base_str_trim(text))) {
        code = ml_pre_find(text, &m->action->pre, m->error);
    }
    if (!code && json_string(post, m->arena, &text) && !base_str_empty(base_str_trim(text))) {
        code = ml_post_find(text, &m->action->post, m->error);
    }
    return code;
}

/* ---- signing ---- */

/* A credential as it lives with the headers; empty where there is none. */
static struct berth_str kept_secret(const struct making *m, const char *name) {
    struct berth_str secret = ml_credentials_find(m->credentials, base_cstr(name));
    return secret.ptr ? ml_http_headers_secret(m->action->headers, secret) : base_str("", 0);
}

/* A parameter, or else a credential, of this name. */
static struct berth_str place(const struct making *m, const char *name) {
    const struct ml_parameter *own = ml_parameters_find(m->parameters, base_cstr(name));
    return own ? own->text : kept_secret(m, name);
}

/* What the signature covers beside its own: the content type, and all that begins with x-amz-. */
static int32_t find_signed_headers(struct making *m) {
    struct ml_action *action = m->action;
    action->signed_headers =
        base_arena_array(m->arena, HEADERS_MAX + 2, sizeof *action->signed_headers);
    if (!action->signed_headers) {
        return base_error_memory(m->error);
    }
    uint32_t count = ml_http_headers_count(action->headers);
    for (uint32_t i = 0; i < count; i++) {
        struct berth_str line = ml_http_headers_line(action->headers, i);
        uint64_t colon = base_str_find(line, ':');
        struct berth_str name = base_str_slice(line, 0, colon);
        struct berth_str value = base_str_trim(base_str_from(line, colon + 1));
        if (value.len && (base_str_eq_nocase(name, BERTH_STR("content-type")) ||
                          base_str_eq_nocase(base_str_slice(name, 0, 6), BERTH_STR("x-amz-")))) {
            action->signed_headers[action->signed_count++] = (struct ml_aws_header){name, value};
        }
    }
    return BERTH_OK;
}

static int32_t make_signing(struct making *m) {
    m->action->key = (struct ml_aws_key){
        .access_key = kept_secret(m, "access_key"),
        .secret_key = kept_secret(m, "secret_key"),
        .session_token = kept_secret(m, "session_token"),
        .region = place(m, "region"),
        .service = place(m, "service_name"),
    };
    return find_signed_headers(m);
}

int32_t ml_action_make(struct json_value json, bool is_signed,
                       const struct ml_parameters *parameters,
                       const struct ml_credentials *credentials, struct base_arena *arena,
                       struct ml_action *out_action, struct berth_error *error) {
    struct ml_action action = {.is_present = true, .is_signed = is_signed};
    struct making m = {.parameters = parameters,
                       .credentials = credentials,
                       .arena = arena,
                       .action = &action,
                       .error = error};
    struct json_value body = json_get(json, "request_body");
    struct berth_str method;
    action.has_body_template = json_is(body, JSON_STRING);
    int32_t code = compile(&m, json_get(json, "url"), &action.url);
    code = code || !action.has_body_template ? code : compile(&m, body, &action.body);
    if (!code) {
        code = json_string(json_get(json, "method"), arena, &method) ? BERTH_OK
                                                                     : base_error_memory(error);
    }
    code = code ? code : find_functions(&m, json);
    code = code ? code : make_headers(&m, json);
    code = code || !is_signed ? code : make_signing(&m);
    if (code) {
        ml_action_deinit(&action);
    } else {
        set_method(&m, method);
        *out_action = action;
    }
    return code;
}

void ml_action_deinit(struct ml_action *action) {
    ml_http_headers_destroy(action->headers);
}
