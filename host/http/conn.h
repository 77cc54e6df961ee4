/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and what a loop keeps for them. Internal to host/http.
 *
 * Everything here belongs to one loop. An idle connection holds no buffers: bytes are read into
 * the loop's one, requests come from the loop's list.
 */
#ifndef HOST_HTTP_CONN_H
#define HOST_HTTP_CONN_H

#include "host/http/reader.h"
#include "host/http/server.h"
#include "host/http/tls.h"

/* What a connection waits for; each kind has one duration, so that its queue is in order. */
enum http_wait {
    HTTP_WAIT_NONE,
    HTTP_WAIT_IDLE,   /* for the first byte of a request */
    HTTP_WAIT_HEAD,   /* for the rest of a head */
    HTTP_WAIT_BODY,   /* for the next bytes of a body */
    HTTP_WAIT_WRITE,  /* for the client to take bytes */
    HTTP_WAIT_LINGER, /* for a client that was refused to read why */
    HTTP_WAIT_KINDS,
};

struct http_wait_queue {
    struct http_conn *first;
    struct http_conn *last;
    uint64_t duration_ms;
};

/* One loop's part of the server. */
struct http_loop {
    struct http_server *server;
    struct loop *loop;
    const struct http_limits *limits;
    struct http_handler handler;
    struct tls_context *tls;
    uv_tcp_t listener;
    uv_timer_t tick;
    bool listening;
    bool draining;
    bool accept_pending; /* a connection that could not be taken for want of memory */
    struct http_conn *conns;
    struct http_request *free_requests;
    uint32_t free_request_count;
    struct http_wait_queue waits[HTTP_WAIT_KINDS];
    struct http_stats stats;
    uint64_t in_flight_max;
    uint64_t connections_max;
    char date[40];
    char *read_buffer;
};

struct http_conn {
    uv_tcp_t tcp;
    uv_shutdown_t shutdown;
    struct http_loop *home;
    struct http_conn *next;
    struct http_conn *previous;
    struct http_conn *wait_next;
    struct http_conn *wait_previous;
    uint64_t deadline_ms;
    enum http_wait wait;
    struct http_reader reader;
    struct http_request *active; /* handed to the handler, not answered */
    struct tls_session *tls;
    char address[INET6_ADDRSTRLEN]; /* the client's; empty: unknown */
    struct base_buf ahead;          /* what came while a request was active */
    bool processing;
    bool paused;
    bool closing;
    bool close_after_write;
    bool discarding;
};

/* A connection of a draining server is gone. Any thread. */
void http_server_note_closed(struct http_server *server);

/* Takes a connection from the loop's listener. */
void http_conn_accept(struct http_loop *home);

/* Begins to close; the handler of an active request is told that the client is gone, later. */
void http_conn_close(struct http_conn *conn);

/* Closes what is idle and marks the rest to be closed after its answer. */
void http_conn_drain_all(struct http_loop *home);
void http_conn_close_all(struct http_loop *home);

/* Closes connections whose wait is over; called about twice a second. */
void http_conn_check_waits(struct http_loop *home);

/* The active request was answered: the connection goes on with what came ahead, or closes. */
void http_conn_answered(struct http_conn *conn, bool keep_alive);

/*
 * Bytes to be sent: head, which is copied where it cannot be sent at once, and parts, which are
 * copied likewise when release is NULL, and else stay as they are until it is called.
 */
struct http_output {
    struct berth_str head;
    const struct berth_str *parts;
    uint32_t count;
    void (*release)(void *owner);
    void *owner;
};

/* Sends; release is called in any case. A failure closes the connection. */
void http_conn_send(struct http_conn *conn, const struct http_output *output);

/* Bytes that were queued and not taken. */
uint64_t http_conn_queued(const struct http_conn *conn);

/* Requests of a loop, kept for reuse. */
struct http_request *http_request_create(struct http_loop *home);
void http_request_destroy(struct http_loop *home, struct http_request *request);

#endif
