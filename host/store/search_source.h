/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a hit's source is shown: "_source", and the mapping's secrets, which never are.
 */
#ifndef HOST_STORE_SEARCH_SOURCE_H
#define HOST_STORE_SEARCH_SOURCE_H

#include "host/store/query.h"

#define SOURCE_PATTERNS_MAX 64u

struct source_patterns {
    struct berth_str list[SOURCE_PATTERNS_MAX];
    uint32_t count;
};

struct source_filter {
    const struct mapping *mapping;
    bool is_hidden;
    struct source_patterns includes; /* none: everything */
    struct source_patterns excludes;
};

/* false, true, a pattern, an array of them, {"includes": …, "excludes": …}; absent: everything. */
int32_t source_read(struct query *query, struct json_value source, struct source_filter *out);

/* Appends what is shown of a document. '*' of a pattern stands for any text, dots too. */
void source_put(const struct source_filter *filter, struct json_value document,
                struct base_buf *out);

#endif
