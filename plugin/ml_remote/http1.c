/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own HTTP/1.1 client: calls. It serves what is common: http and https, certificates of the
 * connector's own, kept connections, answers of any length; no proxies.
 */
#include "plugin/ml_remote/http1_internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/clock.h"
#include "plugin/ml_remote/http_headers.h"
#include "plugin/ml_remote/transport.h"

/* Calls that a loop keeps for reuse. */
#define KEPT_CALLS 256u
/* What a kept call's head may hold. */
#define KEPT_HEAD 4096u

static struct ml_http1_call *of(struct ml_http_call *call) {
    return (struct ml_http1_call *)call;
}

/* ---- memory ---- */

static struct ml_http1_call *take_call(struct ml_http1 *http1) {
    struct ml_http1_call *call = http1->free_calls;
    if (call) {
        http1->free_calls = call->next;
        http1->free_count--;
        call->next = NULL;
    } else {
        call = calloc(1, sizeof *call);
        if (call) {
            base_buf_init_private(&call->head, BASE_BUF_MAX_DEFAULT);
        }
    }
    return call;
}

static void free_call(struct ml_http1 *http1, struct ml_http1_call *call) {
    if (call->head.cap > KEPT_HEAD || http1->free_count >= KEPT_CALLS) {
        base_buf_deinit(&call->head);
    } else {
        base_buf_clear(&call->head);
    }
    if (http1->free_count >= KEPT_CALLS) {
        free(call);
        return;
    }
    call->next = http1->free_calls;
    http1->free_calls = call;
    http1->free_count++;
}

/* Takes it apart; its answer stays. */
static void leave(struct ml_http1_call *call) {
    struct ml_http1_origin *origin = call->origin;
    if (call->conn) {
        ml_http1_conn_close(call->conn);
    }
    if (origin) {
        ml_http1_origin_forget(origin, call);
        origin->used_ns = call->base.last_byte_ns;
        origin->users--;
    }
    ml_http1_addresses_unref(call->addresses);
    ml_http1_reader_deinit(&call->reader);
    ml_http_call_leave(&call->base);
}

void ml_http1_call_end(struct ml_http1_call *call) {
    leave(call);
    ml_http_call_tell(&call->base);
    free_call(call->base.client->http1, call);
}

/* ---- the request ---- */

static void put_line(struct base_buf *head, const char *line) {
    base_buf_cstr(head, line);
    base_buf_cstr(head, "\r\n");
}

static void put_more_lines(struct base_buf *head, struct berth_str lines) {
    struct berth_str line;
    while (base_str_split(&lines, '\0', &line)) {
        if (line.len) {
            base_buf_str(head, line);
            base_buf_cstr(head, "\r\n");
        }
    }
}

/* The head's beginning; its end are the lines of the action, which are made already. */
static bool make_request(struct ml_http1_call *call, const struct ml_http_request *request,
                         const struct ml_http1_url *url) {
    const struct ml_http_headers *headers = request->headers;
    struct base_buf *head = &call->head;
    bool is_get = base_str_is(request->method, "GET");
    base_buf_str(head, request->method);
    base_buf_cstr(head, url->target.len && url->target.ptr[0] == '/' ? " " : " /");
    base_buf_str(head, url->target);
    put_line(head, " HTTP/1.1");
    if (!headers->has_host) {
        base_buf_cstr(head, "Host: ");
        base_buf_str(head, url->authority);
        base_buf_cstr(head, "\r\n");
    }
    if (!headers->has_accept) {
        put_line(head, "Accept: */*");
    }
    if (!headers->has_accept_encoding) {
        put_line(head, "Accept-Encoding: gzip, deflate");
    }
    if (!is_get) {
        base_buf_cstr(head, "Content-Length: ");
        base_buf_u64(head, request->body.len);
        base_buf_cstr(head, "\r\n");
    }
    put_more_lines(head, request->more_lines);
    call->parts[0] = base_buf_view(head);
    call->parts[1] = headers->block;
    call->parts[2] = is_get ? base_str("", 0) : request->body;
    call->total = 0;
    for (int i = 0; i < ML_HTTP1_PARTS; i++) {
        call->total += call->parts[i].len;
    }
    return !head->error;
}

/* ---- the way ---- */

/* Begins to wait for an answer; what was sent of an earlier try does not count. */
static void begin_answer(struct ml_http1_call *call) {
    call->sent = 0;
    call->is_cut = false;
    ml_http1_reader_init(&call->reader, &call->base.answer, call->base.on_bytes, call->base.user);
    call->reader.is_paused = call->base.is_paused;
    call->base.last_byte_ns = base_monotonic_ns();
}

void ml_http1_call_connected(struct ml_http1_call *call) {
    uint64_t began_ns =
        call->connect_until_ns - call->connect_timeout_ms * (uint64_t)BASE_NS_PER_MS;
    call->is_connected = true;
    begin_answer(call);
    call->base.answer.connect_ns += call->base.last_byte_ns - began_ns;
    ml_http1_conn_send(call->conn);
}

void ml_http1_call_resolved(struct ml_http1_call *call) {
    if (call->base.answer.outcome != ML_HTTP_ANSWERED) {
        ml_http1_call_end(call);
    } else {
        ml_http1_conn_open(call);
    }
}

/* A new connection, for which the addresses may have to be looked up. */
static void connect_anew(struct ml_http1_call *call) {
    call->is_connected = false;
    call->connect_until_ns =
        base_monotonic_ns() + call->connect_timeout_ms * (uint64_t)BASE_NS_PER_MS;
    ml_http1_origin_resolve(call->origin, call);
}

void ml_http1_call_broken(struct ml_http1_call *call, bool was_used, const char *why) {
    if (was_used && !call->is_second) {
        call->is_second = true;
        connect_anew(call);
        return;
    }
    ml_http_call_fail(&call->base, ML_HTTP_BROKEN, "%s", why);
    ml_http1_call_end(call);
}

static void go(struct ml_http1_call *call) {
    struct ml_http1_origin *origin = call->origin;
    while (origin->first_idle && origin->first_idle->is_private && !call->base.allow_private) {
        ml_http1_conn_close(origin->first_idle); /* of when it was allowed */
    }
    if (!ml_http1_conn_take(origin, call)) {
        connect_anew(call);
        return;
    }
    call->is_connected = true;
    begin_answer(call);
    ml_http1_conn_send(call->conn);
}

/* ---- the engine ---- */

static void pause_call(struct ml_http_call *base) {
    struct ml_http1_call *call = of(base);
    call->reader.is_paused = true;
    if (call->conn && call->is_connected) {
        ml_http1_conn_pause(call->conn);
    }
}

static void resume_call(struct ml_http_call *base) {
    struct ml_http1_call *call = of(base);
    call->reader.is_paused = false;
    if (call->conn && call->is_connected) {
        ml_http1_conn_read_on(call->conn);
    }
}

static void cancel_call(struct ml_http_call *base) {
    struct ml_http1_call *call = of(base);
    leave(call);
    base_buf_deinit(&base->answer.body);
    free_call(base->client->http1, call);
}

static bool expire_call(struct ml_http_call *base, uint64_t now_ns) {
    struct ml_http1_call *call = of(base);
    if (!call->is_connected && now_ns > call->connect_until_ns) {
        ml_http_call_fail(base, ML_HTTP_TIMED_OUT, "no connection within %llu ms",
                          (unsigned long long)call->connect_timeout_ms);
    } else if (!call->is_connected || !ml_http_call_is_late(base, now_ns)) {
        return false;
    }
    ml_http1_call_end(call);
    return true;
}

static const struct ml_http_engine engine = {
    .pause = pause_call,
    .resume = resume_call,
    .cancel = cancel_call,
    .expire = expire_call,
};

/* The certificates by which an origin is asked; false without memory. */
static bool find_tls(struct ml_http1 *http1, const struct ml_http_request *request,
                     const struct ml_http1_url *url, SSL_CTX **out_tls) {
    *out_tls = NULL;
    if (!url->is_https) {
        return true;
    }
    *out_tls = ml_transport_tls(request->transport);
    if (!*out_tls) {
        http1->tls = http1->tls ? http1->tls : ml_http1_tls_context();
        *out_tls = http1->tls;
    }
    return *out_tls;
}

int32_t ml_http1_start(struct ml_http_client *client, const struct ml_http_request *request,
                       ml_http_done_fn done, void *user, struct ml_http_call **out_call) {
    struct ml_http1 *http1 = client->http1;
    struct ml_http1_call *call = take_call(http1);
    struct ml_http1_url url;
    SSL_CTX *tls = NULL;
    if (!call) {
        return BERTH_E_NO_MEMORY;
    }
    bool is_url = ml_http1_url_split(request->url, &url);
    struct ml_http1_origin *origin = is_url && find_tls(http1, request, &url, &tls)
                                         ? ml_http1_origin_get(http1, &url, tls)
                                         : NULL;
    if (is_url && (!origin || !make_request(call, request, &url))) {
        free_call(http1, call);
        return BERTH_E_NO_MEMORY;
    }
    ml_http_call_begin(&call->base, client, &engine, request, done, user);
    call->origin = origin;
    call->conn = NULL;
    call->addresses = NULL;
    call->address = NULL;
    call->failure[0] = '\0';
    call->connect_timeout_ms = request->connect_timeout_ms;
    call->is_connected = false;
    call->saw_private = false;
    call->is_second = false;
    begin_answer(call);
    *out_call = &call->base;
    if (!is_url) {
        ml_http_call_fail(&call->base, ML_HTTP_BAD_URL, "no URL of http or https with a host");
        ml_http1_call_end(call);
        return BERTH_OK;
    }
    origin->users++;
    go(call);
    return BERTH_OK;
}

int32_t ml_http1_create(struct ml_http_client *client, struct ml_http1 **out_http1) {
    struct ml_http1 *http1 = calloc(1, sizeof *http1);
    if (!http1) {
        return BERTH_E_NO_MEMORY;
    }
    http1->client = client;
    base_buf_init_private(&http1->joined, BASE_BUF_MAX_DEFAULT);
    *out_http1 = http1;
    return BERTH_OK;
}

void ml_http1_destroy(struct ml_http1 *http1) {
    if (!http1) {
        return;
    }
    while (http1->origins) {
        ml_http1_origin_destroy(http1->origins);
    }
    while (http1->free_calls) {
        struct ml_http1_call *next = http1->free_calls->next;
        base_buf_deinit(&http1->free_calls->head);
        free(http1->free_calls);
        http1->free_calls = next;
    }
    base_map_deinit(&http1->by_key);
    base_buf_deinit(&http1->joined);
    SSL_CTX_free(http1->tls);
    free(http1);
}

bool ml_http1_tidy(struct ml_http1 *http1, uint64_t now_ns) {
    ml_http1_origins_tidy(http1, now_ns);
    return http1->origins;
}

void ml_http1_services(const struct ml_http1 *http1,
                       void (*fn)(void *user, const struct ml_http_service *service), void *user) {
    for (const struct ml_http1_origin *o = http1->origins; o; o = o->next) {
        if (o->connections) {
            fn(user, &(struct ml_http_service){.scheme = o->tls ? "https" : "http",
                                               .host = o->host,
                                               .port = o->port,
                                               .connections = o->connections,
                                               .idle = o->idle});
        }
    }
}
