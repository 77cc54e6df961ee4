/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking remote services, from a loop, without blocking it.
 *
 * A client belongs to its loop, as do its calls. A call ends with exactly one call of done, unless
 * it is cancelled before.
 */
#ifndef ML_REMOTE_HTTP_CLIENT_H
#define ML_REMOTE_HTTP_CLIENT_H

#include "base/buf.h"
#include "plugin/ml_remote/plugin.h"

struct ml_http_client;
struct ml_http_call;
struct ml_http_headers;
struct ml_locked;
struct ml_transport;

/* What became of a call. */
enum ml_http_outcome {
    ML_HTTP_ANSWERED,   /* status and body are there, whatever the status is */
    ML_HTTP_BAD_URL,    /* not a URL that can be asked */
    ML_HTTP_PRIVATE,    /* the name leads to a private address, which is not allowed */
    ML_HTTP_UNRESOLVED, /* the name does not resolve */
    ML_HTTP_PROXY,      /* the proxy does not lead to the service */
    ML_HTTP_REFUSED,    /* no connection */
    ML_HTTP_TLS,        /* no TLS, or a certificate that is not trusted */
    ML_HTTP_BROKEN,     /* the connection ended before the answer did */
    ML_HTTP_TIMED_OUT,  /* connecting or waiting took longer than allowed */
    ML_HTTP_TOO_LARGE,  /* the answer is larger than allowed */
    ML_HTTP_NO_MEMORY,
};

#define ML_HTTP_DETAIL_MAX 256

struct ml_http_answer {
    enum ml_http_outcome outcome;
    uint32_t status;
    char detail[ML_HTTP_DETAIL_MAX]; /* what went wrong, in words; no secret */
    char content_type[128];
    char location[ML_HTTP_DETAIL_MAX]; /* of a redirect, which is not followed */
    bool is_throttled;                 /* the service says so in the header x-amzn-errortype */
    uint64_t connect_ns;               /* until a new connection was there; 0: none was made */
    uint64_t retry_after_ms;           /* what the header retry-after asks for; 0: nothing */
    struct base_buf body;              /* whoever is given the answer takes or frees it */
};

/*
 * A piece of a successful answer's body, which is then not kept. On the loop. Another value than
 * BERTH_OK breaks the call off, which then ends as ML_HTTP_BROKEN.
 */
typedef int32_t (*ml_http_bytes_fn)(void *user, struct berth_str bytes);

typedef void (*ml_http_done_fn)(void *user, struct ml_http_answer *answer);

struct ml_http_request {
    struct berth_str method; /* GET, POST, PUT, DELETE */
    struct berth_str url;
    const struct ml_http_headers *headers; /* must live until the call ends */
    /* Lines besides, each ended by a zero byte; empty: none. Copied. */
    struct berth_str more_lines;
    struct berth_str body;                /* likewise; empty with GET */
    const struct ml_transport *transport; /* must live until the call ends; NULL: as all others */
    uint64_t connect_timeout_ms;          /* from the beginning until there is a connection */
    uint64_t read_timeout_ms;             /* without a byte of the answer */
    uint64_t max_body;
    bool allow_private;
    bool by_libcurl;           /* even where our own client would do */
    ml_http_bytes_fn on_bytes; /* NULL: the body is kept; called with the user of done */
};

/*
 * Headers as lines "Name: value", and the credentials that are in them, in memory that is not
 * swapped, not dumped, and wiped: a part of locked, or where that is NULL of its own.
 */
int32_t ml_http_headers_create(struct ml_locked *locked, const struct berth_str *lines,
                               uint32_t count, const struct berth_str *secrets,
                               uint32_t secret_count, struct ml_http_headers **out_headers);
uint32_t ml_http_headers_count(const struct ml_http_headers *headers);
struct berth_str ml_http_headers_line(const struct ml_http_headers *headers, uint32_t i);
/* One of the secrets with which they were made, as it lives with them; empty for another text. */
struct berth_str ml_http_headers_secret(const struct ml_http_headers *headers,
                                        struct berth_str secret);
void ml_http_headers_destroy(struct ml_http_headers *headers);

/*
 * Overwrites the credentials in a text, which a service may repeat in what it answers; also the
 * beginning of one at the text's end.
 */
void ml_http_headers_scrub(const struct ml_http_headers *headers, char *text, size_t len);

int32_t ml_http_client_create(struct ml_plugin *plugin, struct ml_http_client **out_client,
                              struct berth_error *error);
/* Calls that have not ended are dropped without done. */
void ml_http_client_destroy(struct ml_http_client *client);

/*
 * done may be called before this returns. NO_MEMORY, and UNAVAILABLE where libcurl is needed and
 * not installed: no call was made.
 */
int32_t ml_http_start(struct ml_http_client *client, const struct ml_http_request *request,
                      ml_http_done_fn done, void *user, struct ml_http_call **out_call);

/* What a client keeps with one service. */
struct ml_http_service {
    const char *scheme;
    const char *host;
    const char *port;
    uint32_t connections;
    uint32_t idle;
};
/* Calls fn with each service to which there are connections of our own client. */
void ml_http_services(const struct ml_http_client *client,
                      void (*fn)(void *user, const struct ml_http_service *service), void *user);

/* No more pieces come until it is resumed; meanwhile no time-out runs. */
void ml_http_pause(struct ml_http_call *call);
/* Pieces may come before this returns. */
void ml_http_resume(struct ml_http_call *call);

/* Ends a call without done. Not from on_bytes. */
void ml_http_cancel(struct ml_http_call *call);

#endif
