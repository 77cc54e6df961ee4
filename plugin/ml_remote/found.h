/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going through the documents that a query finds.
 */
#ifndef ML_REMOTE_FOUND_H
#define ML_REMOTE_FOUND_H

#include "plugin/ml_remote/documents.h"

/* Given one document. */
typedef void (*ml_found_fn)(void *user, struct berth_str id, struct json_value source);

struct ml_finding {
    enum ml_kind kind;
    struct berth_str query; /* one JSON value */
    const char *sort;       /* the field by which they come, the smallest first */
    uint32_t max;           /* so many at most */
};

/* Calls fn with each, all of them as they were when it began; gives their number. On a worker. */
int32_t ml_find(struct ml_plugin *plugin, const struct ml_finding *finding, ml_found_fn fn,
                void *user, uint32_t *out_count, struct berth_error *error);

#endif
