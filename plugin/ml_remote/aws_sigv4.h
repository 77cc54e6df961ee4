/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4: the headers that prove who asks.
 *
 * Our own and not libcurl's: the libcurl of Debian 12 signs paths with escapes and queries in
 * another form than the services compute (docs/decisions).
 */
#ifndef ML_REMOTE_AWS_SIGV4_H
#define ML_REMOTE_AWS_SIGV4_H

#include <time.h>

#include "base/buf.h"
#include "base/error.h"

struct ml_aws_key {
    struct berth_str access_key;
    struct berth_str secret_key;
    struct berth_str session_token; /* empty: a lasting key */
    struct berth_str region;
    struct berth_str service;
};

/* A header that is sent besides, and signed with the others. */
struct ml_aws_header {
    struct berth_str name;
    struct berth_str value;
};

struct ml_aws_request {
    struct berth_str method;
    struct berth_str url; /* http or https, with escapes */
    struct berth_str body;
    const struct ml_aws_header *headers;
    uint32_t header_count;
    bool with_hash; /* send x-amz-content-sha256 as well */
    time_t now;
};

/* The most header lines that are made, and the most headers that are signed. */
#define ML_AWS_LINES_MAX 4u
#define ML_AWS_HEADERS_MAX 64u

/*
 * Appends the lines "Name: value", each ended by a zero byte. LIMIT: more headers than can be
 * signed. Source: AWS General Reference, Signature Version 4 signing process.
 */
int32_t ml_aws_sign(const struct ml_aws_key *key, const struct ml_aws_request *request,
                    struct base_buf *out_lines, struct berth_error *error);

#endif
