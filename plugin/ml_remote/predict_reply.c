/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the remote service's answer to the client's.
 */
#include "plugin/ml_remote/predict.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

/* How much of a failing service's answer a client is shown. */
#define EXCERPT_MAX 512u

static const char head_object[] =
    "{\"inference_results\":[{\"output\":[{\"name\":\"response\",\"dataAsMap\":";
static const char head_value[] =
    "{\"inference_results\":[{\"output\":[{\"name\":\"response\",\"dataAsMap\":{\"response\":";

/* ---- failures ---- */

/* What became of the connection, as a status and words for it. */
static const struct {
    enum ml_http_outcome outcome;
    uint32_t status; /* 400: illegal_argument_exception */
    const char *text;
} failures[] = {
    {ML_HTTP_BAD_URL, 400, "the URL cannot be asked"},
    {ML_HTTP_PRIVATE, 400,
     "the remote service has a private address, which the setting "
     "[plugins.ml_commons.connector.private_ip_enabled] does not allow"},
    {ML_HTTP_UNRESOLVED, 502, "the name of the remote service does not resolve"},
    {ML_HTTP_REFUSED, 502, "the remote service takes no connection"},
    {ML_HTTP_TLS, 502, "no trusted TLS connection to the remote service"},
    {ML_HTTP_BROKEN, 502, "the connection to the remote service broke before its answer ended"},
    {ML_HTTP_TIMED_OUT, 504, "the remote service did not answer in time"},
    {ML_HTTP_TOO_LARGE, 502,
     "the remote service's answer is larger than [plugins.ml_commons.max_json_size] allows"},
};

static int32_t describe_failure(struct ml_predict *p, const struct ml_http_answer *answer) {
    for (size_t i = 0; i < BASE_COUNT(failures); i++) {
        if (failures[i].outcome == answer->outcome) {
            return failures[i].status == 400 ? ml_invalid(&p->error, "%s", failures[i].text)
                                             : ml_status(&p->error, failures[i].status, "%s: %s",
                                                         failures[i].text, answer->detail);
        }
    }
    return base_error_memory(&p->error);
}

/* The beginning of a body as a text that can be shown: without credentials, as UTF-8. */
static void put_excerpt(struct ml_predict *p, const struct base_buf *body, struct base_buf *out) {
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
        ml_http_headers_scrub(p->deployed->headers, out->ptr, out->len);
    }
    if (body->len > len) {
        base_buf_cstr(out, "…");
    }
}

static int32_t refused_by_remote(struct ml_predict *p, const struct ml_http_answer *answer) {
    BASE_BUF_AUTO excerpt;
    base_buf_init(&excerpt, 4 * EXCERPT_MAX);
    put_excerpt(p, &answer->body, &excerpt);
    uint32_t status = answer->status > 599 ? 502 : answer->status;
    return ml_status(&p->error, status, "the remote service answered %u%s" BASE_FMT, answer->status,
                     excerpt.len ? ": " : " without a body", BASE_ARG(base_buf_view(&excerpt)));
}

static int32_t redirected(struct ml_predict *p, const struct ml_http_answer *answer) {
    struct berth_str location = base_cstr(answer->location);
    const char *mark = location.len ? strstr(answer->location, "://") : NULL;
    struct berth_str host =
        mark ? base_str_from(location, (uint64_t)(mark - answer->location) + 3) : location;
    host = base_str_slice(host, 0, base_str_find(host, '/'));
    return ml_status(&p->error, 502,
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

/* A text becomes a JSON string; bytes that are no UTF-8 the replacement character. */
static void put_text(struct berth_str text, struct base_buf *out) {
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    base_buf_char(out, '"');
    while (at < end) {
        size_t width = base_utf8_length(at, end);
        if (width == 0) {
            base_buf_cstr(out, "\xef\xbf\xbd");
            at++;
        } else {
            json_escape(out, base_str((const char *)at, width));
            at += width;
        }
    }
    base_buf_char(out, '"');
}

static int32_t malformed(struct ml_predict *p, const struct json_error *fault) {
    return ml_status(&p->error, 502,
                     "the remote service's answer is declared as JSON and is none: %s, at line "
                     "%zu, column %zu",
                     fault->what, fault->line, fault->column);
}

/* Brings the answer into the form in which it is passed on: one JSON value in p->answer. */
static int32_t take_answer(struct ml_predict *p, struct ml_http_answer *answer) {
    struct berth_str text = base_str_trim(base_buf_view(&answer->body));
    struct json_error fault;
    if (text.len == 0) {
        return ml_status(&p->error, 502, "the remote service answered %u without a body",
                         answer->status);
    }
    if (json_check(text, 0, &fault)) {
        p->answer = answer->body;
        answer->body = (struct base_buf){.max = p->answer.max};
        return BERTH_OK;
    }
    if (is_json_type(answer->content_type)) {
        return malformed(p, &fault);
    }
    put_text(text, &p->answer);
    return p->answer.error ? base_error_memory(&p->error) : BERTH_OK;
}

static void release(void *user) {
    ml_predict_destroy(user);
}

static void reply_success(struct ml_predict *p, uint32_t status) {
    struct berth_str value = base_str_trim(base_buf_view(&p->answer));
    bool object = value.ptr[0] == '{';
    int len =
        snprintf(p->tail, sizeof p->tail, "%s}],\"status_code\":%u}]}", object ? "" : "}", status);
    struct berth_str parts[] = {
        object ? base_str(head_object, sizeof head_object - 1)
               : base_str(head_value, sizeof head_value - 1),
        value,
        base_str(p->tail, (size_t)len),
    };
    (void)p->loop->plugin->routes->reply(p->request,
                                         &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                               .status = 200,
                                                               .parts = parts,
                                                               .part_count = BASE_COUNT(parts),
                                                               .release = release,
                                                               .owner = p});
}

void ml_predict_reply(struct ml_predict *p, struct ml_http_answer *answer) {
    int32_t code = BERTH_OK;
    if (answer->outcome != ML_HTTP_ANSWERED) {
        code = describe_failure(p, answer);
    } else if (answer->status >= 400) {
        code = refused_by_remote(p, answer);
    } else if (answer->status >= 300) {
        code = redirected(p, answer);
    } else {
        code = take_answer(p, answer);
    }
    if (code) {
        ml_predict_fail(p);
    } else {
        reply_success(p, answer->status);
    }
}

void ml_predict_fail(struct ml_predict *p) {
    (void)p->loop->plugin->routes->reply_error(p->request, &p->error);
    ml_predict_destroy(p);
}
