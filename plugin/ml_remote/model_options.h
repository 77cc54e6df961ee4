/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model can be told beside its connector: limits, guardrails, an interface, how it deploys.
 * The same for registering and for updating.
 */
#ifndef ML_REMOTE_MODEL_OPTIONS_H
#define ML_REMOTE_MODEL_OPTIONS_H

#include "plugin/ml_remote/documents.h"

#define ML_MODEL_OPTIONS_MAX 8u

struct ml_model_options {
    struct ml_edit edits[ML_MODEL_OPTIONS_MAX];
    size_t count;
};

/*
 * Reads {"limit": ..., "unit": ...} and appends it as it is stored; what: where it stands, for
 * errors. parse_exception where a value is wrong.
 */
int32_t ml_rate_limiter_normalise(struct ml_call *call, struct json_value object, const char *what,
                                  struct base_buf *out);

/*
 * Reads the options of a body, checked each by itself; null removes one. parse_exception where a
 * value is wrong.
 */
int32_t ml_model_options_read(struct ml_call *call, struct ml_model_options *out_options);

/* Makes of each object what it becomes over the one that is stored: their members are merged. */
int32_t ml_model_options_merge(struct ml_call *call, struct json_value model,
                               struct ml_model_options *options);

#endif
