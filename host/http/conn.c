/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/conn_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_BUFFER 65536

/* ---- waiting ---- */

void http_conn_wait_none(struct http_conn *conn) {
    struct http_wait_queue *queue = &conn->home->waits[conn->wait];
    if (conn->wait == HTTP_WAIT_NONE) {
        return;
    }
    *(conn->wait_previous ? &conn->wait_previous->wait_next : &queue->first) = conn->wait_next;
    *(conn->wait_next ? &conn->wait_next->wait_previous : &queue->last) = conn->wait_previous;
    conn->wait_next = NULL;
    conn->wait_previous = NULL;
    conn->wait = HTTP_WAIT_NONE;
}

void http_conn_wait_for(struct http_conn *conn, enum http_wait kind) {
    struct http_wait_queue *queue = &conn->home->waits[kind];
    http_conn_wait_none(conn);
    conn->wait = kind;
    conn->deadline_ms = uv_now(loop_uv(conn->home->loop)) + queue->duration_ms;
    conn->wait_previous = queue->last;
    *(queue->last ? &queue->last->wait_next : &queue->first) = conn;
    queue->last = conn;
}

/* ---- closing ---- */

/*
 * Told from here and not where the connection broke: that can be within a call of the handler's
 * own, which goes on with what this would end.
 */
static void tell_gone(struct http_conn *conn) {
    struct http_request *request = conn->active;
    if (!request) {
        return;
    }
    void (*on_gone)(void *) = request->on_gone;
    conn->active = NULL;
    conn->home->stats.clients_gone++;
    request->conn = NULL;
    request->on_gone = NULL;
    if (on_gone) {
        on_gone(request->user);
    }
}

static void on_closed(uv_handle_t *handle) {
    struct http_conn *conn = handle->data;
    struct http_loop *home = conn->home;
    tell_gone(conn);
    *(conn->previous ? &conn->previous->next : &home->conns) = conn->next;
    if (conn->next) {
        conn->next->previous = conn->previous;
    }
    home->stats.connections_open--;
    if (conn->reader.request) {
        http_request_destroy(home, conn->reader.request);
    }
    tls_session_destroy(conn->tls);
    base_buf_deinit(&conn->ahead);
    free(conn);
    if (home->draining) {
        http_server_note_closed(home->server);
    }
}

void http_conn_close(struct http_conn *conn) {
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    http_conn_wait_none(conn);
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

/* ---- reading ---- */

static void allocate(uv_handle_t *handle, size_t wanted, uv_buf_t *out) {
    (void)wanted;
    struct http_conn *conn = handle->data;
    *out = uv_buf_init(conn->home->read_buffer, READ_BUFFER);
}

/* Tells the client that nothing more will come, while it may still be sending. */
static void end_sending(struct http_conn *conn) {
    if (conn->tls && !conn->closing) {
        struct base_buf wire;
        base_buf_init(&wire, BASE_BUF_MAX_DEFAULT);
        tls_session_close(conn->tls, &wire);
        http_conn_send_wire(conn, &wire);
    }
    if (!conn->closing) {
        (void)uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, NULL);
    }
}

/* Answers what is not a request, and lets the client read the answer before closing. */
static void refuse(struct http_conn *conn, uint32_t status, const char *reason) {
    struct http_loop *home = conn->home;
    home->stats.bad_requests++;
    home->stats.replies_by_class[status / 100]++;
    char body[512];
    char head[256];
    int body_len = snprintf(body, sizeof body, "{\"error\":\"%s\",\"status\":%u}", reason, status);
    int head_len = snprintf(head, sizeof head,
                            "HTTP/1.1 %u %s\r\ndate: %s\r\n"
                            "content-type: application/json; charset=UTF-8\r\n"
                            "content-length: %d\r\nconnection: close\r\n%s\r\n",
                            status, http_status_text(status), home->date, body_len,
                            status == 503 ? "retry-after: 1\r\n" : "");
    struct berth_str text = base_str(body, (size_t)body_len);
    conn->discarding = true;
    base_buf_deinit(&conn->ahead);
    http_conn_send(conn, &(struct http_output){
                             .head = base_str(head, (size_t)head_len), .parts = &text, .count = 1});
    end_sending(conn);
    if (!conn->closing) {
        http_conn_wait_for(conn, HTTP_WAIT_LINGER);
    }
}

static void resume_reading(struct http_conn *conn);

static void dispatch(struct http_conn *conn) {
    struct http_loop *home = conn->home;
    struct http_request *request = conn->reader.request;
    conn->reader.request = NULL;
    conn->active = request;
    request->conn = conn;
    http_conn_wait_none(conn);
    home->stats.requests++;
    if (home->stats.in_flight >= home->in_flight_max) {
        struct berth_str body =
            BERTH_STR("{\"error\":\"too many requests in flight (setting http.max_in_flight)\","
                      "\"status\":503}");
        static const struct berth_header retry[] = {
            {BERTH_STR_INIT("retry-after"), BERTH_STR_INIT("1")}};
        home->stats.in_flight++;
        http_reply(request, &(struct http_reply){.status = 503,
                                                 .content_type = BERTH_STR("application/json"),
                                                 .headers = retry,
                                                 .header_count = 1,
                                                 .parts = &body,
                                                 .part_count = 1});
        return;
    }
    home->stats.in_flight++;
    home->handler.request(home->handler.user, request);
}

/* Makes sure that there is a request to read into. */
static bool begin_request(struct http_conn *conn) {
    if (conn->reader.request) {
        return true;
    }
    struct http_request *request = http_request_create(conn->home);
    if (!request) {
        refuse(conn, 503, "out of memory");
        return false;
    }
    http_reader_next(&conn->reader, request);
    http_conn_wait_for(conn, HTTP_WAIT_HEAD);
    return true;
}

static void send_continue(struct http_conn *conn) {
    conn->reader.expects_continue = false;
    http_conn_send(conn, &(struct http_output){.head = BERTH_STR("HTTP/1.1 100 Continue\r\n\r\n")});
}

/* Takes bytes until a request is active or the bytes are used up; returns how many. */
static size_t process(struct http_conn *conn, const char *bytes, size_t len) {
    size_t total = 0;
    while (total < len && !conn->active && !conn->closing && !conn->discarding &&
           !http_conn_queued(conn)) {
        if (!begin_request(conn)) {
            break;
        }
        size_t used = 0;
        enum http_read result = http_reader_feed(&conn->reader, bytes + total, len - total, &used);
        total += used;
        switch (result) {
        case HTTP_READ_MORE:
            if (conn->reader.head_done) {
                http_conn_wait_for(conn, HTTP_WAIT_BODY);
            }
            break;
        case HTTP_READ_HEAD:
            if (conn->reader.expects_continue && total == len) {
                send_continue(conn);
            }
            if (!conn->closing) {
                http_conn_wait_for(conn, HTTP_WAIT_BODY);
            }
            break;
        case HTTP_READ_COMPLETE:
            dispatch(conn);
            break;
        case HTTP_READ_BAD:
            refuse(conn, conn->reader.status, conn->reader.reason);
            break;
        }
    }
    return total;
}

static void pause_reading(struct http_conn *conn) {
    if (!conn->paused && !conn->closing) {
        conn->paused = true;
        (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    }
}

static void take_input(struct http_conn *conn, const char *bytes, size_t len) {
    if (conn->discarding || conn->closing) {
        return;
    }
    size_t used = 0;
    /* What is not taken of earlier answers holds up later requests: a client that only sends costs
       no more than HTTP_AHEAD_MAX. */
    if (!conn->active && conn->ahead.len == 0 && !conn->processing && !http_conn_queued(conn)) {
        conn->processing = true;
        used = process(conn, bytes, len);
        conn->processing = false;
    }
    if (used < len && !conn->closing && !conn->discarding) {
        base_buf_append(&conn->ahead, bytes + used, len - used);
        if (conn->ahead.error) {
            http_conn_close(conn);
        } else if (conn->ahead.len >= HTTP_AHEAD_MAX) {
            pause_reading(conn);
        }
    }
}

/* Goes on with what came while a request was active. */
void http_conn_process_ahead(struct http_conn *conn) {
    if (conn->processing) {
        return;
    }
    conn->processing = true;
    size_t done = 0;
    struct base_buf ahead = conn->ahead;
    base_buf_init_private(&conn->ahead, ahead.max);
    while (done < ahead.len && !conn->active && !conn->closing && !conn->discarding &&
           !http_conn_queued(conn)) {
        done += process(conn, ahead.ptr + done, ahead.len - done);
    }
    if (!conn->closing && !conn->discarding && done < ahead.len) {
        memmove(ahead.ptr, ahead.ptr + done, ahead.len - done);
        ahead.len -= done;
        conn->ahead = ahead;
    } else {
        base_buf_deinit(&ahead);
    }
    conn->processing = false;
    if (conn->ahead.len == 0) {
        resume_reading(conn);
    }
}

static void take_wire(struct http_conn *conn, const char *bytes, size_t len) {
    struct base_buf plain;
    struct base_buf wire;
    base_buf_init_private(&plain, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&wire, BASE_BUF_MAX_DEFAULT);
    int32_t code = tls_session_receive(conn->tls, bytes, len, &plain, &wire);
    http_conn_send_wire(conn, &wire);
    if (plain.len && !conn->closing) {
        take_input(conn, plain.ptr, plain.len);
    }
    base_buf_deinit(&plain);
    if (code) {
        http_conn_close(conn);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    struct http_conn *conn = stream->data;
    if (n == 0) {
        return;
    }
    if (n < 0) {
        http_conn_close(conn);
        return;
    }
    conn->home->stats.bytes_in += (uint64_t)n;
    if (conn->tls) {
        take_wire(conn, buf->base, (size_t)n);
    } else {
        take_input(conn, buf->base, (size_t)n);
        explicit_bzero(buf->base, (size_t)n); /* there may be a credential in it */
    }
}

static void resume_reading(struct http_conn *conn) {
    if (conn->paused && !conn->closing) {
        conn->paused = false;
        if (uv_read_start((uv_stream_t *)&conn->tcp, allocate, on_read) != 0) {
            http_conn_close(conn);
        }
    }
}

void http_conn_answered(struct http_conn *conn, bool keep_alive) {
    conn->active = NULL;
    if (conn->closing) {
        return;
    }
    if (!keep_alive || conn->home->draining) {
        conn->close_after_write = true;
        http_conn_after_write(conn);
        return;
    }
    if (http_conn_queued(conn) == 0) {
        http_conn_wait_for(conn, HTTP_WAIT_IDLE);
        if (conn->ahead.len) {
            http_conn_process_ahead(conn);
        }
    }
}

/* ---- a connection's beginning, and all connections of a loop ---- */

static void note_address(struct http_conn *conn) {
    struct sockaddr_storage peer;
    int len = sizeof peer;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&peer, &len) != 0 ||
        uv_ip_name((struct sockaddr *)&peer, conn->address, sizeof conn->address) != 0) {
        conn->address[0] = '\0';
    }
}

void http_conn_accept(struct http_loop *home) {
    struct http_conn *conn = calloc(1, sizeof *conn);
    if (!conn || uv_tcp_init(loop_uv(home->loop), &conn->tcp) != 0) {
        /* It stays where it is; libuv brings no other before it is taken. */
        free(conn);
        home->accept_pending = true;
        return;
    }
    home->accept_pending = false;
    conn->home = home;
    conn->tcp.data = conn;
    conn->next = home->conns;
    if (conn->next) {
        conn->next->previous = conn;
    }
    home->conns = conn;
    home->stats.connections_open++;
    http_reader_init(&conn->reader, home->limits);
    base_buf_init_private(&conn->ahead, HTTP_AHEAD_MAX + READ_BUFFER);
    if (uv_accept((uv_stream_t *)&home->listener, (uv_stream_t *)&conn->tcp) != 0) {
        http_conn_close(conn);
        return;
    }
    home->stats.connections_opened++;
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    note_address(conn);
    bool full = home->stats.connections_open > home->connections_max;
    if (home->tls && !full) {
        conn->tls = tls_session_create(home->tls);
    }
    if ((home->tls && !conn->tls) ||
        uv_read_start((uv_stream_t *)&conn->tcp, allocate, on_read) != 0) {
        home->stats.connections_refused++;
        http_conn_close(conn);
        return;
    }
    if (full) {
        home->stats.connections_refused++;
        refuse(conn, 503, "too many connections (setting http.max_connections)");
        return;
    }
    http_conn_wait_for(conn, HTTP_WAIT_IDLE);
}

void http_conn_drain_all(struct http_loop *home) {
    for (struct http_conn *conn = home->conns; conn; conn = conn->next) {
        if (conn->active || http_conn_queued(conn) > 0) {
            conn->close_after_write = true;
        } else {
            http_conn_close(conn);
        }
    }
}

void http_conn_close_all(struct http_loop *home) {
    for (struct http_conn *conn = home->conns; conn; conn = conn->next) {
        http_conn_close(conn);
    }
}

static void wait_is_over(struct http_conn *conn) {
    switch (conn->wait) {
    case HTTP_WAIT_HEAD:
        refuse(conn, 408, "the head did not come in time (setting http.header_timeout)");
        break;
    case HTTP_WAIT_BODY:
        refuse(conn, 408, "the body did not come in time (setting http.body_timeout)");
        break;
    default:
        http_conn_close(conn);
    }
}

void http_conn_check_waits(struct http_loop *home) {
    uint64_t now = uv_now(loop_uv(home->loop));
    for (int kind = HTTP_WAIT_IDLE; kind < HTTP_WAIT_KINDS; kind++) {
        struct http_conn *conn = home->waits[kind].first;
        while (conn && conn->deadline_ms <= now) {
            wait_is_over(conn);
            conn = home->waits[kind].first;
        }
    }
}
