/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to requests: llhttp in strict mode, and what it lets through and must not.
 *
 * Touches no socket, so that it can be fuzzed alone. Beyond llhttp it refuses line folding and a
 * lone CR or LF in head and trailers, a header without a name, a missing or repeated Host, any
 * transfer coding but a single "chunked", and every size above its limit.
 */
#ifndef HOST_HTTP_READER_H
#define HOST_HTTP_READER_H

#include <llhttp.h>

#include "host/http/request.h"

enum http_read {
    HTTP_READ_MORE,     /* all bytes were taken, the request is not complete */
    HTTP_READ_HEAD,     /* the head is complete, a body is to come; feed again */
    HTTP_READ_COMPLETE, /* the request is complete; the rest belongs to the next one */
    HTTP_READ_BAD,      /* reader.status and reader.reason say what is wrong */
};

struct http_reader {
    llhttp_t parser;
    const struct http_limits *limits;
    struct http_request *request; /* what is being filled; the caller sets and takes it */
    uint64_t head_bytes;
    uint64_t line_bytes;
    uint64_t body_wire_bytes;
    char last_byte;
    bool started;
    bool method_done;
    bool line_done;
    bool head_done;
    bool in_trailers;
    bool expects_continue;
    bool body_packed; /* Content-Encoding: gzip */
    uint32_t status;
    const char *reason;
};

void http_reader_init(struct http_reader *reader, const struct http_limits *limits);

/* Makes ready for the next request; reader.request must be set before the next feed. */
void http_reader_next(struct http_reader *reader, struct http_request *request);

/* Takes bytes; out_used is how many. */
enum http_read http_reader_feed(struct http_reader *reader, const char *bytes, size_t len,
                                size_t *out_used);

/* Whether bytes of a request have come that is not complete. */
static inline bool http_reader_is_within(const struct http_reader *reader) {
    return reader->started;
}

#endif
