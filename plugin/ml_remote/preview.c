/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Previews: what a prediction would send, made by the code that makes it, and sent to nobody.
 *
 * No credential is opened for it: in its place the headers hold a mask.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/deployed.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/predict.h"

struct preview {
    struct ml_call *call;
    struct ml_loop loop; /* stands in for the one of a prediction */
    struct ml_predict *predict;
    int32_t code; /* what the prediction would come to before it is sent */
};

/* ---- headers ---- */

/* Whose value is a secret also where the connector's author wrote it out. */
static const char *const secret_headers[] = {
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-auth-header",
    "x-goog-api-key",
    "x-amz-security-token",
};

/* The scheme of a secret value stays: "Bearer ***". */
static void put_masked(struct base_buf *out, struct berth_str value) {
    uint64_t space = base_str_find(value, ' ');
    base_buf_char(out, '"');
    if (space < value.len) {
        json_escape(out, base_str_slice(value, 0, space + 1));
    }
    base_buf_cstr(out, ML_MASK "\"");
}

static void put_header(struct base_buf *out, struct berth_str line) {
    uint64_t colon = base_str_find(line, ':');
    struct berth_str name = base_str_slice(line, 0, colon);
    struct berth_str value = base_str_trim(base_str_from(line, colon + 1));
    if (value.len == 0) {
        return; /* one that the HTTP client is told not to send */
    }
    json_key_str(out, name);
    for (size_t i = 0; i < BASE_COUNT(secret_headers); i++) {
        if (base_str_eq_nocase(name, base_cstr(secret_headers[i]))) {
            put_masked(out, value);
            return;
        }
    }
    json_put_string(out, value);
}

static void put_headers(const struct ml_exchange *x, struct base_buf *out) {
    json_key(out, "headers");
    json_open_object(out);
    uint32_t count = ml_http_headers_count(x->action->headers);
    for (uint32_t i = 0; i < count; i++) {
        put_header(out, ml_http_headers_line(x->action->headers, i));
    }
    struct berth_str lines = base_buf_view(&x->lines);
    struct berth_str line;
    while (base_str_split(&lines, '\0', &line)) {
        put_header(out, line);
    }
    json_close_object(out);
}

/* ---- steps ---- */

static void put_parameter(struct base_buf *out, struct berth_str name, const char *from) {
    json_open_object(out);
    json_member_string(out, "name", name);
    json_member_cstr(out, "from", from);
}

/* What came with the request wins over the connector's own. */
static void put_parameters(const struct preview *preview, const struct ml_exchange *x,
                           struct base_buf *out) {
    const struct ml_parameters *own = &x->deployed->parameters;
    json_key(out, "parameters");
    json_open_array(out);
    for (uint32_t i = 0; i < own->count; i++) {
        if (!json_present(json_get_str(x->parameters, own->list[i].name))) {
            put_parameter(out, own->list[i].name, "connector");
            json_member_string(out, "value", own->list[i].text);
            json_close_object(out);
        }
    }
    struct json_value sent = preview->predict->input.parameters;
    struct json_value all = x->parameters;
    for (struct json_value k = json_first(all); json_present(k);) {
        struct json_value v = json_next(all, k);
        bool is_sent = json_present(json_get_str(sent, json_inner(k)));
        json_open_object(out);
        json_member_raw(out, "name", json_raw(k));
        json_member_cstr(out, "from", is_sent ? "request" : "pre_process_function");
        json_member_raw(out, "value", json_raw(v));
        json_close_object(out);
        k = json_next(all, v);
    }
    json_close_array(out);
}

static void put_pre_process(const struct preview *preview, const struct ml_exchange *x,
                            struct base_buf *out) {
    const struct ml_pre_function *pre = x->action->pre ? x->action->pre : ml_pre_default();
    struct json_value sent = preview->predict->input.parameters;
    struct json_value all = x->parameters;
    json_key(out, "pre_process");
    if (preview->predict->kind == ML_INPUT_PARAMETERS) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    json_member_cstr(out, "function", ml_pre_name(pre));
    json_key(out, "made");
    json_open_object(out);
    for (struct json_value k = json_first(all); json_present(k);) {
        struct json_value v = json_next(all, k);
        if (!json_present(json_get_str(sent, json_inner(k)))) {
            json_put_raw(out, json_raw(k));
            base_buf_char(out, ':');
            json_put_raw(out, json_raw(v));
        }
        k = json_next(all, v);
    }
    json_close_object(out);
    json_close_object(out);
}

/* One pass over a template: the placeholders that come to be filled in one way. */
struct listing {
    struct base_buf *out;
    enum ml_value_source source;
};

static void list_placeholder(void *user, struct berth_str name, enum ml_value_source source,
                             struct berth_str fallback) {
    const struct listing *listing = user;
    if (source != listing->source) {
        return;
    }
    if (source == ML_FROM_NOWHERE) {
        json_put_string(listing->out, name);
        return;
    }
    json_open_object(listing->out);
    json_member_string(listing->out, "name", name);
    if (source == ML_FROM_DEFAULT) {
        json_member_string(listing->out, "value", fallback);
    } else {
        json_member_cstr(listing->out, "from", source == ML_FROM_OWN ? "connector" : "request");
    }
    json_close_object(listing->out);
}

static void put_substitution(const struct ml_exchange *x, const char *what,
                             const struct ml_template *template, struct base_buf *out) {
    static const struct {
        const char *name;
        enum ml_value_source sources[2];
        uint32_t count;
    } lists[] = {
        {"filled", {ML_FROM_GIVEN, ML_FROM_OWN}, 2},
        {"defaults", {ML_FROM_DEFAULT}, 1},
        {"missing", {ML_FROM_NOWHERE}, 1},
    };
    const struct ml_values values = {.given = x->parameters, .own = &x->deployed->parameters};
    json_key(out, what);
    json_open_object(out);
    for (size_t i = 0; i < BASE_COUNT(lists); i++) {
        json_key(out, lists[i].name);
        json_open_array(out);
        for (uint32_t k = 0; k < lists[i].count; k++) {
            struct listing listing = {.out = out, .source = lists[i].sources[k]};
            ml_template_explain(template, &values, list_placeholder, &listing);
        }
        json_close_array(out);
    }
    json_close_object(out);
}

static void put_trust(const struct preview *preview, const struct ml_exchange *x,
                      struct base_buf *out) {
    json_key(out, "trust");
    if (x->url.len == 0) {
        json_put_null(out); /* no URL came of it */
        return;
    }
    struct berth_str expression =
        ml_trust_find(preview->call->settings->trust, x->url, preview->loop.match_data);
    json_open_object(out);
    json_member_bool(out, "trusted", expression.ptr != NULL);
    if (expression.ptr) {
        json_member_string(out, "expression", expression);
    }
    json_close_object(out);
}

static void put_steps(const struct preview *preview, const struct ml_exchange *x,
                      struct base_buf *out) {
    json_key(out, "steps");
    json_open_object(out);
    put_parameters(preview, x, out);
    put_pre_process(preview, x, out);
    json_key(out, "substitution");
    json_open_object(out);
    put_substitution(x, "url", &x->action->url, out);
    if (x->action->has_body_template) {
        put_substitution(x, "request_body", &x->action->body, out);
    }
    json_close_object(out);
    put_trust(preview, x, out);
    json_close_object(out);
}

/* ---- the answer ---- */

static void put_request(const struct preview *preview, const struct ml_exchange *x,
                        struct base_buf *out) {
    json_open_object(out);
    json_member_string(out, "method", x->action->method);
    if (x->url.len) {
        json_member_string(out, "url", x->url);
    }
    put_headers(x, out);
    if (x->payload.len) {
        json_member_string(out, "body", base_buf_view(&x->payload));
    }
    put_steps(preview, x, out);
    json_close_object(out);
}

static void put_error(const struct berth_error *error, struct base_buf *out) {
    json_key(out, "error");
    json_open_object(out);
    json_member_cstr(out, "type", base_error_type(error));
    json_member_cstr(out, "reason", error->message);
    json_member_u64(out, "status", base_error_status(error));
    json_close_object(out);
}

static void put_preview(struct preview *preview) {
    struct ml_predict *p = preview->predict;
    struct base_buf *out = &preview->call->out;
    json_open_object(out);
    json_member_bool(out, "would_send", !preview->code);
    if (preview->code) {
        put_error(&p->error, out);
    }
    json_key(out, "requests");
    json_open_array(out);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct ml_exchange *x = ml_predict_exchange(p, i);
        if (x->action) { /* those behind one that failed were not made */
            put_request(preview, x, out);
        }
    }
    json_close_array(out);
    json_close_object(out);
}

/* ---- making ---- */

/* The form of the body, which a prediction's path would tell. */
static enum ml_input_kind kind_of(struct json_value body) {
    bool docs = json_present(json_get(body, "text_docs"));
    return docs && json_present(json_get(body, "query_text")) ? ML_INPUT_SIMILARITY
           : docs                                             ? ML_INPUT_DOCS
           : json_present(json_get(body, "question")) && json_present(json_get(body, "context"))
               ? ML_INPUT_QUESTION
               : ML_INPUT_PARAMETERS;
}

static int32_t prepare(struct preview *preview) {
    struct ml_predict *p = preview->predict;
    int32_t code = ml_predict_prepare(p, NULL);
    for (uint32_t i = 0; i < p->count && !code; i++) {
        struct ml_exchange *x = ml_predict_exchange(p, i);
        code = ml_exchange_make_lines(x);
        p->error = code ? x->error : p->error;
    }
    return code;
}

static int32_t preview_deployed(struct ml_call *call, struct ml_deployed *deployed) {
    struct preview preview = {.call = call};
    preview.loop.plugin = call->plugin;
    preview.loop.settings = call->settings;
    preview.loop.match_data = ml_trust_scratch_create();
    struct ml_predict *p = preview.loop.match_data ? ml_predict_create(&preview.loop) : NULL;
    int32_t code = BERTH_OK;
    if (!p) {
        ml_trust_scratch_destroy(preview.loop.match_data);
        return base_error_memory(&call->error);
    }
    preview.predict = p;
    p->request = call->request;
    p->view = call->view;
    p->model_id = ml_call_id(call);
    p->kind = kind_of(call->body);
    p->deployed = ml_deployed_ref(deployed);
    p->error = (struct berth_error)BASE_ERROR_INIT;
    preview.code = prepare(&preview);
    if (preview.code && p->count == 0) {
        call->error = p->error; /* nothing came of it that could be shown */
        code = preview.code;
    } else {
        put_preview(&preview);
    }
    ml_predict_free(p);
    ml_trust_scratch_destroy(preview.loop.match_data);
    return code;
}

static int32_t preview(struct ml_call *call, struct berth_str id, struct json_value model) {
    struct ml_deployed *deployed = NULL;
    int32_t code = ml_deployed_create_masked(call->plugin, id, model, &deployed, &call->error);
    code = code ? code : preview_deployed(call, deployed);
    ml_deployed_unref(deployed);
    return code;
}

int32_t ml_preview_model(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_body(call);
    code = code ? code : ml_access_get(call, ML_MODEL, ml_call_id(call), ML_MAY_USE, &model);
    return code ? code : preview(call, ml_call_id(call), model.root);
}

/* A connector is seen through a model that has it and nothing else. */
int32_t ml_preview_connector(struct ml_call *call) {
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO model;
    base_buf_init(&model, BASE_BUF_MAX_DEFAULT);
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_body(call);
    code = code ? code : ml_access_require(call, ML_CONNECTOR, ml_call_id(call), ML_MAY_USE);
    json_open_object(&model);
    json_member_string(&model, "connector_id", ml_call_id(call));
    json_close_object(&model);
    if (!code && (model.error || !json_parse(&doc, base_buf_view(&model), 0, NULL))) {
        code = base_error_memory(&call->error);
    }
    return code ? code : preview(call, ml_call_id(call), json_root(&doc));
}
