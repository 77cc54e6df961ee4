/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events: from bytes, as they come, to the data of each event.
 *
 * Source: the WHATWG HTML standard, section "Server-sent events". Of an event's fields only data
 * counts here.
 */
#ifndef ML_REMOTE_SSE_H
#define ML_REMOTE_SSE_H

#include "base/buf.h"

/* The data of one event. */
#define ML_SSE_EVENT_MAX ((size_t)1 << 20)

/* Returns 0 to go on; another value ends the feeding and is its result. */
typedef int32_t (*ml_sse_fn)(void *user, struct berth_str data);

struct ml_sse {
    struct base_buf line;
    struct base_buf data;
    bool has_data;
    bool after_cr; /* a LF that comes next belongs to the line before */
    bool begun;    /* the byte order mark, if there was one, is behind */
    ml_sse_fn fn;
    void *user;
};

void ml_sse_init(struct ml_sse *sse, ml_sse_fn fn, void *user);
void ml_sse_deinit(struct ml_sse *sse);

/* TOO_LARGE for an event beyond the limit, NO_MEMORY, or what fn returned. */
int32_t ml_sse_feed(struct ml_sse *sse, struct berth_str bytes);

#endif
