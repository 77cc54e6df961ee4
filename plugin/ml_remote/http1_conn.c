/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections. The socket is watched for reading all the time, so that a kept connection that the
 * service closes is noticed at once, and that a request costs two system calls: one that sends all
 * of it, one that reads the answer.
 */
#include "plugin/ml_remote/http1_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/ml_remote/address.h"

/* Idle connections that a loop keeps, to all services together. */
#define IDLE_MAX 1024u
/* Reads in a row for one connection, before others have their turn. */
#define READS_MAX 8
/* The first read of an answer: most are no longer, and the head tells where to read the rest to. */
#define FIRST_READ ((size_t)16384)
/* What goes into one TLS record. */
#define RECORD_MAX ((size_t)16384)

/* ---- idle ones ---- */

static void leave_idle(struct ml_http1_conn *conn) {
    struct ml_http1_origin *origin = conn->origin;
    *(conn->previous ? &conn->previous->next : &origin->first_idle) = conn->next;
    *(conn->next ? &conn->next->previous : &origin->last_idle) = conn->previous;
    conn->next = NULL;
    conn->previous = NULL;
    conn->is_idle = false;
    origin->http1->idle_count--;
    origin->idle--;
}

static void keep(struct ml_http1_conn *conn) {
    struct ml_http1_origin *origin = conn->origin;
    if (origin->http1->idle_count >= IDLE_MAX) {
        ml_http1_conn_close(conn);
        return;
    }
    conn->is_idle = true;
    conn->was_used = true;
    conn->idle_since_ns = base_monotonic_ns();
    conn->next = origin->first_idle;
    *(conn->next ? &conn->next->previous : &origin->last_idle) = conn;
    origin->first_idle = conn;
    origin->http1->idle_count++;
    origin->idle++;
}

struct ml_http1_conn *ml_http1_conn_take(struct ml_http1_origin *origin,
                                         struct ml_http1_call *call) {
    struct ml_http1_conn *conn = origin->first_idle;
    if (conn) {
        leave_idle(conn);
        conn->call = call;
        call->conn = conn;
    }
    return conn;
}

void ml_http1_conn_close(struct ml_http1_conn *conn) {
    struct ml_http1_origin *origin = conn->origin;
    if (conn->call) {
        conn->call->conn = NULL;
    }
    if (conn->is_idle) {
        leave_idle(conn);
    }
    origin->http1->client->plugin->loop->fd_unwatch(conn->watch);
    if (conn->tls) {
        (void)SSL_shutdown(conn->tls); /* says that we go; whether it is heard does not matter */
        ERR_clear_error();
        SSL_free(conn->tls);
    }
    (void)close(conn->fd);
    origin->users--;
    origin->connections--;
    free(conn);
}

/* ---- watching ---- */

static bool watch(struct ml_http1_conn *conn, uint32_t events) {
    const struct berth_loop_v1 *loop = conn->origin->http1->client->plugin->loop;
    if (conn->watched != events && loop->fd_modify(conn->watch, events) == BERTH_OK) {
        conn->watched = events;
    }
    return conn->watched == events;
}

/* ---- the end of a call's use of it ---- */

/* The connection is gone, and its call fails or is begun again. */
static void broken(struct ml_http1_conn *conn, const char *why) {
    struct ml_http1_call *call = conn->call;
    bool was_used = conn->was_used;
    ml_http1_conn_close(conn);
    ml_http1_call_broken(call, was_used, why);
}

static void fail(struct ml_http1_conn *conn, enum ml_http_outcome outcome, const char *why) {
    struct ml_http1_call *call = conn->call;
    ml_http1_conn_close(conn);
    ml_http_call_fail(&call->base, outcome, "%s", why);
    ml_http1_call_end(call);
}

/* The call is complete or has failed: the connection is kept where another can use it. */
static void finish(struct ml_http1_conn *conn, bool is_complete) {
    struct ml_http1_call *call = conn->call;
    bool may_keep = is_complete && call->reader.keeps_alive && call->sent == call->total &&
                    (!conn->tls || SSL_pending(conn->tls) == 0) && watch(conn, BERTH_FD_READ);
    if (may_keep) {
        call->conn = NULL;
        conn->call = NULL;
        keep(conn);
    } else {
        ml_http1_conn_close(conn);
    }
    ml_http1_call_end(call);
}

/* ---- reading ---- */

enum { READ_ENDED = 0, READ_LATER = -1, READ_FAILED = -2 };

/* Some bytes, or one of the above. */
static ssize_t read_some(struct ml_http1_conn *conn, char *out, size_t size) {
    if (!conn->tls) {
        ssize_t got = recv(conn->fd, out, size, 0);
        return got >= 0                                                    ? got
               : errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? READ_LATER
                                                                           : READ_FAILED;
    }
    ERR_clear_error();
    int got = SSL_read(conn->tls, out, (int)size);
    if (got > 0) {
        return got;
    }
    int code = SSL_get_error(conn->tls, got);
    ERR_clear_error();
    return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE ? READ_LATER
           : code == SSL_ERROR_ZERO_RETURN                             ? READ_ENDED
                                                                       : READ_FAILED;
}

/* True while there may be more to read. */
static bool take(struct ml_http1_conn *conn, ssize_t got, const char *bytes) {
    struct ml_http1_call *call = conn->call;
    enum ml_http1_read read = ML_HTTP1_MORE;
    if (got == READ_LATER) {
        return false;
    }
    call->base.last_byte_ns = base_monotonic_ns();
    if (got > 0) {
        read = ml_http1_reader_feed(&call->reader, bytes, (size_t)got);
    } else if (!call->reader.has_begun) {
        broken(conn, got == READ_ENDED ? "the service closed the connection without an answer"
                     : conn->tls       ? "the TLS connection broke before the answer"
                                       : strerror(errno));
        return false;
    } else {
        /* TLS tells an end that was meant from one that was made; lengths tell it as well. */
        read = ml_http1_reader_end(&call->reader);
        if (read == ML_HTTP1_MORE) {
            (void)watch(conn, 0); /* what is held will be passed on */
            return false;
        }
    }
    if (read != ML_HTTP1_MORE) {
        finish(conn, read == ML_HTTP1_COMPLETE);
        return false;
    }
    return !call->base.is_paused;
}

static void read_answer(struct ml_http1_conn *conn) {
    struct ml_http1 *http1 = conn->origin->http1;
    for (int i = 0; i < READS_MAX || (conn->tls && SSL_pending(conn->tls) > 0); i++) {
        size_t size = conn->call->reader.has_begun ? sizeof http1->bytes : FIRST_READ;
        char *place = ml_http1_reader_place(&conn->call->reader, &size);
        char *bytes = place ? place : http1->bytes;
        ssize_t got = read_some(conn, bytes, size);
        bool is_full = got == (ssize_t)size || conn->tls;
        if (!take(conn, got, bytes) || !is_full) {
            return;
        }
    }
}

void ml_http1_conn_pause(struct ml_http1_conn *conn) {
    (void)watch(conn, conn->watched & ~BERTH_FD_READ);
}

void ml_http1_conn_read_on(struct ml_http1_conn *conn) {
    struct ml_http1_call *call = conn->call;
    enum ml_http1_read read = ml_http1_reader_resume(&call->reader);
    if (read != ML_HTTP1_MORE) {
        finish(conn, read == ML_HTTP1_COMPLETE);
    } else if (!call->base.is_paused && !call->reader.is_read) {
        if (!watch(conn, conn->watched | BERTH_FD_READ)) {
            fail(conn, ML_HTTP_NO_MEMORY, "the socket cannot be watched");
        } else if (conn->tls) {
            read_answer(conn); /* there may be more in the record that was read last */
        }
    }
}

/* ---- sending ---- */

/* What is left of the parts; the count of them. */
static int rest_of(const struct ml_http1_call *call, struct iovec out[ML_HTTP1_PARTS]) {
    uint64_t skip = call->sent;
    int count = 0;
    for (int i = 0; i < ML_HTTP1_PARTS; i++) {
        struct berth_str part = call->parts[i];
        uint64_t gone = skip < part.len ? skip : part.len;
        skip -= gone;
        if (part.len > gone) {
            out[count++] =
                (struct iovec){(void *)(uintptr_t)(part.ptr + gone), BASE_LEN(part) - (size_t)gone};
        }
    }
    return count;
}

enum { SEND_LATER = -1, SEND_FAILED = -2, SEND_NO_MEMORY = -3 };

static ssize_t send_tls(struct ml_http1_conn *conn, const struct iovec *rest, int count) {
    struct base_buf *joined = &conn->origin->http1->joined;
    for (int i = 0; i < count && joined->len < RECORD_MAX; i++) {
        size_t room = RECORD_MAX - joined->len;
        base_buf_append(joined, rest[i].iov_base, rest[i].iov_len < room ? rest[i].iov_len : room);
    }
    if (joined->error) {
        return SEND_NO_MEMORY;
    }
    ERR_clear_error();
    int sent = SSL_write(conn->tls, joined->ptr, (int)joined->len);
    int code = sent > 0 ? SSL_ERROR_NONE : SSL_get_error(conn->tls, sent);
    ERR_clear_error();
    base_buf_clear(joined);
    return sent > 0                                                      ? sent
           : code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE ? SEND_LATER
                                                                         : SEND_FAILED;
}

static ssize_t send_some(struct ml_http1_conn *conn) {
    struct iovec rest[ML_HTTP1_PARTS];
    int count = rest_of(conn->call, rest);
    if (conn->tls) {
        return send_tls(conn, rest, count);
    }
    struct msghdr message = {.msg_iov = rest, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    return sent >= 0                                                   ? sent
           : errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? SEND_LATER
                                                                       : SEND_FAILED;
}

void ml_http1_conn_send(struct ml_http1_conn *conn) {
    struct ml_http1_call *call = conn->call;
    uint32_t reading = call->base.is_paused ? 0 : BERTH_FD_READ;
    while (call->sent < call->total) {
        ssize_t sent = send_some(conn);
        if (sent == SEND_NO_MEMORY) {
            fail(conn, ML_HTTP_NO_MEMORY, "out of memory");
            return;
        }
        if (sent == SEND_FAILED) {
            /* The service may have answered before it closed: reading tells. */
            call->is_cut = true;
            (void)watch(conn, reading);
            read_answer(conn);
            return;
        }
        if (sent == SEND_LATER) {
            if (!watch(conn, reading | BERTH_FD_WRITE)) {
                fail(conn, ML_HTTP_NO_MEMORY, "the socket cannot be watched");
            }
            return;
        }
        call->sent += (uint64_t)sent;
        call->base.last_byte_ns = base_monotonic_ns();
    }
    if (!watch(conn, reading)) {
        fail(conn, ML_HTTP_NO_MEMORY, "the socket cannot be watched");
    }
}

/* ---- opening ---- */

static void greet(struct ml_http1_conn *conn) {
    ERR_clear_error();
    int code = SSL_do_handshake(conn->tls);
    if (code == 1) {
        conn->state = ML_HTTP1_OPEN;
        ml_http1_call_connected(conn->call);
        return;
    }
    code = SSL_get_error(conn->tls, code);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
        if (!watch(conn, code == SSL_ERROR_WANT_READ ? BERTH_FD_READ : BERTH_FD_WRITE)) {
            fail(conn, ML_HTTP_NO_MEMORY, "the socket cannot be watched");
        }
        return;
    }
    char why[160];
    ml_http1_tls_explain(conn->tls, why, sizeof why);
    fail(conn, ML_HTTP_TLS, why);
}

/* The socket is connected, or is not. */
static void on_connected(struct ml_http1_conn *conn) {
    struct ml_http1_call *call = conn->call;
    int code = 0;
    socklen_t len = sizeof code;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0 || code) {
        (void)snprintf(call->failure, sizeof call->failure, "%s", strerror(code ? code : errno));
        ml_http1_conn_close(conn);
        ml_http1_conn_open(call);
        return;
    }
    if (conn->origin->tls) {
        conn->state = ML_HTTP1_GREETING;
        conn->tls = ml_http1_tls_create(conn);
        if (!conn->tls) {
            fail(conn, ML_HTTP_TLS, "TLS could not be set up for this host");
            return;
        }
        greet(conn);
        return;
    }
    conn->state = ML_HTTP1_OPEN;
    ml_http1_call_connected(call);
}

/* Nothing should come now: the service closes, or speaks out of turn. TLS has its own messages. */
static void on_idle_event(struct ml_http1_conn *conn) {
    char byte;
    if (!conn->tls || read_some(conn, &byte, 1) != READ_LATER) {
        ml_http1_conn_close(conn);
    }
}

static void on_fd(void *user, int32_t fd, uint32_t events) {
    struct ml_http1_conn *conn = user;
    (void)fd;
    if (events & BERTH_FD_ERROR) {
        /* The watch may have ended with it; there may be more to read than one read takes. */
        (void)conn->origin->http1->client->plugin->loop->fd_modify(conn->watch, conn->watched);
    }
    if (conn->state == ML_HTTP1_CONNECTING) {
        on_connected(conn);
    } else if (conn->state == ML_HTTP1_GREETING) {
        greet(conn);
    } else if (!conn->call) {
        on_idle_event(conn);
    } else if (events & BERTH_FD_WRITE && !conn->call->is_cut) {
        ml_http1_conn_send(conn); /* what came meanwhile is read in the loop's next turn */
    } else {
        read_answer(conn);
    }
}

static void no_address_left(struct ml_http1_call *call) {
    if (call->failure[0]) {
        ml_http1_origin_distrust(call->origin);
        ml_http_call_fail(&call->base, ML_HTTP_REFUSED, "%s", call->failure);
    } else {
        ml_http_call_fail(&call->base, call->saw_private ? ML_HTTP_PRIVATE : ML_HTTP_REFUSED, "%s",
                          call->saw_private ? "a private address" : "no address of a known kind");
    }
    ml_http1_call_end(call);
}

static int connect_to(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    int on = 1;
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0 &&
        errno != EINPROGRESS) {
        int code = errno;
        (void)close(fd);
        errno = code;
        return -1;
    }
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

static struct ml_http1_conn *create(struct ml_http1_call *call, int fd) {
    const struct ml_plugin *plugin = call->base.client->plugin;
    struct ml_http1_conn *conn = calloc(1, sizeof *conn);
    if (!conn ||
        plugin->loop->fd_watch(plugin->host, fd, BERTH_FD_WRITE, on_fd, conn, &conn->watch)) {
        (void)close(fd);
        free(conn);
        return NULL;
    }
    conn->origin = call->origin;
    conn->origin->users++;
    conn->origin->connections++;
    conn->call = call;
    conn->fd = fd;
    conn->watched = BERTH_FD_WRITE;
    conn->state = ML_HTTP1_CONNECTING;
    call->conn = conn;
    return conn;
}

void ml_http1_conn_open(struct ml_http1_call *call) {
    for (; call->address; call->address = call->address->ai_next) {
        const struct addrinfo *address = call->address;
        bool is_private = ml_address_is_private(address->ai_addr);
        if (is_private && !call->base.allow_private) {
            call->saw_private = true;
            continue;
        }
        int fd = connect_to(address);
        if (fd < 0) {
            (void)snprintf(call->failure, sizeof call->failure, "%s", strerror(errno));
            continue;
        }
        struct ml_http1_conn *conn = create(call, fd);
        if (!conn) {
            ml_http_call_fail(&call->base, ML_HTTP_NO_MEMORY, "out of memory");
            ml_http1_call_end(call);
            return;
        }
        conn->is_private = is_private;
        call->address = address->ai_next;
        return;
    }
    no_address_left(call);
}
