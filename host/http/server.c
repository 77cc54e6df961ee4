/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/server.h"

#include "base/clock.h"
#include "host/http/conn.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define READ_BUFFER 65536
#define TICK_MS 500
/* How long a refused client has for reading the answer. */
#define LINGER_MS 2000
/* While draining, how long at most until the connections are counted again. */
#define DRAIN_LOOK_NS (50u * BASE_NS_PER_MS)

struct http_server {
    struct http_server_options options;
    uint16_t port;
    uint32_t count;
    uv_mutex_t lock; /* with closed: a connection was closed while draining */
    uv_cond_t closed;
    struct http_loop loops[];
};

static void refresh_date(struct http_loop *home) {
    time_t now = time(NULL);
    struct tm utc;
    (void)gmtime_r(&now, &utc);
    (void)strftime(home->date, sizeof home->date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

static void on_tick(uv_timer_t *timer) {
    struct http_loop *home = timer->data;
    refresh_date(home);
    if (home->accept_pending) {
        http_conn_accept(home);
    }
    http_conn_check_waits(home);
}

static void on_connection(uv_stream_t *listener, int status) {
    if (status == 0) {
        http_conn_accept(listener->data);
    }
}

static uint64_t share(uint64_t total, uint32_t count) {
    return (total + count - 1) / count;
}

int32_t http_server_create(const struct http_server_options *options,
                           struct http_server **out_server, struct berth_error *error) {
    uint32_t count = loop_group_count(options->loops);
    struct http_server *server = calloc(1, sizeof *server + count * sizeof server->loops[0]);
    if (!server) {
        return base_error_memory(error);
    }
    if (uv_mutex_init(&server->lock) != 0 || uv_cond_init(&server->closed) != 0) {
        free(server);
        return base_error_memory(error);
    }
    server->options = *options;
    server->count = count;
    const struct http_limits *limits = &server->options.limits;
    for (uint32_t i = 0; i < count; i++) {
        struct http_loop *home = &server->loops[i];
        home->server = server;
        home->loop = loop_group_at(options->loops, i);
        home->limits = limits;
        home->handler = options->handler;
        home->tls = options->tls;
        home->in_flight_max = share(limits->max_in_flight, count);
        home->connections_max = share(limits->max_connections, count);
        home->waits[HTTP_WAIT_IDLE].duration_ms = limits->keep_alive_timeout_ms;
        home->waits[HTTP_WAIT_HEAD].duration_ms = limits->header_timeout_ms;
        home->waits[HTTP_WAIT_BODY].duration_ms = limits->body_timeout_ms;
        home->waits[HTTP_WAIT_WRITE].duration_ms = limits->write_timeout_ms;
        home->waits[HTTP_WAIT_LINGER].duration_ms = LINGER_MS;
        home->read_buffer = malloc(READ_BUFFER);
        if (!home->read_buffer) {
            http_server_destroy(server);
            return base_error_memory(error);
        }
    }
    *out_server = server;
    return BERTH_OK;
}

/* A bound socket that shares its address with those of the other loops. */
static int32_t bind_socket(const char *address, uint16_t port, int *out_fd,
                           struct berth_error *error) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    int code = getaddrinfo(address, service, &hints, &found);
    if (code != 0) {
        return base_error(error, BERTH_E_INVALID, "http.host [%s] is no address: %s", address,
                          gai_strerror(code));
    }
    int one = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0 &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0;
    int reason = errno;
    freeaddrinfo(found);
    if (!ok) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return base_error(error, BERTH_E_UNAVAILABLE, "cannot listen on %s:%u: %s", address, port,
                          strerror(reason));
    }
    *out_fd = fd;
    return BERTH_OK;
}

/* SO_REUSEPORT would share a port with any process of the same user: make sure that it is free. */
static int32_t check_port_is_free(const char *address, uint16_t port, struct berth_error *error) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    if (port == 0 || getaddrinfo(address, service, &hints, &found) != 0) {
        return BERTH_OK; /* a bad address is told by bind_socket */
    }
    int one = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                 bind(fd, found->ai_addr, found->ai_addrlen) != 0 && errno == EADDRINUSE;
    if (fd >= 0) {
        (void)close(fd);
    }
    freeaddrinfo(found);
    return taken ? base_error(error, BERTH_E_UNAVAILABLE,
                              "cannot listen on %s:%u: the port is in use", address, port)
                 : BERTH_OK;
}

static int32_t port_of(int fd, uint16_t *out_port) {
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return BERTH_E_IO;
    }
    char service[8];
    if (getnameinfo((struct sockaddr *)&address, len, NULL, 0, service, sizeof service,
                    NI_NUMERICSERV) != 0) {
        return BERTH_E_IO;
    }
    *out_port = (uint16_t)strtoul(service, NULL, 10);
    return BERTH_OK;
}

struct listen_call {
    struct http_server *server;
    int fds[LOOPS_MAX];
    int codes[LOOPS_MAX];
};

static void listen_on_loop(struct loop *loop, void *arg) {
    struct listen_call *call = arg;
    uint32_t i = loop_index(loop);
    struct http_loop *home = &call->server->loops[i];
    int code = uv_tcp_init(loop_uv(loop), &home->listener);
    if (code == 0) {
        home->listening = true;
        home->listener.data = home;
        code = uv_tcp_open(&home->listener, call->fds[i]);
    }
    if (code == 0) {
        code = uv_listen((uv_stream_t *)&home->listener, BACKLOG, on_connection);
    }
    (void)uv_timer_init(loop_uv(loop), &home->tick);
    home->tick.data = home;
    refresh_date(home);
    (void)uv_timer_start(&home->tick, on_tick, TICK_MS, TICK_MS);
    call->codes[i] = code;
}

int32_t http_server_listen(struct http_server *server, const char *address, uint16_t port,
                           struct berth_error *error) {
    struct listen_call call = {.server = server};
    int32_t code = check_port_is_free(address, port, error);
    uint32_t bound = 0;
    for (; bound < server->count && !code; bound++) {
        code = bind_socket(address, port, &call.fds[bound], error);
        if (!code && port == 0) {
            code = port_of(call.fds[bound], &port);
        }
    }
    if (code) {
        for (uint32_t i = 0; i + 1 < bound; i++) {
            (void)close(call.fds[i]);
        }
        return code;
    }
    server->port = port;
    loop_run_on_all(server->options.loops, listen_on_loop, &call);
    for (uint32_t i = 0; i < server->count; i++) {
        if (call.codes[i] != 0) {
            return base_error(error, BERTH_E_UNAVAILABLE, "cannot listen on %s:%u: %s", address,
                              port, uv_strerror(call.codes[i]));
        }
    }
    return BERTH_OK;
}

uint16_t http_server_port(const struct http_server *server) {
    return server->port;
}

static void drain_loop(struct loop *loop, void *arg) {
    struct http_server *server = arg;
    struct http_loop *home = &server->loops[loop_index(loop)];
    home->draining = true;
    if (home->listening) {
        home->listening = false;
        uv_close((uv_handle_t *)&home->listener, NULL);
    }
    http_conn_drain_all(home);
}

struct left_call {
    struct http_server *server;
    uint64_t left;
    uv_mutex_t lock;
};

static void count_left(struct loop *loop, void *arg) {
    struct left_call *call = arg;
    uv_mutex_lock(&call->lock);
    call->left += call->server->loops[loop_index(loop)].stats.connections_open;
    uv_mutex_unlock(&call->lock);
}

static uint64_t connections_left(struct http_server *server) {
    struct left_call call = {.server = server};
    if (uv_mutex_init(&call.lock) != 0) {
        return 0;
    }
    loop_run_on_all(server->options.loops, count_left, &call);
    uv_mutex_destroy(&call.lock);
    return call.left;
}

static void close_loop(struct loop *loop, void *arg) {
    struct http_server *server = arg;
    http_conn_close_all(&server->loops[loop_index(loop)]);
}

static void close_tick(struct loop *loop, void *arg) {
    struct http_server *server = arg;
    struct http_loop *home = &server->loops[loop_index(loop)];
    if (home->tick.data && !uv_is_closing((uv_handle_t *)&home->tick)) {
        uv_close((uv_handle_t *)&home->tick, NULL);
    }
}

void http_server_note_closed(struct http_server *server) {
    uv_mutex_lock(&server->lock);
    uv_cond_signal(&server->closed);
    uv_mutex_unlock(&server->lock);
}

/* Waits until no connection is left or the time is over; returns how many are left. */
static uint64_t wait_closed(struct http_server *server, uint64_t deadline_ms) {
    uint64_t now = base_monotonic_ns();
    uint64_t end = now + deadline_ms * BASE_NS_PER_MS;
    uint64_t left = 0;
    uv_mutex_lock(&server->lock);
    for (;;) {
        uv_mutex_unlock(&server->lock);
        left = connections_left(server);
        now = base_monotonic_ns();
        uv_mutex_lock(&server->lock);
        if (left == 0 || now >= end) {
            break;
        }
        /* A close between the count and this wait shows at the latest with the next tick. */
        uint64_t slice = end - now < DRAIN_LOOK_NS ? end - now : DRAIN_LOOK_NS;
        (void)uv_cond_timedwait(&server->closed, &server->lock, slice);
    }
    uv_mutex_unlock(&server->lock);
    return left;
}

uint64_t http_server_drain(struct http_server *server, uint64_t deadline_ms) {
    loop_run_on_all(server->options.loops, drain_loop, server);
    uint64_t cut = wait_closed(server, deadline_ms);
    if (cut) {
        loop_run_on_all(server->options.loops, close_loop, server);
        (void)wait_closed(server, UINT32_MAX);
    }
    loop_run_on_all(server->options.loops, close_tick, server);
    return cut;
}

void http_server_destroy(struct http_server *server) {
    if (!server) {
        return;
    }
    for (uint32_t i = 0; i < server->count; i++) {
        struct http_loop *home = &server->loops[i];
        while (home->free_requests) {
            struct http_request *request = home->free_requests;
            home->free_requests = request->next;
            base_buf_deinit(&request->head);
            base_buf_deinit(&request->body);
            free(request);
        }
        free(home->read_buffer);
    }
    uv_cond_destroy(&server->closed);
    uv_mutex_destroy(&server->lock);
    free(server);
}

struct stats_call {
    struct http_server *server;
    struct http_stats *sum;
    uv_mutex_t lock;
};

static void add_stats(struct loop *loop, void *arg) {
    struct stats_call *call = arg;
    const struct http_stats *one = &call->server->loops[loop_index(loop)].stats;
    uv_mutex_lock(&call->lock);
    call->sum->connections_opened += one->connections_opened;
    call->sum->connections_refused += one->connections_refused;
    call->sum->requests += one->requests;
    call->sum->bad_requests += one->bad_requests;
    for (size_t i = 0; i < BASE_COUNT(one->replies_by_class); i++) {
        call->sum->replies_by_class[i] += one->replies_by_class[i];
    }
    call->sum->clients_gone += one->clients_gone;
    call->sum->bytes_in += one->bytes_in;
    call->sum->bytes_out += one->bytes_out;
    call->sum->connections_open += one->connections_open;
    call->sum->in_flight += one->in_flight;
    uv_mutex_unlock(&call->lock);
}

void http_server_stats(struct http_server *server, struct http_stats *out_stats) {
    *out_stats = (struct http_stats){0};
    struct stats_call call = {.server = server, .sum = out_stats};
    if (uv_mutex_init(&call.lock) == 0) {
        loop_run_on_all(server->options.loops, add_stats, &call);
        uv_mutex_destroy(&call.lock);
    }
}
