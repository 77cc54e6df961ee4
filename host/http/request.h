/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as it came over the wire, and the ways to answer it.
 *
 * A request belongs to its loop. Whoever is given one answers it exactly once, with http_reply or
 * with http_stream_open … http_stream_close, from the loop's thread; after that it is gone. That
 * holds also when the client has left: then the answer is dropped.
 */
#ifndef HOST_HTTP_REQUEST_H
#define HOST_HTTP_REQUEST_H

#include <berth/routes.h>

#include "base/buf.h"
#include "host/http/limits.h"

struct http_conn;
struct http_loop;
struct loop;

/* Offsets into http_request.head. */
struct http_span {
    uint32_t start;
    uint32_t len;
};

struct http_header_span {
    struct http_span name;
    struct http_span value;
};

struct http_request {
    struct http_request *next; /* in the loop's list of free ones */
    struct http_conn *conn;    /* NULL once the client's connection is closed */
    struct http_loop *home;
    struct loop *loop;
    const char *method;
    struct http_span target;
    struct http_header_span headers[HTTP_HEADERS_MAX];
    uint32_t header_count;
    bool keep_alive;
    bool http_1_0;
    bool head_only; /* the answer's body is not sent */
    bool streaming;
    bool chunked_reply;
    struct base_buf head;
    struct base_buf body;
    uint64_t received_ns;
    /*
     * Called once when the client leaves before the answer, never from within a call of this
     * header; NULL where nobody asked.
     */
    void (*on_gone)(void *user);
    /* Called once when a streamed answer can take more again. */
    void (*on_writable)(void *user);
    void *user;
    void *writable_user;
};

static inline struct berth_str http_span_view(const struct http_request *request,
                                              struct http_span span) {
    return base_str(request->head.ptr + span.start, span.len);
}

/* The first header of that name; false when there is none. */
bool http_request_header(const struct http_request *request, struct berth_str name,
                         struct berth_str *out_value);

/* Overwrites the values of all headers of that name: they are empty from now on. */
void http_request_hide_header(struct http_request *request, struct berth_str name);

/* The client's address; empty where the client has left. */
struct berth_str http_request_address(const struct http_request *request);

/* The subject of the certificate that the client showed (RFC 2253), checked by TLS; empty: none. */
struct berth_str http_request_certificate(const struct http_request *request);

/* Whether the client's connection is still there. */
bool http_request_is_live(const struct http_request *request);

/* An answer: the body is the parts, which stay as they are until release is called. */
struct http_reply {
    uint32_t status;
    struct berth_str content_type; /* empty: none, for an answer without body */
    const struct berth_header *headers;
    uint32_t header_count;
    const struct berth_str *parts;
    uint32_t part_count;
    /* Once the parts are no longer needed; NULL: http_reply copies what it cannot send at once. */
    void (*release)(void *owner);
    void *owner;
};

void http_reply(struct http_request *request, const struct http_reply *reply);

/* A streamed answer. Pieces are copied; the queue is what the client has not taken. */
void http_stream_open(struct http_request *request, const struct http_reply *reply);
int32_t http_stream_write(struct http_request *request, struct berth_str piece);
uint64_t http_stream_queued(const struct http_request *request);
/* complete false: the connection is closed without the end that a whole body has. */
void http_stream_close(struct http_request *request, bool complete);

/* "OK", "Not Found"; "" for a number that has no name. */
const char *http_status_text(uint32_t status);

#endif
