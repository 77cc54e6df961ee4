/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request within the router: what is behind the ABI's opaque struct berth_request. Internal to
 * host/router.
 *
 * It belongs to its loop, but for the time between the submission of a worker route's handler and
 * that handler's reply, when it is the worker's; the reply comes back as a job.
 */
#ifndef HOST_ROUTER_REST_REQUEST_H
#define HOST_ROUTER_REST_REQUEST_H

#include <stdatomic.h>

#include "host/router/router.h"
#include "host/router/shape.h"

/* Where a request is; replying moves it from OPEN to the others once. LENT: see router_lend. */
enum rest_state { REST_FREE, REST_OPEN, REST_LENT, REST_STREAMING, REST_REPLIED };

/* A reply on its way from another thread to the loop. */
struct rest_outcome {
    uint32_t status;
    struct berth_str content_type;
    struct berth_header *headers; /* in the request's arena, as the other texts */
    uint32_t header_count;
    struct base_buf body; /* the whole body, when owner is NULL */
    struct berth_str *parts;
    uint32_t part_count;
    void (*release)(void *owner);
    void *owner;
};

struct berth_request {
    struct berth_request *next; /* in the loop's list of free ones */
    struct router_loop *home;
    struct http_request *http;
    struct route *route; /* NULL for a request that no route took */
    struct berth_request_view view;
    struct target target;
    struct berth_str params[ROUTE_PARAMS_MAX];
    struct shape shape;
    struct berth_str format;
    bool error_trace;
    struct security_caller *caller; /* who makes it; NULL: there are no users, or not known yet */
    bool is_peers;                  /* another node makes it, of its own accord: it may all */
    bool is_forwarded;              /* another node has passed it on: it goes no further */
    struct berth_str refusal;       /* of another node's token: what its header says; else empty */
    atomic_int state;
    berth_request_fn on_cancel;
    void *cancel_user;
    bool cancelled;
    struct worker_job job;
    struct loop_job back;
    struct rest_outcome outcome;
    struct base_arena arena;
};

/* One loop's part of the router. */
struct router_loop {
    struct router *router;
    struct loop *loop;
    struct route_table *table;
    struct berth_request *free_requests;
    uint32_t free_count;
};

struct router {
    struct router_options options;
    struct route_table *table; /* the one that the loops have; control thread */
    uint32_t count;
    struct router_loop loops[];
};

/* Replies that need no handler. On the loop. */
void rest_reply_plain_error(struct berth_request *request, uint32_t status, const char *allow,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* 401: who makes it is not known, and how one says it. */
void rest_reply_unauthorized(struct berth_request *request);

/* Appends the error envelope. */
void rest_put_error(struct base_buf *out, const struct berth_error *error);

/* Requests of the owner of a request's route that are under way. Any thread. */
static inline uint64_t rest_load(const struct berth_request *request) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LOOPS_MAX; i++) {
        sum += atomic_load_explicit(&request->route->owner->in_flight[i], memory_order_relaxed);
    }
    return sum;
}

/* Ends a request whose answer was handed to the HTTP layer. On the loop. */
void rest_request_end(struct berth_request *request);

#endif
