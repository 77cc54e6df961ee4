/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.routes/1: register routes, read requests, reply whole or streamed.
 *
 * A request is replied to exactly once, by reply, reply_error or stream_close, also after it was
 * cancelled: then the reply is dropped. Until that reply the request and all views taken from it
 * stay valid; after it neither may be used. The host adds what is common to all answers (pretty,
 * filter_path, other formats, the echoed X-Opaque-Id, compression) and the error envelope.
 */
#ifndef BERTH_ROUTES_H
#define BERTH_ROUTES_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_ROUTES_ID "berth.routes/1"

struct berth_host;

/* berth_route.kind: a loop route never blocks; a worker route may, and runs on the worker pool. */
#define BERTH_ROUTE_LOOP 1u
#define BERTH_ROUTE_WORKER 2u

/* berth_route.body: with NONE the host refuses a request that brings a body. */
#define BERTH_BODY_NONE 0u
#define BERTH_BODY_ALLOWED 1u

/* A request as its handler is given it. All views end with the reply. */
struct berth_request_view {
    uint32_t size;
    uint32_t loop;
    /* What the plugin's loop_start made for this loop; NULL on the worker pool. */
    void *loop_context;
    struct berth_str method;
    /* The path as sent, without the query. */
    struct berth_str path;
    struct berth_str body;
    /* The values of the path's {placeholders}, percent-decoded, in the order of the path. */
    const struct berth_str *params;
    uint32_t param_count;
    uint32_t reserved;
    /* Monotonic clock, nanoseconds: when the request was complete. */
    uint64_t received_ns;
};
BERTH_ASSERT_SIZE(struct berth_request_view, 88);
BERTH_ASSERT_OFFSET(struct berth_request_view, loop_context, 8);
BERTH_ASSERT_OFFSET(struct berth_request_view, method, 16);
BERTH_ASSERT_OFFSET(struct berth_request_view, path, 32);
BERTH_ASSERT_OFFSET(struct berth_request_view, body, 48);
BERTH_ASSERT_OFFSET(struct berth_request_view, params, 64);
BERTH_ASSERT_OFFSET(struct berth_request_view, param_count, 72);
BERTH_ASSERT_OFFSET(struct berth_request_view, received_ns, 80);

/*
 * Handles a request: sees to it that it is replied to, now or later. Runs on the loop of the
 * request, or on a worker, as the route's kind says.
 * @thread loop worker
 * @state SERVING DRAINING
 * @owner the request and its views are the plugin's until the reply
 * @errors none
 */
typedef void (*berth_route_fn)(void *user, struct berth_request *request,
                               const struct berth_request_view *view);

/* A route to be registered. The host copies all of it. */
struct berth_route {
    uint32_t size;
    uint32_t kind;
    uint32_t body;
    uint32_t query_count;
    /* One method in upper case. */
    struct berth_str method;
    /* Begins with a slash; a segment in braces is a placeholder: /things/{id}. */
    struct berth_str path;
    /* The permission that a caller needs, where the host has users; absent: none. */
    struct berth_str permission;
    /* The query parameters that the route knows, beside those that every route has. */
    const struct berth_str *query;
    berth_route_fn handle;
    void *user;
};
BERTH_ASSERT_SIZE(struct berth_route, 88);
BERTH_ASSERT_OFFSET(struct berth_route, method, 16);
BERTH_ASSERT_OFFSET(struct berth_route, path, 32);
BERTH_ASSERT_OFFSET(struct berth_route, permission, 48);
BERTH_ASSERT_OFFSET(struct berth_route, query, 64);
BERTH_ASSERT_OFFSET(struct berth_route, handle, 72);
BERTH_ASSERT_OFFSET(struct berth_route, user, 80);

/* A header of a reply. */
struct berth_header {
    struct berth_str name;
    struct berth_str value;
};
BERTH_ASSERT_SIZE(struct berth_header, 32);

/* A whole reply: its body is the parts one after the other. */
struct berth_reply {
    uint32_t size;
    uint32_t status;
    /* Absent: application/json; charset=UTF-8. */
    struct berth_str content_type;
    const struct berth_header *headers;
    const struct berth_str *parts;
    uint32_t header_count;
    uint32_t part_count;
    /*
     * NULL: the host copies the parts before reply returns. Else the parts stay as they are until
     * the host calls this, once, whatever becomes of the reply.
     * @thread any
     * @state SERVING DRAINING
     * @owner the parts are the plugin's again
     * @errors none
     */
    void (*release)(void *owner);
    void *owner;
};
BERTH_ASSERT_SIZE(struct berth_reply, 64);
BERTH_ASSERT_OFFSET(struct berth_reply, content_type, 8);
BERTH_ASSERT_OFFSET(struct berth_reply, headers, 24);
BERTH_ASSERT_OFFSET(struct berth_reply, parts, 32);
BERTH_ASSERT_OFFSET(struct berth_reply, header_count, 40);
BERTH_ASSERT_OFFSET(struct berth_reply, part_count, 44);
BERTH_ASSERT_OFFSET(struct berth_reply, release, 48);
BERTH_ASSERT_OFFSET(struct berth_reply, owner, 56);

/*
 * Tells that the client has left, or that a stream can take more.
 * @thread loop
 * @state SERVING DRAINING
 * @owner nothing changes hands
 * @errors none
 */
typedef void (*berth_request_fn)(void *user);

struct berth_routes_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Registers a route. Two plugins cannot have the same method and path.
     * @thread control
     * @state CREATED
     * @owner the host copies the route
     * @errors INVALID EXISTS STATE NO_MEMORY
     */
    int32_t (*add)(const struct berth_host *host, const struct berth_route *route,
                   struct berth_error *error);

    /*
     * Gives the decoded value of a query parameter that the route registered; "" for a parameter
     * without a value.
     * @thread any
     * @state SERVING DRAINING
     * @owner the request owns the text
     * @errors NOT_FOUND
     */
    int32_t (*query)(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value);

    /*
     * Gives the value of the first header of that name; the case of the name does not matter.
     * @thread any
     * @state SERVING DRAINING
     * @owner the request owns the text
     * @errors NOT_FOUND
     */
    int32_t (*header)(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value);

    /*
     * Replies. The request ends here, also when this fails: then the host answers 500 itself.
     * @thread any
     * @state SERVING DRAINING
     * @owner consumes the request; the parts as berth_reply.release says
     * @errors INVALID STATE NO_MEMORY
     */
    int32_t (*reply)(struct berth_request *request, const struct berth_reply *reply);

    /*
     * Replies with the error envelope. status and the type in error win over those of its code.
     * @thread any
     * @state SERVING DRAINING
     * @owner consumes the request; borrows error
     * @errors STATE
     */
    int32_t (*reply_error)(struct berth_request *request, const struct berth_error *error);

    /*
     * Asks to be told, once, when the client leaves before the reply. fn NULL takes it back. A
     * request that is cancelled already has fn called at once.
     * @thread loop
     * @state SERVING DRAINING
     * @owner borrows user until fn was called or the request was replied to
     * @errors STATE
     */
    int32_t (*on_cancel)(struct berth_request *request, berth_request_fn fn, void *user);

    /*
     * Begins a streamed reply: status and headers go out, the body follows in pieces. Of reply
     * only status, content_type and headers are read.
     * @thread loop
     * @state SERVING DRAINING
     * @owner borrows reply until return
     * @errors INVALID STATE CANCELLED NO_MEMORY
     */
    int32_t (*stream_open)(struct berth_request *request, const struct berth_reply *reply);

    /*
     * Sends a piece. out_queued is what the client has not taken yet, in bytes; a plugin that
     * goes on while it is above BERTH_STREAM_HIGH_WATER is refused with LIMIT.
     * @thread loop
     * @state SERVING DRAINING
     * @owner the host copies the bytes
     * @errors STATE CANCELLED LIMIT NO_MEMORY
     */
    int32_t (*stream_write)(struct berth_request *request, struct berth_str bytes,
                            uint64_t *out_queued);

    /*
     * Asks to be told, once, when what is queued has fallen below BERTH_STREAM_LOW_WATER.
     * @thread loop
     * @state SERVING DRAINING
     * @owner borrows user until fn was called or the stream was closed
     * @errors STATE CANCELLED
     */
    int32_t (*stream_on_writable)(struct berth_request *request, berth_request_fn fn, void *user);

    /*
     * Ends a streamed reply and with it the request. complete 0 tells the client, by closing the
     * connection without the last chunk, that the body was cut.
     * @thread loop
     * @state SERVING DRAINING
     * @owner consumes the request
     * @errors STATE
     */
    int32_t (*stream_close)(struct berth_request *request, uint32_t complete);
};
BERTH_ASSERT_SIZE(struct berth_routes_v1, 88);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, add, 8);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, query, 16);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, header, 24);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, reply, 32);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, reply_error, 40);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, on_cancel, 48);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, stream_open, 56);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, stream_write, 64);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, stream_on_writable, 72);
BERTH_ASSERT_OFFSET(struct berth_routes_v1, stream_close, 80);

#define BERTH_STREAM_HIGH_WATER 262144u
#define BERTH_STREAM_LOW_WATER 65536u

BERTH_EXTERN_C_END

#endif
