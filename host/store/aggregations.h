/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregations over the documents that a search has found (temp.found). Internal to host/store.
 */
#ifndef HOST_STORE_AGGREGATIONS_H
#define HOST_STORE_AGGREGATIONS_H

#include "host/store/query.h"

#define AGGREGATIONS_DEPTH_MAX 8u
/* Buckets and values of one answer, over all levels. */
#define AGGREGATIONS_PARTS_MAX 10000u

/* Appends the object of all aggregations. query: what they are about; not changed. */
int32_t aggregations_put(const struct query *query, struct json_value aggregations,
                         struct base_buf *out);

#endif
