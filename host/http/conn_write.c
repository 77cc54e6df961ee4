/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to connections: at once where the kernel takes it, else queued.
 */
#include "host/http/conn_internal.h"

#include <stdlib.h>

/* Parts that one system call takes; more are sent by further ones. */
#define WRITE_PARTS 16

/* A write that the kernel did not take at once, with what it keeps alive. */
struct http_write {
    uv_write_t request;
    struct http_conn *conn;
    void (*release)(void *owner);
    void *owner;
    char *copy;
};

void http_conn_after_write(struct http_conn *conn) {
    if (conn->closing || http_conn_queued(conn) > 0) {
        return;
    }
    if (conn->wait == HTTP_WAIT_WRITE) {
        http_conn_wait_none(conn);
        if (!conn->active) {
            http_conn_wait_for(conn, HTTP_WAIT_IDLE);
        }
    }
    if (conn->active) {
        return;
    }
    if (conn->close_after_write) {
        http_conn_close(conn);
    } else if (conn->ahead.len) {
        http_conn_process_ahead(conn);
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
        http_conn_wait_for(conn, HTTP_WAIT_WRITE);
    }
    struct http_request *active = conn->active;
    if (active && !conn->closing && active->on_writable &&
        http_conn_queued(conn) < BERTH_STREAM_LOW_WATER) {
        void (*on_writable)(void *) = active->on_writable;
        active->on_writable = NULL;
        on_writable(active->writable_user);
    }
    http_conn_after_write(conn);
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
        http_conn_wait_for(conn, HTTP_WAIT_WRITE);
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

void http_conn_send_wire(struct http_conn *conn, struct base_buf *wire) {
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
    http_conn_send_wire(conn, &wire);
}

uint64_t http_conn_queued(const struct http_conn *conn) {
    return uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp);
}
