/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip bodies: unpacked within a bound, packed where the client takes it.
 */
#ifndef HOST_HTTP_GZIP_H
#define HOST_HTTP_GZIP_H

#include "base/buf.h"

/* Replaces a packed body by what it holds. PARSE: it is no gzip; TOO_LARGE: more than max. */
int32_t gzip_unpack(struct base_buf *body, uint64_t max);

/* Appends a packed form. */
int32_t gzip_pack(struct berth_str plain, struct base_buf *out);

#endif
