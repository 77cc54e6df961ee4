/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header lines in the form that libcurl takes. Internal to the HTTP client.
 */
#ifndef ML_REMOTE_HTTP_HEADERS_H
#define ML_REMOTE_HTTP_HEADERS_H

#include <curl/curl.h>

#include "plugin/ml_remote/http_client.h"
#include "plugin/ml_remote/locked.h"

struct ml_http_headers {
    struct ml_locked_slab *slab; /* whose memory it is; NULL: a mapping of its own */
    size_t bytes;                /* of all of it */
    struct curl_slist *list;     /* count nodes, one behind the other */
    uint32_t count;
    /* The same as they are sent, with the empty line behind; without those that we make or empty */
    struct berth_str block;
    bool has_host;
    bool has_accept;
    bool has_accept_encoding;
    struct berth_str *secrets;
    uint32_t secret_count;
};

#endif
