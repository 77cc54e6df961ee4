/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: listening sockets, one a loop, and the connections that they bring.
 */
#ifndef HOST_HTTP_SERVER_H
#define HOST_HTTP_SERVER_H

#include "base/error.h"
#include "host/http/request.h"
#include "host/loop/loop.h"

struct http_server;
struct tls_context;

/* Who answers requests. Called on the request's loop. */
struct http_handler {
    void (*request)(void *user, struct http_request *request);
    void *user;
};

struct http_server_options {
    struct loop_group *loops;
    struct http_limits limits;
    struct http_handler handler;
    struct tls_context *tls; /* NULL: plain; borrowed */
};

/* Counters of one loop or of all; they only grow, but for the last three. */
struct http_stats {
    uint64_t connections_opened;
    uint64_t connections_refused;
    uint64_t requests;
    uint64_t bad_requests;
    uint64_t replies_by_class[6]; /* [2]: 2xx … */
    uint64_t clients_gone;        /* left before their answer */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t connections_open;
    uint64_t in_flight;
};

int32_t http_server_create(const struct http_server_options *options,
                           struct http_server **out_server, struct berth_error *error);

/*
 * Listens on every loop. port 0: any free one. Control thread, with the loops running.
 */
int32_t http_server_listen(struct http_server *server, const char *address, uint16_t port,
                           struct berth_error *error);

/* The port that is listened on. */
uint16_t http_server_port(const struct http_server *server);

/*
 * Stops listening, lets requests in flight be answered, closes each connection after its answer,
 * and after deadline_ms those that are left. Returns when none is left: how many were cut.
 */
uint64_t http_server_drain(struct http_server *server, uint64_t deadline_ms);

/* After drain, before the loops are stopped. */
void http_server_destroy(struct http_server *server);

/* Sums over all loops. Not from a loop. */
void http_server_stats(struct http_server *server, struct http_stats *out_stats);

#endif
