/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the request to the remote service: payload and URL.
 */
#include "plugin/ml_remote/predict.h"

#include "base/utf8.h"
#include "plugin/ml_remote/settings.h"

/* ---- payload ---- */

static bool skips_validation(const struct ml_predict *p) {
    struct berth_str name = BERTH_STR("skip_validating_missing_parameters");
    struct json_value given = json_get_str(p->parameters, name);
    const struct ml_parameter *own = ml_parameters_find(&p->deployed->parameters, name);
    if (json_present(given)) {
        return json_is(given, JSON_TRUE) || json_string_is(given, BERTH_STR("true"));
    }
    return own && base_str_is(own->text, "true");
}

/* The body of an action without template: the parameter http_body. */
static bool put_http_body(struct ml_predict *p) {
    struct berth_str name = BERTH_STR("http_body");
    struct json_value given = json_get_str(p->parameters, name);
    const struct ml_parameter *own = ml_parameters_find(&p->deployed->parameters, name);
    if (json_is(given, JSON_STRING)) {
        json_unescape(&p->payload, json_inner(given));
    } else if (json_present(given)) {
        base_buf_str(&p->payload, json_raw(given));
    } else if (own) {
        base_buf_str(&p->payload, own->text);
    }
    return p->payload.len > 0;
}

/* One JSON object or array, or several, one a line. */
static bool is_payload(struct berth_str text, struct json_error *fault) {
    struct berth_str start = base_str_trim(text);
    if (start.len == 0 || (start.ptr[0] != '{' && start.ptr[0] != '[')) {
        *fault = (struct json_error){.line = 1, .column = 1, .what = "no object and no array"};
        return false;
    }
    if (json_check(text, 0, fault)) {
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

static int32_t check_payload(struct ml_predict *p) {
    struct json_error fault;
    if (is_payload(base_buf_view(&p->payload), &fault)) {
        return BERTH_OK;
    }
    struct berth_str text = base_buf_view(&p->payload);
    size_t from = fault.offset > 80 ? fault.offset - 80 : 0;
    from = base_utf8_floor(text.ptr, p->payload.len, from);
    size_t until = base_utf8_floor(text.ptr, p->payload.len, from + 160);
    struct berth_str near = base_str_slice(text, from, until);
    return ml_invalid(&p->error,
                      "what the connector's request_body becomes is not valid JSON: %s, at line "
                      "%zu, column %zu, near [" BASE_FMT "]",
                      fault.what, fault.line, fault.column, BASE_ARG(near));
}

int32_t ml_predict_make_payload(struct ml_predict *p) {
    const struct ml_deployed *d = p->deployed;
    bool get = base_str_is(d->method, "GET");
    if (get) {
        return BERTH_OK; /* nothing is sent with GET */
    }
    if (!d->has_body_template) {
        bool some = put_http_body(p);
        return p->payload.error ? base_error_memory(&p->error)
               : some           ? BERTH_OK
                                : ml_invalid(&p->error,
                                             "there is nothing to send: the connector's action has no "
                                                       "request_body, and there is no parameter [http_body]");
    }
    struct ml_values values = {.given = p->parameters, .own = &d->parameters};
    struct ml_filling filling = {
        .values = &values, .out = &p->payload, .missing = &p->missing, .scratch = &p->scratch};
    ml_fill_json(&filling, &d->body);
    if (p->payload.error || p->missing.error) {
        return base_error_memory(&p->error);
    }
    if (p->missing.len && !skips_validation(p)) {
        return ml_invalid(&p->error,
                          "the connector's request_body needs parameters that are not there: "
                          "[" BASE_FMT "]",
                          BASE_ARG(base_buf_view(&p->missing)));
    }
    return check_payload(p);
}

/* ---- URL ---- */

static struct berth_str authority_of(struct berth_str url) {
    const char *mark = memmem(url.ptr, BASE_LEN(url), "://", 3);
    struct berth_str rest = base_str_from(url, mark ? (uint64_t)(mark - url.ptr) + 3 : url.len);
    uint64_t end = 0;
    while (end < rest.len && !strchr("/?#", rest.ptr[end])) {
        end++;
    }
    return base_str_slice(rest, 0, end);
}

/* What a template can leave in a URL and what no URL may hold. */
static int32_t check_url(struct ml_predict *p, struct berth_str url) {
    if (!base_str_starts(url, BERTH_STR("http://")) &&
        !base_str_starts(url, BERTH_STR("https://"))) {
        return ml_invalid(&p->error, "the URL [" BASE_FMT "] is neither of http nor of https",
                          BASE_ARG(url));
    }
    for (uint64_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c)) {
            return ml_invalid(&p->error,
                              "the URL [" BASE_FMT
                              "] has a character that no URL may hold, at %llu; parameters are "
                              "${parameters.name}, and credentials belong in headers",
                              BASE_ARG(url), (unsigned long long)i + 1);
        }
    }
    struct berth_str authority = authority_of(url);
    if (authority.len == 0 || base_str_find(authority, '@') < authority.len) {
        return ml_invalid(&p->error,
                          "the URL [" BASE_FMT "] has no host, or a user before it (user@host)",
                          BASE_ARG(url));
    }
    return BERTH_OK;
}

static int32_t check_trust(struct ml_predict *p, struct berth_str url) {
    int32_t code = check_url(p, url);
    if (!code && !ml_trust_matches(p->loop->settings->trust, url, p->loop->match_data)) {
        code = ml_invalid(&p->error,
                          "the URL [" BASE_FMT
                          "] is not trusted: it matches none of the expressions of "
                          "[plugins.ml_commons.trusted_connector_endpoints_regex]",
                          BASE_ARG(url));
    }
    return code;
}

static int32_t fill_url(struct ml_predict *p, const struct ml_values *values,
                        struct base_buf *out) {
    base_buf_clear(&p->missing);
    struct ml_filling filling = {
        .values = values, .out = out, .missing = &p->missing, .scratch = &p->scratch};
    ml_fill_url(&filling, &p->deployed->url);
    if (out->error || p->missing.error) {
        return base_error_memory(&p->error);
    }
    return p->missing.len
               ? ml_invalid(&p->error,
                            "the connector's URL needs parameters that are not there: [" BASE_FMT
                            "]",
                            BASE_ARG(base_buf_view(&p->missing)))
               : BERTH_OK;
}

int32_t ml_predict_make_url(struct ml_predict *p, struct ml_loop_model *model,
                            struct berth_str *out_url) {
    struct ml_values values = {.given = p->parameters, .own = &p->deployed->parameters};
    if (ml_template_depends_on(&p->deployed->url, &values)) {
        int32_t code = fill_url(p, &values, &p->url);
        *out_url = base_buf_view(&p->url);
        return code ? code : check_trust(p, *out_url);
    }
    int32_t code = BERTH_OK;
    if (model->url.len == 0) {
        code = fill_url(p, &values, &model->url);
        if (code) {
            base_buf_clear(&model->url);
            return code;
        }
    }
    *out_url = base_buf_view(&model->url);
    if (model->trusted_serial != p->loop->settings->serial) {
        code = check_trust(p, *out_url);
        model->trusted_serial = code ? 0 : p->loop->settings->serial;
    }
    return code;
}
