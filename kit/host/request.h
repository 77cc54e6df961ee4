/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that the kit makes to a plugin's routes, and what becomes of them.
 */
#ifndef KIT_HOST_REQUEST_H
#define KIT_HOST_REQUEST_H

#include "kit/host/host.h"

/* What a request brings. All zero is the plain one: {} for a body, short placeholders. */
struct kit_shape {
    struct berth_str param; /* for each placeholder; absent: "kit" */
    struct berth_str query; /* for each query parameter, where with_query says so */
    bool with_query;
    struct berth_str body; /* where with_body says so */
    bool with_body;
    bool cancelled; /* before its handler is called */
};

/* FORWARDED: another node answers it, and it is the host's. */
enum kit_request_state {
    KIT_REQUEST_OPEN,
    KIT_REQUEST_STREAM,
    KIT_REQUEST_FORWARDED,
    KIT_REQUEST_ENDED,
};

struct berth_request {
    struct berth_request *next;
    struct kit_host *host;
    const struct kit_route *route;
    const struct kit_shape *shape;
    struct kit_job job;
    struct kit_job leaving;
    uint32_t loop;
    struct berth_request_view *view; /* in pages of its own */
    size_t view_size;
    struct berth_user *user;

    /* Under the host's lock. */
    enum kit_request_state state;
    bool cancelled;
    bool streamed;
    uint32_t status;
    berth_request_fn on_cancel;
    void *cancel_user;
    berth_request_fn writable;
    void *writable_user;
    uint64_t queued;
    bool over_limit; /* the last write was refused, for there is too much */
    berth_forward_fn forwarded;
    void *forward_user;
    struct kit_job forward_end;
};

/* Sends a request; it is freed with the host. shape is used to the end. */
struct berth_request *kit_request_send(struct kit_host *host, const struct kit_route *route,
                                       const struct kit_shape *shape, uint32_t loop);

/* Sends a plain one whose client leaves as soon as a handler on the loop has returned. */
void kit_request_send_leaving(struct kit_host *host, struct kit_route *route, uint32_t loop);

/* Waits until all are replied to and all work has ended; blames what is not. */
void kit_requests_wait(struct kit_host *host);

/* Whether any reply was streamed. */
bool kit_requests_streamed(struct kit_host *host);

/* ---- for the parts of the capability ---- */

/* What each call on a request begins with. ends: it is one that replies. */
int32_t kit_request_enter(struct berth_request *request, enum kit_fn fn, bool ends);
/* It has its reply. */
void kit_request_end(struct berth_request *request);

/* Blames a reply's head that a client could not be sent. */
void kit_reply_check(const struct berth_request *request, const struct berth_reply *reply);

int32_t kit_stream_open(struct berth_request *request, const struct berth_reply *reply);
int32_t kit_stream_write(struct berth_request *request, struct berth_str bytes,
                         uint64_t *out_queued);
int32_t kit_stream_on_writable(struct berth_request *request, berth_request_fn fn, void *user);
int32_t kit_stream_close(struct berth_request *request, uint32_t complete);
int32_t kit_route_add(const struct berth_host *face, const struct berth_route *route,
                      struct berth_error *error);
int32_t kit_reply(struct berth_request *request, const struct berth_reply *reply);
int32_t kit_reply_error(struct berth_request *request, const struct berth_error *error);

#endif
