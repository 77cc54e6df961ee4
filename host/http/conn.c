/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/conn.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_BUFFER 65536
/* Parts that one system call takes; more are sent by further ones. */
#define WRITE_PARTS 16

/* ---- waiting ---- */

static void wait_none(struct http_conn *conn) {
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

static void wait_for(struct http_conn *conn, enum http_wait kind) {
    struct http_wait_queue *queue = &conn->home->waits[kind];
    wait_none(conn);
    conn->wait = kind;
    conn->deadline_ms = uv_now(loop_uv(conn->home->loop)) + queue->duration_ms;
    conn->wait_previous = queue->last;
    *(queue->last ? &queue->last->wait_next : &queue->first) = conn;
    queue->last = conn;
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle) {
    struct http_conn *conn = handle->data;
    struct http_loop *home = conn->home;
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
    wait_none(conn);
    struct http_request *request = conn->active;
    conn->active = NULL;
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
    if (request) {
        conn->home->stats.clients_gone++;
        request->conn = NULL;
        void (*on_gone)(void *) = request->on_gone;
        request->on_gone = NULL;
        if (on_gone) {
            on_gone(request->user);
        }
    }
}

/* ---- writing ---- */

/* A write that the kernel did not take at once, with what it keeps alive. */
struct http_write {
    uv_write_t request;
    struct http_conn *conn;
    void (*release)(void *owner);
    void *owner;
    char *copy;
};

static void process_ahead(struct http_conn *conn);

/* All that was queued is sent: the connection closes or goes on. */
static void after_write(struct http_conn *conn) {
    if (conn->closing || http_conn_queued(conn) > 0) {
        return;
    }
    if (conn->wait == HTTP_WAIT_WRITE) {
        wait_none(conn);
        if (!conn->active) {
            wait_for(conn, HTTP_WAIT_IDLE);
        }
    }
    if (conn->active) {
        return;
    }
    if (conn->close_after_write) {
        http_conn_close(conn);
    } else if (conn->ahead.len) {
        process_ahead(conn);
    }
}

static void on_written(uv_write_t *request, int status) {
    struct http_write *write = (struct http_write *)request;
    struct http_conn *conn = write->conn;
    if (write->release) {
        write->release(write->owner);
    }
    free(write->copy);
    free(write);
    if (status < 0) {
        http_conn_close(conn);
        return;
    }
    if (!conn->closing && conn->wait == HTTP_WAIT_WRITE) {
        wait_for(conn, HTTP_WAIT_WRITE);
    }
    struct http_request *active = conn->active;
    if (active && active->on_writable && http_conn_queued(conn) < BERTH_STREAM_LOW_WATER) {
        void (*on_writable)(void *) = active->on_writable;
        active->on_writable = NULL;
        on_writable(active->writable_user);
    }
    after_write(conn);
}

static void release_output(const struct http_output *output) {
    if (output->release) {
        output->release(output->owner);
    }
}

/* Bytes of the output from offset on as buffers; copies what does not stay into *out_copy. */
static int32_t rest_of(const struct http_output *output, size_t offset, uv_buf_t *bufs,
                       unsigned *out_count, char **out_copy) {
    size_t head_left = output->head.len > offset ? BASE_LEN(output->head) - offset : 0;
    size_t skip = offset > output->head.len ? offset - BASE_LEN(output->head) : 0;
    struct berth_str rest[WRITE_PARTS];
    unsigned count = 0;
    size_t copied = head_left;
    for (uint32_t i = 0; i < output->count; i++) {
        struct berth_str part = output->parts[i];
        size_t gone = skip < part.len ? skip : BASE_LEN(part);
        skip -= gone;
        if (part.len > gone) {
            rest[count] = base_str_from(part, gone);
            copied += output->release ? 0 : BASE_LEN(rest[count]);
            count++;
        }
    }
    char *copy = copied ? malloc(copied) : NULL;
    if (copied && !copy) {
        return BERTH_E_NO_MEMORY;
    }
    *out_copy = copy;
    *out_count = 0;
    if (copied) {
        bufs[(*out_count)++] = uv_buf_init(copy, (unsigned)copied);
        memcpy(copy, output->head.ptr + (output->head.len - head_left), head_left);
        copy += head_left;
    }
    for (unsigned i = 0; i < count; i++) {
        if (output->release) {
            bufs[(*out_count)++] =
                uv_buf_init((char *)(uintptr_t)rest[i].ptr, (unsigned)rest[i].len);
        } else {
            memcpy(copy, rest[i].ptr, BASE_LEN(rest[i]));
            copy += rest[i].len;
        }
    }
    return BERTH_OK;
}

/* Queues what the kernel did not take at once. */
static void queue_write(struct http_conn *conn, const struct http_output *output, size_t offset) {
    struct http_write *write = calloc(1, sizeof *write);
    uv_buf_t bufs[WRITE_PARTS];
    unsigned count = 0;
    if (!write || rest_of(output, offset, bufs, &count, &write->copy)) {
        free(write);
        release_output(output);
        http_conn_close(conn);
        return;
    }
    write->conn = conn;
    write->release = output->release;
    write->owner = output->owner;
    int code = uv_write(&write->request, (uv_stream_t *)&conn->tcp, bufs, count, on_written);
    if (code < 0) {
        on_written(&write->request, code);
    } else {
        wait_for(conn, HTTP_WAIT_WRITE);
    }
}

static void send_plain(struct http_conn *conn, const struct http_output *output) {
    uv_buf_t bufs[WRITE_PARTS];
    unsigned count = 0;
    size_t total = BASE_LEN(output->head);
    if (output->head.len) {
        bufs[count++] =
            uv_buf_init((char *)(uintptr_t)output->head.ptr, (unsigned)output->head.len);
    }
    for (uint32_t i = 0; i < output->count; i++) {
        bufs[count++] =
            uv_buf_init((char *)(uintptr_t)output->parts[i].ptr, (unsigned)output->parts[i].len);
        total += BASE_LEN(output->parts[i]);
    }
    int sent = 0;
    if (http_conn_queued(conn) == 0 && total) {
        sent = uv_try_write((uv_stream_t *)&conn->tcp, bufs, count);
    }
    if (sent < 0 && sent != UV_EAGAIN) {
        release_output(output);
        http_conn_close(conn);
        return;
    }
    if (sent >= 0 && (size_t)sent == total) {
        release_output(output);
        return;
    }
    queue_write(conn, output, sent > 0 ? (size_t)sent : 0);
}

/* Sends bytes that are what the socket gets; takes them out of the buffer. */
static void send_wire(struct http_conn *conn, struct base_buf *wire) {
    if (wire->len && !conn->closing) {
        struct berth_str part = base_buf_view(wire);
        send_plain(conn, &(struct http_output){
                             .parts = &part, .count = 1, .release = free, .owner = wire->ptr});
        (void)base_buf_take(wire);
    }
    base_buf_deinit(wire);
}

void http_conn_send(struct http_conn *conn, const struct http_output *output) {
    conn->home->stats.bytes_out += output->head.len;
    for (uint32_t i = 0; i < output->count; i++) {
        conn->home->stats.bytes_out += output->parts[i].len;
    }
    if (conn->closing) {
        release_output(output);
        return;
    }
    if (!conn->tls && output->count < WRITE_PARTS) {
        send_plain(conn, output);
        return;
    }
    struct base_buf wire;
    base_buf_init(&wire, BASE_BUF_MAX_DEFAULT);
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i <= output->count && !code; i++) {
        struct berth_str piece = i ? output->parts[i - 1] : output->head;
        if (conn->tls) {
            code = tls_session_send(conn->tls, piece, &wire);
        } else {
            base_buf_str(&wire, piece);
            code = wire.error;
        }
    }
    release_output(output);
    if (code) {
        base_buf_deinit(&wire);
        http_conn_close(conn);
        return;
    }
    send_wire(conn, &wire);
}

uint64_t http_conn_queued(const struct http_conn *conn) {
    return uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp);
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
        send_wire(conn, &wire);
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
        wait_for(conn, HTTP_WAIT_LINGER);
    }
}

static void resume_reading(struct http_conn *conn);

static void dispatch(struct http_conn *conn) {
    struct http_loop *home = conn->home;
    struct http_request *request = conn->reader.request;
    conn->reader.request = NULL;
    conn->active = request;
    request->conn = conn;
    wait_none(conn);
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
    wait_for(conn, HTTP_WAIT_HEAD);
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
                wait_for(conn, HTTP_WAIT_BODY);
            }
            break;
        case HTTP_READ_HEAD:
            if (conn->reader.expects_continue && total == len) {
                send_continue(conn);
            }
            if (!conn->closing) {
                wait_for(conn, HTTP_WAIT_BODY);
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
static void process_ahead(struct http_conn *conn) {
    if (conn->processing) {
        return;
    }
    conn->processing = true;
    size_t done = 0;
    struct base_buf ahead = conn->ahead;
    base_buf_init(&conn->ahead, ahead.max);
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
    base_buf_init(&plain, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&wire, BASE_BUF_MAX_DEFAULT);
    int32_t code = tls_session_receive(conn->tls, bytes, len, &plain, &wire);
    send_wire(conn, &wire);
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
        after_write(conn);
        return;
    }
    if (http_conn_queued(conn) == 0) {
        wait_for(conn, HTTP_WAIT_IDLE);
        if (conn->ahead.len) {
            process_ahead(conn);
        }
    }
}

/* ---- a connection's beginning, and all connections of a loop ---- */

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
    base_buf_init(&conn->ahead, HTTP_AHEAD_MAX + READ_BUFFER);
    if (uv_accept((uv_stream_t *)&home->listener, (uv_stream_t *)&conn->tcp) != 0) {
        http_conn_close(conn);
        return;
    }
    home->stats.connections_opened++;
    (void)uv_tcp_nodelay(&conn->tcp, 1);
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
    wait_for(conn, HTTP_WAIT_IDLE);
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
