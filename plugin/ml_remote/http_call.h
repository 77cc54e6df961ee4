/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls of both engines have in common. Internal to http*.c.
 *
 * An engine asks remote services in its way: http1.c by itself, which serves what is common, and
 * http_curl.c by libcurl, which serves all.
 */
#ifndef ML_REMOTE_HTTP_CALL_H
#define ML_REMOTE_HTTP_CALL_H

#include "plugin/ml_remote/http_client.h"

/* One of an engine's calls; each belongs to the engine that made it. */
struct ml_http_engine {
    void (*pause)(struct ml_http_call *call);
    void (*resume)(struct ml_http_call *call);
    /* Ends it without done. */
    void (*cancel)(struct ml_http_call *call);
    /* Ends it where it has taken too long, and tells whether it did. */
    bool (*expire)(struct ml_http_call *call, uint64_t now_ns);
};

struct ml_http_call {
    const struct ml_http_engine *engine;
    struct ml_http_call *next;
    struct ml_http_call *previous;
    struct ml_http_client *client;
    ml_http_done_fn done;
    ml_http_bytes_fn on_bytes;
    void *user;
    uint64_t read_timeout_ms;
    uint64_t last_byte_ns; /* or when the request was begun */
    bool is_paused;
    bool allow_private;
    struct ml_http_answer answer;
};

struct ml_http_curl;
struct ml_http1;

struct ml_http_client {
    struct ml_plugin *plugin;
    struct berth_timer *tick; /* for time-outs; runs while there is something that can time out */
    struct ml_http_call *calls;
    uint32_t call_count;
    struct ml_http_curl *curl; /* NULL until it is first needed */
    struct ml_http1 *http1;
};

/* Fills a call, which joins those of the client. */
void ml_http_call_begin(struct ml_http_call *call, struct ml_http_client *client,
                        const struct ml_http_engine *engine, const struct ml_http_request *request,
                        ml_http_done_fn done, void *user);
/* It leaves them. */
void ml_http_call_leave(struct ml_http_call *call);
/* Sets what became of it, unless its answer says so. */
__attribute__((format(printf, 3, 4))) void
ml_http_call_fail(struct ml_http_call *call, enum ml_http_outcome outcome, const char *format, ...);
/* Tells the caller, and frees what the caller left of the answer. The call has left. */
void ml_http_call_tell(struct ml_http_call *call);
/* Whether a byte is due, and none came for too long; then the call has failed. */
bool ml_http_call_is_late(struct ml_http_call *call, uint64_t now_ns);

/* http_curl.c. NULL is allowed. */
void ml_http_curl_destroy(struct ml_http_curl *curl);
/* UNAVAILABLE: libcurl is not there. */
int32_t ml_http_curl_start(struct ml_http_client *client, const struct ml_http_request *request,
                           ml_http_done_fn done, void *user, struct ml_http_call **out_call);

/* http1.c */
int32_t ml_http1_create(struct ml_http_client *client, struct ml_http1 **out_http1);
void ml_http1_destroy(struct ml_http1 *http1);
int32_t ml_http1_start(struct ml_http_client *client, const struct ml_http_request *request,
                       ml_http_done_fn done, void *user, struct ml_http_call **out_call);
void ml_http1_services(const struct ml_http1 *http1,
                       void (*fn)(void *user, const struct ml_http_service *service), void *user);
/* Closes connections that were kept for long; false where none is kept. */
bool ml_http1_tidy(struct ml_http1 *http1, uint64_t now_ns);

#endif
