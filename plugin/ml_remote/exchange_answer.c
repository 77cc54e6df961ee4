/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a remote service's answer means: a JSON value that is passed on, or an error.
 */
#include "plugin/ml_remote/exchange.h"

#include "base/utf8.h"
#include "plugin/ml_remote/url.h"

#include <stdio.h>
#include <stdlib.h>

/* How much of a failing service's answer a client is shown. */
#define EXCERPT_MAX 512u

/* ---- failures ---- */

/* What became of the connection, as a status and as what is said of the service. */
static const struct {
    enum ml_http_outcome outcome;
    uint32_t status; /* 400: illegal_argument_exception, without the client's own words */
    const char *text;
} failures[] = {
    {ML_HTTP_BAD_URL, 400, "cannot be asked: its URL is not valid"},
    {ML_HTTP_PRIVATE, 400,
     "has a private address, which the setting [plugins.ml_commons.connector.private_ip_enabled] "
     "does not allow"},
    {ML_HTTP_UNRESOLVED, 502, "has a name that does not resolve"},
    {ML_HTTP_PROXY, 502, "is not reached by the connector's proxy [client_config.proxy_url]"},
    {ML_HTTP_REFUSED, 502, "takes no connection"},
    {ML_HTTP_TLS, 502, "offers no trusted TLS connection"},
    {ML_HTTP_BROKEN, 502, "gave no whole answer that can be read"},
    {ML_HTTP_TIMED_OUT, 504, "did not answer in time"},
    {ML_HTTP_TOO_LARGE, 502,
     "answers more than the setting [plugins.ml_commons.max_json_size] allows"},
};

static int32_t describe_failure(struct ml_exchange *x, const struct ml_http_answer *answer) {
    struct berth_str host = ml_url_host(x->url);
    for (size_t i = 0; i < BASE_COUNT(failures); i++) {
        const char *text = failures[i].text;
        if (failures[i].outcome == answer->outcome) {
            return failures[i].status == 400
                       ? ml_invalid(&x->error, "the remote service [" BASE_FMT "] %s",
                                    BASE_ARG(host), text)
                       : ml_status(&x->error, failures[i].status,
                                   "the remote service [" BASE_FMT "] %s: %s", BASE_ARG(host), text,
                                   answer->detail);
        }
    }
    return base_error_memory(&x->error);
}

/* The beginning of a body as a text that can be shown: without credentials, as UTF-8. */
static void put_excerpt(struct ml_exchange *x, const struct base_buf *body, struct base_buf *out) {
    size_t len = body->len < EXCERPT_MAX ? body->len : EXCERPT_MAX;
    const unsigned char *at = (const unsigned char *)body->ptr;
    const unsigned char *end = at + len;
    while (at < end) {
        size_t width = base_utf8_length(at, end);
        if (width == 0 || *at < 0x20 || *at == 0x7f) {
            base_buf_char(out, width == 0 ? '?' : ' ');
            width = 1;
        } else {
            base_buf_append(out, at, width);
        }
        at += width;
    }
    if (out->len) {
        ml_http_headers_scrub(x->action->headers, out->ptr, out->len);
    }
    if (body->len > len) {
        base_buf_cstr(out, "…");
    }
}

static int32_t refused_by_remote(struct ml_exchange *x, const struct ml_http_answer *answer) {
    BASE_BUF_AUTO excerpt;
    base_buf_init(&excerpt, 4 * EXCERPT_MAX);
    put_excerpt(x, &answer->body, &excerpt);
    uint32_t status = answer->status > 599 ? 502 : answer->status;
    return base_error_rest(
        &x->error, BERTH_E_INVALID, status,
        answer->is_throttled ? "remote_connector_throttling_exception" : "status_exception",
        "the remote service answered %u%s" BASE_FMT, answer->status,
        excerpt.len ? ": " : " without a body", BASE_ARG(base_buf_view(&excerpt)));
}

/* The rest of the location may hold what is secret. */
static int32_t redirected(struct ml_exchange *x, const struct ml_http_answer *answer) {
    /* One without a host stays at the same. */
    struct berth_str host = ml_url_host(base_cstr(answer->location));
    host = host.len ? host : ml_url_host(x->url);
    return ml_status(&x->error, 502,
                     "the remote service answered %u, a redirect to the host [" BASE_FMT
                     "], which is not followed",
                     answer->status, BASE_ARG(host));
}

/* ---- success ---- */

static bool is_json_type(const char *content_type) {
    struct berth_str type = base_cstr(content_type);
    type = base_str_trim(base_str_slice(type, 0, base_str_find(type, ';')));
    return base_str_eq_nocase(type, BERTH_STR("application/json")) ||
           (type.len > 5 &&
            base_str_eq_nocase(base_str_from(type, type.len - 5), BERTH_STR("+json")));
}

static int32_t malformed(struct ml_exchange *x, const struct json_error *fault) {
    return ml_status(&x->error, 502,
                     "the remote service's answer is declared as JSON and is none: %s, at line "
                     "%zu, column %zu",
                     fault->what, fault->line, fault->column);
}

/* Brings the answer into the form in which it is passed on: one JSON value in x->body. */
static int32_t take_answer(struct ml_exchange *x, struct ml_http_answer *answer) {
    struct berth_str text = base_str_trim(base_buf_view(&answer->body));
    struct json_error fault;
    if (text.len == 0 && x->action->may_be_empty) {
        base_buf_cstr(&x->body, "null");
        return x->body.error ? base_error_memory(&x->error) : BERTH_OK;
    }
    if (text.len == 0) {
        return ml_status(&x->error, 502, "the remote service answered %u without a body",
                         answer->status);
    }
    if (json_check(text, 0, &fault)) {
        x->body = answer->body;
        answer->body = (struct base_buf){.max = x->body.max};
        return BERTH_OK;
    }
    if (is_json_type(answer->content_type)) {
        return malformed(x, &fault);
    }
    json_put_string(&x->body, text);
    return x->body.error ? base_error_memory(&x->error) : BERTH_OK;
}

int32_t ml_exchange_take(struct ml_exchange *x, struct ml_http_answer *answer) {
    x->status = answer->status;
    if (answer->outcome != ML_HTTP_ANSWERED) {
        return describe_failure(x, answer);
    }
    return answer->status >= 400   ? refused_by_remote(x, answer)
           : answer->status >= 300 ? redirected(x, answer)
           : x->on_bytes           ? BERTH_OK
                                   : take_answer(x, answer);
}
