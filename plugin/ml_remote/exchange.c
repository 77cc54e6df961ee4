/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/exchange.h"

#include "base/clock.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/url.h"

#include <stdlib.h>

void ml_exchange_init(struct ml_exchange *x, struct ml_loop *loop) {
    *x = (struct ml_exchange){.loop = loop, .error = BASE_ERROR_INIT};
    struct base_buf *const buffers[] = {&x->made_text, &x->payload, &x->url_buf,
                                        &x->scratch,   &x->missing, &x->body};
    for (size_t i = 0; i < BASE_COUNT(buffers); i++) {
        base_buf_init(buffers[i], BASE_BUF_MAX_DEFAULT);
    }
    base_buf_init_private(&x->lines, BASE_BUF_MAX_DEFAULT);
}

void ml_exchange_deinit(struct ml_exchange *x) {
    ml_exchange_cancel(x);
    json_doc_deinit(&x->made);
    base_buf_deinit(&x->made_text);
    base_buf_deinit(&x->payload);
    base_buf_deinit(&x->url_buf);
    base_buf_deinit(&x->scratch);
    base_buf_deinit(&x->missing);
    base_buf_deinit(&x->lines);
    base_buf_deinit(&x->body);
}

/* A buffer for the next use, without what an unusually large one left. */
static struct base_buf recycle(struct base_buf *buf) {
    if (buf->cap > ML_KEPT_BUFFER) {
        base_buf_deinit(buf);
    }
    base_buf_clear(buf);
    return *buf;
}

void ml_exchange_reset(struct ml_exchange *x) {
    ml_exchange_cancel(x);
    base_buf_deinit(&x->body);
    base_buf_deinit(&x->lines);
    if (x->made.cap > ML_KEPT_BUFFER / sizeof *x->made.nodes) {
        json_doc_deinit(&x->made);
    }
    *x = (struct ml_exchange){.loop = x->loop,
                              .made_text = recycle(&x->made_text),
                              .made = x->made,
                              .payload = recycle(&x->payload),
                              .url_buf = recycle(&x->url_buf),
                              .scratch = recycle(&x->scratch),
                              .missing = recycle(&x->missing),
                              .lines = x->lines,
                              .body = x->body,
                              .error = BASE_ERROR_INIT};
}

int32_t ml_exchange_read_made(struct ml_exchange *x, struct json_value *out_parameters) {
    if (x->made_text.error || !json_parse(&x->made, base_buf_view(&x->made_text), 0, NULL)) {
        return base_error_memory(&x->error);
    }
    *out_parameters = json_root(&x->made);
    return BERTH_OK;
}

/* ---- tries ---- */

/* A next try is due, or waiting for a place has taken too long. */
static void on_timer(void *user) {
    struct ml_exchange *x = user;
    ml_exchange_go_on(x, x->is_waiting ? ml_exchange_waited(x) : ml_exchange_enter(x));
}

bool ml_exchange_start_timer(struct ml_exchange *x, uint64_t delay_ms) {
    const struct berth_loop_v1 *loop = x->loop->plugin->loop;
    if (!x->timer && loop->timer_create(x->loop->plugin->host, on_timer, x, &x->timer)) {
        return false;
    }
    loop->timer_start(x->timer, delay_ms);
    return true;
}

/* What the circuit's breaker is told of. */
static bool is_failure(const struct ml_http_answer *answer) {
    switch (answer->outcome) {
    case ML_HTTP_ANSWERED:
        return answer->status >= 502 && answer->status <= 504;
    case ML_HTTP_UNRESOLVED:
    case ML_HTTP_PROXY:
    case ML_HTTP_REFUSED:
    case ML_HTTP_TLS:
    case ML_HTTP_BROKEN:
    case ML_HTTP_TIMED_OUT:
        return true;
    default: /* what the node itself is the cause of */
        return false;
    }
}

/* The service is asked no more by this one; nothing where it is not asked. */
static void end_pass(struct ml_exchange *x, enum ml_upstream_end end) {
    enum ml_upstream_pass pass = x->pass;
    x->pass = ML_UPSTREAM_OPEN;
    if (pass != ML_UPSTREAM_OPEN && ml_upstream_end(x->upstream, &x->loop->settings->upstream,
                                                    base_monotonic_ns(), pass, end)) {
        ML_LOG(x->loop->plugin, BERTH_LOG_WARN, "circuit_opened",
               ML_FIELD("service", ml_upstream_name(x->upstream)));
    }
}

/* Retries must not multiply an outage. */
static bool is_within_budget(struct ml_exchange *x) {
    return !x->upstream ||
           ml_upstream_may_retry(x->upstream, &x->loop->settings->upstream, base_monotonic_ns());
}

static void on_answer(void *user, struct ml_http_answer *answer) {
    struct ml_exchange *x = user;
    uint64_t delay_ms = 0;
    x->call = NULL;
    x->connect_ns += answer->connect_ns;
    end_pass(x, is_failure(answer) ? ML_UPSTREAM_FAILED : ML_UPSTREAM_ANSWERED);
    ml_exchange_leave(x);
    /* Without a timer, the answer that there is counts. */
    if (ml_exchange_may_retry(x, answer, &delay_ms) && is_within_budget(x) &&
        ml_exchange_start_timer(x, delay_ms)) {
        return;
    }
    int32_t code = ml_exchange_take(x, answer);
    x->done(x->user, x, code);
}

static int32_t on_bytes(void *user, struct berth_str bytes) {
    struct ml_exchange *x = user;
    return x->on_bytes(x->user, x, bytes);
}

static int32_t sign(struct ml_exchange *x) {
    const struct ml_action *action = x->action;
    const struct ml_aws_request request = {.method = action->method,
                                           .url = x->url,
                                           .body = base_buf_view(&x->payload),
                                           .headers = action->signed_headers,
                                           .header_count = action->signed_count,
                                           .with_hash = action->sends_hash,
                                           .now = time(NULL)};
    return ml_aws_sign(&action->key, &request, &x->lines, &x->error);
}

/* Unless the connector sends that header itself. */
static void put_line(struct ml_exchange *x, const char *name, struct berth_str value) {
    const struct ml_http_headers *own = x->action->headers;
    for (uint32_t i = 0; i < ml_http_headers_count(own); i++) {
        struct berth_str line = ml_http_headers_line(own, i);
        if (base_str_eq_nocase(base_str_slice(line, 0, base_str_find(line, ':')),
                               base_cstr(name))) {
            return;
        }
    }
    base_buf_format(&x->lines, "%s: " BASE_FMT, name, BASE_ARG(value));
    base_buf_char(&x->lines, '\0');
}

int32_t ml_exchange_make_lines(struct ml_exchange *x) {
    base_buf_clear(&x->lines);
    int32_t code = x->action->is_signed ? sign(x) : BERTH_OK;
    if (x->trace.parent.ptr) {
        put_line(x, "traceparent", x->trace.parent);
    }
    if (x->trace.state.ptr) {
        put_line(x, "tracestate", x->trace.state);
    }
    return code ? code : x->lines.error ? base_error_memory(&x->error) : BERTH_OK;
}

/* Whether the service's circuit lets it through. */
static int32_t begin_pass(struct ml_exchange *x) {
    uint64_t wait_ns = 0;
    if (!x->upstream) {
        return BERTH_OK;
    }
    x->pass = ml_upstream_begin(x->upstream, base_monotonic_ns(), &wait_ns);
    if (x->pass != ML_UPSTREAM_OPEN) {
        return BERTH_OK;
    }
    int32_t code = ml_status(&x->error, 503,
                             "the remote service [" BASE_FMT
                             "] is not asked for the moment: too many of its answers failed "
                             "[plugins.ml_commons.remote.circuit_breaker]",
                             BASE_ARG(ml_url_host(x->url)));
    x->error.retry_after_s = (uint32_t)(wait_ns / BASE_NS_PER_MS / BASE_MS_PER_S + 1);
    return code;
}

int32_t ml_exchange_ask(struct ml_exchange *x) {
    const struct ml_deployed *d = x->deployed;
    int32_t code = ml_exchange_make_lines(x);
    code = code ? code : begin_pass(x);
    if (code) {
        return code;
    }
    struct ml_http_request request = {.method = x->action->method,
                                      .url = x->url,
                                      .headers = x->action->headers,
                                      .more_lines = base_buf_view(&x->lines),
                                      .body = base_buf_view(&x->payload),
                                      .transport = d->transport,
                                      .connect_timeout_ms = d->connect_timeout_ms,
                                      .read_timeout_ms = d->read_timeout_ms,
                                      .max_body = x->loop->settings->max_answer,
                                      .allow_private = x->loop->settings->private_ip_enabled,
                                      .on_bytes = x->on_bytes ? on_bytes : NULL};
    x->tries++;
    code = ml_http_start(x->loop->client, &request, on_answer, x, &x->call);
    if (!code) {
        return BERTH_OK;
    }
    end_pass(x, ML_UPSTREAM_DROPPED);
    return code == BERTH_E_UNAVAILABLE
               ? base_error(&x->error, code,
                            "a connector with a proxy needs libcurl, which is not installed on "
                            "this node")
               : base_error_memory(&x->error);
}

void ml_exchange_go_on(struct ml_exchange *x, int32_t code) {
    if (code) {
        x->done(x->user, x, code);
    }
}

int32_t ml_exchange_start(struct ml_exchange *x, ml_exchange_fn done, void *user) {
    x->done = done;
    x->user = user;
    x->first_try_ns = base_monotonic_ns();
    return ml_exchange_enter(x);
}

void ml_exchange_pause(struct ml_exchange *x) {
    if (x->call) {
        ml_http_pause(x->call);
    }
}

void ml_exchange_resume(struct ml_exchange *x) {
    if (x->call) {
        ml_http_resume(x->call);
    }
}

void ml_exchange_cancel(struct ml_exchange *x) {
    if (x->call) {
        ml_http_cancel(x->call);
        x->call = NULL;
    }
    end_pass(x, ML_UPSTREAM_DROPPED);
    ml_exchange_leave(x);
    if (x->timer) { /* the loop of one that never began may be gone */
        x->loop->plugin->loop->timer_destroy(x->timer);
        x->timer = NULL;
    }
}
