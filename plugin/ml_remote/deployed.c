/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/deployed.h"

#include "base/clock.h"
#include "plugin/ml_remote/connector.h"

#include <stdlib.h>

#define ARENA_CHUNK 2048
#define HEADERS_MAX 64u
#define CREDENTIALS_MAX 64u
/* No time-out is longer than this: about 12 days. */
#define TIMEOUT_MS_MAX 1000000000

struct making {
    struct ml_plugin *plugin;
    struct ml_deployed *deployed;
    struct json_value connector;
    struct ml_place place; /* of the connector's credential */
    struct berth_error *error;
};

/* An opened credential; released, and so wiped, when the headers are made. */
struct credential {
    struct berth_str name;
    const struct berth_secret *secret;
};

struct credentials {
    struct credential list[CREDENTIALS_MAX];
    uint32_t count;
};

static int32_t open_credentials(struct making *m, struct credentials *out) {
    struct json_value object = json_get(m->connector, "credential");
    struct base_arena *arena = &m->deployed->arena;
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        struct berth_str sealed;
        struct credential *c = &out->list[out->count];
        if (out->count == CREDENTIALS_MAX) {
            return ml_invalid(m->error, "a connector has at most %u credentials", CREDENTIALS_MAX);
        }
        if (!json_string(k, arena, &c->name) || !json_string(v, arena, &sealed)) {
            return base_error_memory(m->error);
        }
        struct berth_str context = ml_credential_context(arena, &m->place, c->name);
        int32_t code = context.ptr ? m->plugin->secrets->open(m->plugin->host, context, sealed,
                                                              &c->secret, m->error)
                                   : base_error_memory(m->error);
        if (code) {
            return code;
        }
        out->count++;
        k = json_next(object, v);
    }
    return BERTH_OK;
}

static void close_credentials(struct making *m, struct credentials *credentials) {
    for (uint32_t i = 0; i < credentials->count; i++) {
        m->plugin->secrets->release(credentials->list[i].secret);
    }
}

/* ---- headers ---- */

/* Appends a value with ${credential.name} and ${parameters.name} of the connector filled in. */
static void put_header_value(struct making *m, const struct credentials *credentials,
                             struct berth_str value, struct base_buf *out,
                             struct base_buf *scratch) {
    static const char credential_open[] = "${credential.";
    struct ml_values values = {.own = &m->deployed->parameters};
    struct ml_filling filling = {.values = &values, .out = out, .scratch = scratch};
    while (value.len) {
        const char *open =
            memmem(value.ptr, BASE_LEN(value), credential_open, sizeof credential_open - 1);
        uint64_t until = open ? (uint64_t)(open - value.ptr) : value.len;
        struct ml_template template;
        if (ml_template_compile(base_str_slice(value, 0, until), &m->deployed->arena, &template,
                                NULL)) {
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
        const struct berth_secret *secret = NULL;
        for (uint32_t i = 0; i < credentials->count; i++) {
            if (base_str_eq(credentials->list[i].name, name)) {
                secret = credentials->list[i].secret;
            }
        }
        base_buf_str(out, secret ? secret->text : base_str_slice(rest, 0, close));
        if (!secret && close < rest.len) {
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
    base_buf_init(*out, BASE_BUF_MAX_DEFAULT);
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

static int32_t put_headers(struct making *m, struct json_value headers,
                           const struct credentials *credentials, struct header_lines *lines,
                           struct base_buf *scratch) {
    int32_t code = BERTH_OK;
    for (struct json_value k = json_first(headers); json_present(k) && !code;) {
        struct json_value v = json_next(headers, k);
        struct berth_str name;
        struct berth_str value;
        struct base_buf *line = NULL;
        if (!json_string(k, &m->deployed->arena, &name) ||
            !json_string(v, &m->deployed->arena, &value)) {
            return base_error_memory(m->error);
        }
        code = add_line(m, lines, &line);
        if (!code) {
            lines->has_content_type |= base_str_eq_nocase(name, BERTH_STR("content-type"));
            base_buf_str(line, name);
            base_buf_cstr(line, ": ");
            put_header_value(m, credentials, value, line, scratch);
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

static int32_t make_headers(struct making *m, struct json_value action,
                            const struct credentials *credentials) {
    struct header_lines lines = {0};
    struct berth_str views[HEADERS_MAX + 2];
    struct berth_str secrets[CREDENTIALS_MAX];
    struct base_buf scratch;
    base_buf_init(&scratch, BASE_BUF_MAX_DEFAULT);
    int32_t code = put_headers(m, json_get(action, "headers"), credentials, &lines, &scratch);
    code = code ? code : put_own_headers(m, &lines);
    for (uint32_t i = 0; i < lines.count; i++) {
        views[i] = base_buf_view(&lines.buffers[i]);
        code = lines.buffers[i].error ? base_error_memory(m->error) : code;
    }
    for (uint32_t i = 0; i < credentials->count; i++) {
        secrets[i] = credentials->list[i].secret->text;
    }
    if (!code && ml_http_headers_create(views, lines.count, secrets, credentials->count,
                                        &m->deployed->headers)) {
        code = base_error_memory(m->error);
    }
    for (uint32_t i = 0; i < lines.count; i++) {
        base_buf_wipe(&lines.buffers[i]);
    }
    base_buf_wipe(&scratch);
    return code;
}

/* ---- the rest ---- */

static int32_t check_method(struct making *m, struct berth_str method) {
    static const char *const known[] = {"POST", "GET", "PUT", "DELETE"};
    for (size_t i = 0; i < BASE_COUNT(known); i++) {
        if (base_str_eq_nocase(method, base_cstr(known[i]))) {
            m->deployed->method = base_cstr(known[i]);
            return BERTH_OK;
        }
    }
    /* Kept as it is: a prediction refuses it, as it always was. */
    m->deployed->method = method;
    return BERTH_OK;
}

static uint64_t milliseconds(int64_t seconds) {
    int64_t longest = TIMEOUT_MS_MAX / (int64_t)BASE_MS_PER_S;
    return (uint64_t)(seconds < 1 ? 1 : seconds > longest ? longest : seconds) * BASE_MS_PER_S;
}

static int32_t make_templates(struct making *m, struct json_value action) {
    struct ml_deployed *d = m->deployed;
    struct berth_str text;
    int32_t code = ml_parameters_compile(json_get(m->connector, "parameters"), &d->arena,
                                         &d->parameters, m->error);
    if (!code && !json_string(json_get(action, "url"), &d->arena, &text)) {
        code = base_error_memory(m->error);
    }
    code = code ? code : ml_template_compile(text, &d->arena, &d->url, m->error);
    struct json_value body = json_get(action, "request_body");
    d->has_body_template = json_is(body, JSON_STRING);
    if (!code && d->has_body_template) {
        code = json_string(body, &d->arena, &text)
                   ? ml_template_compile(text, &d->arena, &d->body, m->error)
                   : base_error_memory(m->error);
    }
    if (!code && !json_string(json_get(action, "method"), &d->arena, &text)) {
        code = base_error_memory(m->error);
    }
    return code ? code : check_method(m, text);
}

static int32_t make(struct making *m) {
    struct ml_client_config config;
    struct json_value action = ml_connector_action(m->connector, "PREDICT");
    int32_t code = ml_connector_check_protocol(m->connector, m->error);
    if (!code && !json_present(action)) {
        code = ml_invalid(m->error, "the model's connector has no action of type predict");
    }
    ml_client_config_load(json_get(m->connector, "client_config"), &config);
    m->deployed->connect_timeout_ms = milliseconds(config.connection_timeout);
    m->deployed->read_timeout_ms = milliseconds(config.read_timeout);
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (!credentials) {
        return base_error_memory(m->error);
    }
    code = code ? code : make_templates(m, action);
    code = code ? code : open_credentials(m, credentials);
    code = code ? code : make_headers(m, action, credentials);
    close_credentials(m, credentials);
    free(credentials);
    return code;
}

/* The text of the connector, kept by the deployed model. */
static int32_t keep_connector(struct making *m, struct berth_str text) {
    struct ml_deployed *d = m->deployed;
    struct berth_str copy = base_arena_dup(&d->arena, text);
    if (!copy.ptr || !json_parse(&d->doc, copy, 0, NULL)) {
        return base_error_memory(m->error);
    }
    m->connector = json_root(&d->doc);
    return BERTH_OK;
}

static int32_t find_connector(struct making *m, struct json_value model) {
    struct json_value internal = json_get(model, "connector");
    struct berth_str connector_id;
    if (json_is(internal, JSON_OBJECT)) {
        m->place = (struct ml_place){ML_MODEL, m->deployed->id, "connector."};
        return keep_connector(m, json_raw(internal));
    }
    if (!json_string(json_get(model, "connector_id"), &m->deployed->arena, &connector_id)) {
        return ml_invalid(m->error, "the model has no connector");
    }
    connector_id = base_arena_dup(&m->deployed->arena, connector_id);
    if (!connector_id.ptr) {
        return base_error_memory(m->error);
    }
    m->place = (struct ml_place){ML_CONNECTOR, connector_id, ""};
    ML_DOCUMENT_AUTO stored = {0};
    int32_t code = ml_document_get(m->plugin, ML_CONNECTOR, connector_id, &stored, m->error);
    return code ? code : keep_connector(m, stored.stored->source);
}

int32_t ml_deployed_create(struct ml_plugin *plugin, struct berth_str id, struct json_value model,
                           struct ml_deployed **out_deployed, struct berth_error *error) {
    struct ml_deployed *deployed = calloc(1, sizeof *deployed);
    if (!deployed) {
        return base_error_memory(error);
    }
    deployed->references = 1;
    base_arena_init(&deployed->arena, ARENA_CHUNK);
    deployed->id = base_arena_dup(&deployed->arena, id);
    deployed->is_enabled = !json_is(json_get(model, "is_enabled"), JSON_FALSE);
    struct making m = {.plugin = plugin, .deployed = deployed, .error = error};
    int32_t code = deployed->id.ptr ? find_connector(&m, model) : base_error_memory(error);
    code = code ? code : make(&m);
    if (code) {
        ml_deployed_unref(deployed);
        return code;
    }
    *out_deployed = deployed;
    return BERTH_OK;
}

struct ml_deployed *ml_deployed_ref(struct ml_deployed *deployed) {
    deployed->references++;
    return deployed;
}

void ml_deployed_unref(struct ml_deployed *deployed) {
    if (deployed && --deployed->references == 0) {
        ml_http_headers_destroy(deployed->headers);
        json_doc_deinit(&deployed->doc);
        base_arena_deinit(&deployed->arena);
        free(deployed);
    }
}
