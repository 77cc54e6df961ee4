/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the HTTP layer. The defaults and the settings that change them stand in
 * host/cli/node_settings.c; what is a macro here is not meant to be changed.
 */
#ifndef HOST_HTTP_LIMITS_H
#define HOST_HTTP_LIMITS_H

#include <stdint.h>

struct http_limits {
    uint64_t max_initial_line_length; /* bytes of the request line; beyond: 414 */
    uint64_t max_header_size;         /* bytes of all header lines; beyond: 431 */
    uint64_t max_headers;             /* count of header lines; beyond: 431 */
    uint64_t max_content_length;      /* bytes of a body, as sent and unpacked; beyond: 413 */
    uint64_t max_connections;         /* of all loops together; beyond: 503 */
    uint64_t max_in_flight;           /* requests of all loops together; beyond: 503 */
    uint64_t header_timeout_ms;       /* from the first byte to the last of the head; 408 */
    uint64_t body_timeout_ms;         /* without a byte of a body that is not complete; 408 */
    uint64_t keep_alive_timeout_ms;   /* without a request; the connection is closed */
    uint64_t write_timeout_ms;        /* without the client taking a byte; it is closed */
};

/* What a request object has room for. */
#define HTTP_HEADERS_MAX 128u
/* What a client may send ahead while its request is being answered; then reading pauses. */
#define HTTP_AHEAD_MAX 65536u
/* Framing of a chunked body (sizes, extensions, trailers) beside the body itself. */
#define HTTP_CHUNK_OVERHEAD_MAX 65536u

#endif
