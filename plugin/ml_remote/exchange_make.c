/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the request to the remote service: payload and URL.
 */
#include "plugin/ml_remote/exchange.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "plugin/ml_remote/lenient_json.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/url.h"

/* ---- payload ---- */

struct berth_str ml_exchange_parameter(const struct ml_deployed *deployed,
                                       struct json_value parameters, const char *name,
                                       struct base_arena *arena) {
    struct berth_str text;
    struct json_value given = json_get(parameters, name);
    const struct ml_parameter *own = ml_parameters_find(&deployed->parameters, base_cstr(name));
    if (json_is(given, JSON_STRING)) {
        return json_string(given, arena, &text) ? text : base_str(NULL, 0);
    }
    return json_present(given) ? json_raw(given) : own ? own->text : base_str(NULL, 0);
}

static bool skips_validation(const struct ml_exchange *x) {
    struct berth_str name = BERTH_STR("skip_validating_missing_parameters");
    struct json_value given = json_get_str(x->parameters, name);
    const struct ml_parameter *own = ml_parameters_find(&x->deployed->parameters, name);
    if (json_present(given)) {
        return json_is(given, JSON_TRUE) || json_string_is(given, BERTH_STR("true"));
    }
    return own && base_str_is(own->text, "true");
}

/* The body of an action without template: the parameter http_body. */
static bool put_http_body(struct ml_exchange *x) {
    struct berth_str name = BERTH_STR("http_body");
    struct json_value given = json_get_str(x->parameters, name);
    const struct ml_parameter *own = ml_parameters_find(&x->deployed->parameters, name);
    if (json_is(given, JSON_STRING)) {
        json_unescape(&x->payload, json_inner(given));
    } else if (json_present(given)) {
        base_buf_str(&x->payload, json_raw(given));
    } else if (own) {
        base_buf_str(&x->payload, own->text);
    }
    return x->payload.len > 0;
}

/*
 * One JSON object or array, or several, one a line. Text that is nearly JSON goes out as well, as
 * it always did: whether it is understood is the service's to say.
 */
static bool is_payload(struct berth_str text, struct json_error *fault) {
    struct berth_str start = base_str_trim(text);
    if (start.len == 0 || (start.ptr[0] != '{' && start.ptr[0] != '[')) {
        *fault = (struct json_error){.line = 1, .column = 1, .what = "no object and no array"};
        return false;
    }
    if (json_check(text, 0, fault) || ml_is_lenient_json(text)) {
        return true;
    }
    struct json_error ignored;
    struct berth_str line;
    bool several = false;
    while (base_str_split(&text, '\n', &line)) {
        line = base_str_trim(line);
        if (line.len && !json_check(line, 0, &ignored)) {
            return false;
        }
        several = several || line.len;
    }
    return several;
}

static int32_t check_payload(struct ml_exchange *x) {
    struct json_error fault;
    if (is_payload(base_buf_view(&x->payload), &fault)) {
        return BERTH_OK;
    }
    struct berth_str text = base_buf_view(&x->payload);
    size_t from = fault.offset > 80 ? fault.offset - 80 : 0;
    from = base_utf8_floor(text.ptr, x->payload.len, from);
    size_t until = base_utf8_floor(text.ptr, x->payload.len, from + 160);
    struct berth_str near = base_str_slice(text, from, until);
    return ml_invalid(&x->error,
                      "what the connector's request_body becomes is not valid JSON: %s, at line "
                      "%zu, column %zu, near [" BASE_FMT "]",
                      fault.what, fault.line, fault.column, BASE_ARG(near));
}

static int32_t make_payload(struct ml_exchange *x) {
    const struct ml_action *action = x->action;
    if (base_str_is(action->method, "GET")) {
        return BERTH_OK; /* nothing is sent with GET */
    }
    if (!action->has_body_template) {
        bool some = put_http_body(x) || action->may_be_empty;
        return x->payload.error ? base_error_memory(&x->error)
               : some           ? BERTH_OK
                                : ml_invalid(&x->error,
                                             "there is nothing to send: the connector's action has no "
                                                       "request_body, and there is no parameter [http_body]");
    }
    struct ml_values values = {.given = x->parameters, .own = &x->deployed->parameters};
    struct ml_filling filling = {
        .values = &values, .out = &x->payload, .missing = &x->missing, .scratch = &x->scratch};
    ml_fill_json(&filling, &action->body);
    if (x->payload.error || x->missing.error) {
        return base_error_memory(&x->error);
    }
    if (x->missing.len && !skips_validation(x)) {
        return ml_invalid(&x->error,
                          "the connector's request_body needs parameters that are not there: "
                          "[" BASE_FMT "]",
                          BASE_ARG(base_buf_view(&x->missing)));
    }
    return check_payload(x);
}

/* ---- URL ---- */

/* What a template can leave in a URL and what no URL may hold. */
static int32_t check_url(struct ml_exchange *x, struct berth_str url) {
    struct berth_str shown = ml_url_shown(url);
    struct berth_str authority = ml_url_authority(url);
    if (base_str_find(authority, '@') < authority.len) {
        return ml_invalid(&x->error,
                          "the URL has a user before its host [" BASE_FMT
                          "]; credentials belong in headers, as ${credential.name}",
                          BASE_ARG(shown));
    }
    if (!base_str_starts(url, BERTH_STR("http://")) &&
        !base_str_starts(url, BERTH_STR("https://"))) {
        return ml_invalid(&x->error,
                          "the URL [" BASE_FMT "] begins neither with http:// nor with https://",
                          BASE_ARG(shown));
    }
    for (uint64_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c)) {
            return ml_invalid(
                &x->error,
                "the URL [" BASE_FMT
                "] has a character that no URL may hold, the byte 0x%02x at %llu; "
                "parameters are ${parameters.name}, and credentials belong in headers",
                BASE_ARG(shown), c, (unsigned long long)i + 1);
        }
    }
    return authority.len
               ? BERTH_OK
               : ml_invalid(&x->error, "the URL [" BASE_FMT "] has no host", BASE_ARG(shown));
}

static int32_t require_trust(struct ml_exchange *x, const char *what, struct berth_str url) {
    return ml_trust_matches(x->loop->settings->trust, url, x->loop->match_data)
               ? BERTH_OK
               : ml_invalid(&x->error,
                            "the %s [" BASE_FMT
                            "] is not trusted: it matches none of the expressions of "
                            "[plugins.ml_commons.trusted_connector_endpoints_regex]",
                            what, BASE_ARG(ml_url_shown(url)));
}

/* A proxy that is not trusted could lead anywhere, whatever the URL says. */
static int32_t check_trust(struct ml_exchange *x, struct berth_str url) {
    struct berth_str proxy = x->deployed->config.proxy_url;
    int32_t code = check_url(x, url);
    code = code ? code : require_trust(x, "URL", url);
    return code || !proxy.ptr ? code : require_trust(x, "proxy", proxy);
}

static int32_t fill_url(struct ml_exchange *x, const struct ml_values *values,
                        struct base_buf *out) {
    base_buf_clear(&x->missing);
    struct ml_filling filling = {
        .values = values, .out = out, .missing = &x->missing, .scratch = &x->scratch};
    ml_fill_url(&filling, &x->action->url);
    if (out->error || x->missing.error) {
        return base_error_memory(&x->error);
    }
    return x->missing.len
               ? ml_invalid(&x->error,
                            "the connector's URL needs parameters that are not there: [" BASE_FMT
                            "]",
                            BASE_ARG(base_buf_view(&x->missing)))
               : BERTH_OK;
}

/* The URL, kept by the loop's model where no value of a prediction has a say in it. */
static int32_t make_url(struct ml_exchange *x, struct ml_loop_model *model) {
    struct ml_values values = {.given = x->parameters, .own = &x->deployed->parameters};
    if (!model || ml_template_depends_on(&x->action->url, &values)) {
        int32_t code = fill_url(x, &values, &x->url_buf);
        x->url = base_buf_view(&x->url_buf);
        code = code ? code : check_trust(x, x->url);
        x->upstream =
            code ? NULL : ml_upstreams_get(x->loop->plugin->upstreams, ml_url_origin(x->url));
        return code;
    }
    int32_t code = BERTH_OK;
    if (model->url.len == 0) {
        code = fill_url(x, &values, &model->url);
        if (code) {
            base_buf_clear(&model->url);
            return code;
        }
        model->upstream =
            ml_upstreams_get(x->loop->plugin->upstreams, ml_url_origin(base_buf_view(&model->url)));
    }
    x->url = base_buf_view(&model->url);
    x->upstream = model->upstream;
    if (model->trusted_serial != x->loop->settings->serial) {
        code = check_trust(x, x->url);
        model->trusted_serial = code ? 0 : x->loop->settings->serial;
    }
    return code;
}

static int32_t check_method(struct ml_exchange *x) {
    static const char *const known[] = {"POST", "GET", "PUT", "DELETE"};
    for (size_t i = 0; i < BASE_COUNT(known); i++) {
        if (base_str_is(x->action->method, known[i])) {
            return BERTH_OK;
        }
    }
    return ml_invalid(&x->error,
                      "the connector's action has the method [" BASE_FMT
                      "], allowed are POST, GET, PUT and DELETE",
                      BASE_ARG(x->action->method));
}

int32_t ml_exchange_prepare(struct ml_exchange *x, const struct ml_deployed *deployed,
                            enum ml_action_type type, struct ml_loop_model *model,
                            struct json_value parameters) {
    x->deployed = deployed;
    x->action = &deployed->actions[type];
    x->parameters = parameters;
    if (model) {
        model->last_used_ns = base_monotonic_ns();
    }
    if (!x->action->is_present) {
        return ml_invalid(&x->error, "the model's connector has no action of type %s",
                          ml_action_name(type));
    }
    int32_t code = check_method(x);
    code = code ? code : make_payload(x);
    return code ? code : make_url(x, type == ML_ACTION_PREDICT ? model : NULL);
}
