/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an HTTP request to the handler of its route, and back to the answer.
 *
 * The router checks what all routes have in common (path, method, query parameters, media type,
 * body or none), calls the handler on the loop or on the worker pool as the route says, and gives
 * every answer its shape. Handlers see struct berth_request, as plugins do: the host's own routes
 * are written against the same interface.
 */
#ifndef HOST_ROUTER_ROUTER_H
#define HOST_ROUTER_ROUTER_H

#include "host/base/log.h"
#include "host/http/server.h"
#include "host/loop/worker.h"
#include "host/router/route_table.h"
#include "host/security/security.h"

struct router;

struct router_options {
    struct loop_group *loops;
    struct worker_pool *workers;
    /* For what other nodes ask; NULL: none does. Workers wait for those of other nodes, so that
     * these must not be the same: nodes could wait for each other. */
    struct worker_pool *peer_workers;
    struct security *security; /* NULL: there are no users, and everything is open */
    const struct secrets
        *peer_secrets; /* with which other nodes show who they are; NULL: none do */
    /* Whether what the store gives may be older than the last write; NULL: it never is. */
    bool (*is_stale)(void *user);
    void *stale_user;
    struct log *audit; /* NULL: there is no audit log */
    bool audit_reads;  /* what changes nothing stands there too */
    bool compression;  /* gzip answers of clients that take it */
};

int32_t router_create(const struct router_options *options, struct router **out_router,
                      struct berth_error *error);
/* When the loops are stopped. */
void router_destroy(struct router *router);

/* Header of an answer to a node that passed a request on: how many are under way here. */
#define ROUTER_LOAD_HEADER "x-berth-load"

/* What the HTTP server calls. */
struct http_handler router_handler(struct router *router);

/*
 * Makes the routes of the sets the ones that are served: all loops have swapped when this returns,
 * so that no request comes to a set that is not among them any more. On failure the old ones stay.
 * Control thread.
 */
int32_t router_publish(struct router *router, struct route_set *const *sets, uint32_t count,
                       struct berth_error *error);

/* Requests that an owner has not replied to. Not from a loop. */
uint64_t router_in_flight(struct router *router, const struct route_owner *owner);

/* ---- requests, for handlers; what berth/routes.h says of each holds here ---- */

int32_t router_query(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value);
int32_t router_header(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value);
int32_t router_reply(struct berth_request *request, const struct berth_reply *reply);
int32_t router_reply_error(struct berth_request *request, const struct berth_error *error);
int32_t router_on_cancel(struct berth_request *request, berth_request_fn fn, void *user);
int32_t router_stream_open(struct berth_request *request, const struct berth_reply *reply);
int32_t router_stream_write(struct berth_request *request, struct berth_str bytes,
                            uint64_t *out_queued);
int32_t router_stream_on_writable(struct berth_request *request, berth_request_fn fn, void *user);
int32_t router_stream_close(struct berth_request *request, uint32_t complete);

/* What its handler was given, and whose route it is. */
const struct berth_request_view *router_view(const struct berth_request *request);
struct route_owner *router_owner(const struct berth_request *request);

/*
 * Lends a request to who has another node answer it: until it is taken back the plugin's calls for
 * it are refused. STATE: not on its loop, another node makes it or has passed it on, or it is not
 * there to be lent.
 */
int32_t router_lend(struct berth_request *request);
void router_take_back(struct berth_request *request);

/* Who makes the request; NULL where there are no users. Belongs to the request. */
const struct security_caller *router_caller(const struct berth_request *request);

/* ---- for the host's own handlers ---- */

/* A boolean query parameter that may be absent. False: the request was replied to with 400. */
bool router_query_bool(struct berth_request *request, const char *name, bool *out_value);

/* Replies with a JSON text. */
void router_reply_json(struct berth_request *request, uint32_t status, const struct base_buf *body);
void router_reply_text(struct berth_request *request, uint32_t status, struct berth_str text);
/* The format that the query parameter of that name asks for; empty: none. */
struct berth_str router_format(const struct berth_request *request);

#endif
