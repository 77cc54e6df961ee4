/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of our own HTTP/1.1 client. Internal to http1*.c; all of it belongs to one loop.
 *
 * An origin is where requests go: its addresses, and connections to it that are kept. A connection
 * serves one call at a time; a call has one connection at a time.
 */
#ifndef ML_REMOTE_HTTP1_INTERNAL_H
#define ML_REMOTE_HTTP1_INTERNAL_H

#include <netdb.h>
#include <openssl/ssl.h>

#include "base/map.h"
#include "plugin/ml_remote/http1_reader.h"
#include "plugin/ml_remote/http_call.h"

/* ---- origins: http1_origin.c ---- */

/* What getaddrinfo gave, with references, since calls go on along it. */
struct ml_http1_addresses {
    uint32_t references;
    struct addrinfo *list;
};

struct ml_http1_lookup;

struct ml_http1_origin {
    struct ml_http1 *http1;
    struct ml_http1_origin *next; /* of all */
    struct ml_http1_origin *previous;
    struct berth_str key; /* what tells it from others; these texts lie behind the struct */
    const char *host;     /* without brackets */
    const char *port;
    SSL_CTX *tls; /* a reference; NULL: plain HTTP */
    bool is_address;
    uint32_t users; /* calls and connections */
    uint32_t connections;
    uint32_t idle;
    struct ml_http1_conn *first_idle; /* used last */
    struct ml_http1_conn *last_idle;
    SSL_SESSION *session; /* for a shorter greeting; NULL: none */
    struct ml_http1_addresses *addresses;
    uint64_t addresses_until_ns;
    struct ml_http1_lookup *lookup; /* under way; NULL: none */
    struct ml_http1_call *waiting;  /* for it */
    uint64_t used_ns;
};

/* A URL's parts, views into it. */
struct ml_http1_url {
    bool is_https;
    struct berth_str authority; /* with the port, as it stands there */
    struct berth_str host;      /* without brackets */
    struct berth_str port;      /* the default one, where none is named */
    struct berth_str target;    /* path and query; it may begin with the query, or be empty */
};

/* False where it is no URL of http or https, or has a user. */
bool ml_http1_url_split(struct berth_str url, struct ml_http1_url *out_url);

/* The origin of a URL, kept or new; tls is NULL with http. NULL without memory. */
struct ml_http1_origin *ml_http1_origin_get(struct ml_http1 *http1, const struct ml_http1_url *url,
                                            SSL_CTX *tls);
void ml_http1_origin_destroy(struct ml_http1_origin *origin);
/* Closes and frees what was not used for long. */
void ml_http1_origins_tidy(struct ml_http1 *http1, uint64_t now_ns);

/*
 * Goes on with ml_http1_call_resolved, at once or later: the call has addresses, or has failed.
 */
void ml_http1_origin_resolve(struct ml_http1_origin *origin, struct ml_http1_call *call);
/* The call does not wait any more. */
void ml_http1_origin_forget(struct ml_http1_origin *origin, struct ml_http1_call *call);
/* None of its addresses could be connected to: the next call asks for them anew. */
void ml_http1_origin_distrust(struct ml_http1_origin *origin);
void ml_http1_addresses_unref(struct ml_http1_addresses *addresses);

/* ---- connections: http1_conn.c ---- */

struct ml_http1_conn {
    struct ml_http1_conn *next; /* of the origin's that are idle */
    struct ml_http1_conn *previous;
    struct ml_http1_origin *origin;
    struct ml_http1_call *call; /* NULL: idle */
    struct berth_fd_watch *watch;
    SSL *tls; /* NULL: plain */
    int32_t fd;
    uint32_t watched; /* BERTH_FD_* */
    enum { ML_HTTP1_CONNECTING, ML_HTTP1_GREETING, ML_HTTP1_OPEN } state;
    bool is_private;
    bool is_idle;  /* among the origin's */
    bool was_used; /* by an earlier call */
    uint64_t idle_since_ns;
};

/* Connects to the call's next address; where there is none, or it fails at once, the call fails. */
void ml_http1_conn_open(struct ml_http1_call *call);
/* A connection of the origin that is idle; NULL: none. It is the call's from now on. */
struct ml_http1_conn *ml_http1_conn_take(struct ml_http1_origin *origin,
                                         struct ml_http1_call *call);
/* Sends what is left of the call's request. */
void ml_http1_conn_send(struct ml_http1_conn *conn);
/* What the call's reader held back may have been passed on: reads on. */
void ml_http1_conn_read_on(struct ml_http1_conn *conn);
void ml_http1_conn_pause(struct ml_http1_conn *conn);
/* Closes and frees it; its call is not told. */
void ml_http1_conn_close(struct ml_http1_conn *conn);

/* ---- TLS: http1_tls.c ---- */

/* The authorities of the system, the service's certificate looked at. NULL without memory. */
SSL_CTX *ml_http1_tls_context(void);
/* A connection's TLS over its socket, with the origin's name and session. NULL without memory. */
SSL *ml_http1_tls_create(struct ml_http1_conn *conn);
/* Why the greeting failed, in words. */
void ml_http1_tls_explain(const SSL *tls, char *out, size_t size);

/* ---- calls: http1.c ---- */

/* Request line and own headers; those of the action, and the empty line; the body. */
#define ML_HTTP1_PARTS 3

struct ml_http1_call {
    struct ml_http_call base;
    struct ml_http1_call *next; /* of those that wait for addresses, or are free */
    struct ml_http1_origin *origin;
    struct ml_http1_conn *conn; /* NULL: none yet */
    struct ml_http1_addresses *addresses;
    const struct addrinfo *address; /* the next to connect to */
    char failure[96];               /* why the last one was not connected to; "": none failed */
    uint64_t connect_until_ns;
    uint64_t connect_timeout_ms;
    bool is_connected;
    bool saw_private;
    bool is_cut;    /* the service takes no more of the request; it may have answered */
    bool is_second; /* sent again, since a kept connection broke before an answer began */
    struct base_buf head;
    struct berth_str parts[ML_HTTP1_PARTS];
    uint64_t sent;
    uint64_t total;
    struct ml_http1_reader reader;
};

struct ml_http1 {
    struct ml_http_client *client;
    struct ml_http1_origin *origins;
    struct base_map by_key;
    SSL_CTX *tls; /* for connectors without certificates of their own; made with the first use */
    uint32_t idle_count;
    struct ml_http1_call *free_calls;
    uint32_t free_count;
    uint64_t tidied_ns;
    struct base_buf joined; /* a request's parts for TLS; wiped after each use */
    char bytes[65536];      /* what was read; not kept */
};

/* The call's addresses are there, or it has failed. */
void ml_http1_call_resolved(struct ml_http1_call *call);
/* The connection is open. */
void ml_http1_call_connected(struct ml_http1_call *call);
/* It has failed, or is complete: it ends. It has no connection any more. */
void ml_http1_call_end(struct ml_http1_call *call);
/*
 * Its connection is gone: the request is sent again where nothing of an answer came on a connection
 * that was kept; else the call fails.
 */
void ml_http1_call_broken(struct ml_http1_call *call, bool was_used, const char *why);

#endif
