/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/request.h"

#include "host/http/conn.h"

#include <stdio.h>
#include <stdlib.h>

/* Request objects that a loop keeps, and what their buffers may hold when kept. */
#define FREE_REQUESTS_MAX 64
#define KEPT_BUFFER_MAX 16384
/* Status line and the headers that every answer has; a route's own come beside. */
#define REPLY_HEAD_MAX 8192

const char *http_status_text(uint32_t status) {
    static const struct {
        uint32_t status;
        const char *text;
    } texts[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {424, "Failed Dependency"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "";
}

bool http_request_header(const struct http_request *request, struct berth_str name,
                         struct berth_str *out_value) {
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (base_str_eq_nocase(http_span_view(request, request->headers[i].name), name)) {
            *out_value = http_span_view(request, request->headers[i].value);
            return true;
        }
    }
    return false;
}

void http_request_hide_header(struct http_request *request, struct berth_str name) {
    for (uint32_t i = 0; i < request->header_count; i++) {
        struct http_span *value = &request->headers[i].value;
        if (base_str_eq_nocase(http_span_view(request, request->headers[i].name), name)) {
            explicit_bzero(request->head.ptr + value->start, value->len);
            value->len = 0;
        }
    }
}

struct berth_str http_request_address(const struct http_request *request) {
    return request->conn ? base_cstr(request->conn->address) : base_str("", 0);
}

/* NULL where the client has left, or what is sent could not reach it. */
static struct http_conn *live_conn(const struct http_request *request) {
    return request->conn && !request->conn->closing ? request->conn : NULL;
}

bool http_request_is_live(const struct http_request *request) {
    return live_conn(request) != NULL;
}

struct berth_str http_request_certificate(const struct http_request *request) {
    return request->conn && request->conn->tls ? tls_session_certificate(request->conn->tls)
                                               : BERTH_STR("");
}

struct http_request *http_request_create(struct http_loop *home) {
    struct http_request *request = home->free_requests;
    if (request) {
        home->free_requests = request->next;
        home->free_request_count--;
    } else {
        request = malloc(sizeof *request);
        if (!request) {
            return NULL;
        }
        /* Users send passwords and credentials. */
        base_buf_init_private(&request->head, (size_t)home->limits->max_initial_line_length +
                                                  (size_t)home->limits->max_header_size);
        base_buf_init_private(&request->body, (size_t)home->limits->max_content_length);
    }
    struct base_buf head = request->head;
    struct base_buf body = request->body;
    memset(request, 0, sizeof *request);
    request->head = head;
    request->body = body;
    request->home = home;
    request->loop = home->loop;
    return request;
}

void http_request_destroy(struct http_loop *home, struct http_request *request) {
    if (home->free_request_count >= FREE_REQUESTS_MAX) {
        base_buf_deinit(&request->head);
        base_buf_deinit(&request->body);
        free(request);
        return;
    }
    base_buf_clear(&request->head);
    base_buf_clear(&request->body);
    if (request->body.cap > KEPT_BUFFER_MAX) {
        base_buf_deinit(&request->body);
    }
    request->next = home->free_requests;
    home->free_requests = request;
    home->free_request_count++;
}

/* How a client knows where the body ends. */
enum framing {
    FRAMING_NONE,   /* there is none, by the status */
    FRAMING_LENGTH, /* Content-Length */
    FRAMING_CHUNKS,
    FRAMING_CLOSE, /* the connection ends */
};

static int32_t write_head(struct base_buf *head, const struct http_request *request,
                          const struct http_reply *reply, enum framing framing, uint64_t length,
                          bool keep_alive) {
    base_buf_cstr(head, "HTTP/1.1 ");
    base_buf_u64(head, reply->status);
    base_buf_char(head, ' ');
    base_buf_cstr(head, http_status_text(reply->status));
    base_buf_cstr(head, "\r\ndate: ");
    base_buf_cstr(head, request->home->date);
    base_buf_cstr(head, "\r\n");
    if (reply->content_type.len) {
        base_buf_cstr(head, "content-type: ");
        base_buf_str(head, reply->content_type);
        base_buf_cstr(head, "\r\n");
    }
    for (uint32_t i = 0; i < reply->header_count; i++) {
        base_buf_str(head, reply->headers[i].name);
        base_buf_cstr(head, ": ");
        base_buf_str(head, reply->headers[i].value);
        base_buf_cstr(head, "\r\n");
    }
    if (framing == FRAMING_LENGTH) {
        base_buf_cstr(head, "content-length: ");
        base_buf_u64(head, length);
        base_buf_cstr(head, "\r\n");
    } else if (framing == FRAMING_CHUNKS) {
        base_buf_cstr(head, "transfer-encoding: chunked\r\n");
    }
    if (!keep_alive) {
        base_buf_cstr(head, "connection: close\r\n");
    } else if (request->http_1_0) {
        base_buf_cstr(head, "connection: keep-alive\r\n");
    }
    base_buf_cstr(head, "\r\n");
    return head->error;
}

/* The request leaves its connection, which is NULL where nothing can be sent any more. */
static struct http_conn *detach(struct http_request *request) {
    struct http_conn *conn = live_conn(request);
    if (request->conn) {
        request->conn->active = NULL;
    }
    return conn;
}

static void end(struct http_request *request) {
    struct http_loop *home = request->home;
    home->stats.in_flight--;
    http_request_destroy(home, request);
}

static void release_parts(const struct http_reply *reply) {
    if (reply->release) {
        reply->release(reply->owner);
    }
}

static void count_reply(struct http_loop *home, uint32_t status) {
    uint32_t class = status / 100;
    home->stats.replies_by_class[class < BASE_COUNT(home->stats.replies_by_class) ? class : 5]++;
}

void http_reply(struct http_request *request, const struct http_reply *reply) {
    struct http_conn *conn = detach(request);
    if (!conn) {
        release_parts(reply);
        end(request);
        return;
    }
    bool keep_alive = request->keep_alive && !conn->home->draining && !conn->close_after_write;
    bool none = reply->status < 200 || reply->status == 204 || reply->status == 304;
    uint64_t length = 0;
    for (uint32_t i = 0; i < reply->part_count; i++) {
        length += reply->parts[i].len;
    }
    char memory[REPLY_HEAD_MAX];
    struct base_buf head = {.ptr = memory, .cap = sizeof memory, .max = sizeof memory};
    if (write_head(&head, request, reply, none ? FRAMING_NONE : FRAMING_LENGTH, length,
                   keep_alive)) {
        /* Headers beyond REPLY_HEAD_MAX: a fault of the program. The client is not left waiting. */
        release_parts(reply);
        http_conn_close(conn);
        end(request);
        return;
    }
    count_reply(conn->home, reply->status);
    http_conn_send(
        conn, &(struct http_output){.head = base_buf_view(&head),
                                    .parts = reply->parts,
                                    .count = none || request->head_only ? 0 : reply->part_count,
                                    .release = reply->release,
                                    .owner = reply->owner});
    end(request);
    http_conn_answered(conn, keep_alive);
}

void http_stream_open(struct http_request *request, const struct http_reply *reply) {
    struct http_conn *conn = live_conn(request);
    request->streaming = true;
    request->chunked_reply = !request->http_1_0;
    if (!conn) {
        return;
    }
    request->keep_alive = request->keep_alive && request->chunked_reply;
    char memory[REPLY_HEAD_MAX];
    struct base_buf head = {.ptr = memory, .cap = sizeof memory, .max = sizeof memory};
    enum framing framing = request->chunked_reply ? FRAMING_CHUNKS : FRAMING_CLOSE;
    if (write_head(&head, request, reply, framing, 0, request->keep_alive)) {
        http_conn_close(conn);
        return;
    }
    count_reply(conn->home, reply->status);
    http_conn_send(conn, &(struct http_output){.head = base_buf_view(&head)});
}

int32_t http_stream_write(struct http_request *request, struct berth_str piece) {
    struct http_conn *conn = live_conn(request);
    if (!conn) {
        return BERTH_E_CANCELLED;
    }
    if (piece.len == 0 || request->head_only) {
        return BERTH_OK; /* an empty chunk would end the body */
    }
    char size[24];
    int len = snprintf(size, sizeof size, "%llx\r\n", (unsigned long long)piece.len);
    struct berth_str parts[] = {piece, BERTH_STR("\r\n")};
    bool chunked = request->chunked_reply;
    http_conn_send(conn, &(struct http_output){.head = base_str(size, chunked ? (size_t)len : 0),
                                               .parts = parts,
                                               .count = chunked ? 2 : 1});
    return conn->closing ? BERTH_E_CANCELLED : BERTH_OK;
}

uint64_t http_stream_queued(const struct http_request *request) {
    struct http_conn *conn = live_conn(request);
    return conn ? http_conn_queued(conn) : 0;
}

void http_stream_close(struct http_request *request, bool complete) {
    struct http_conn *conn = detach(request);
    if (conn && !complete) {
        http_conn_close(conn);
    } else if (conn) {
        if (request->chunked_reply && !request->head_only) {
            http_conn_send(conn, &(struct http_output){.head = BERTH_STR("0\r\n\r\n")});
        }
        http_conn_answered(conn, request->keep_alive);
    }
    end(request);
}
