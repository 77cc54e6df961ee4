/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guardrails: what may not be sent, and what may not be answered.
 *
 * Either regular expressions, of which none may match the whole text, or a model that is asked, and
 * whose answer must match an expression.
 */
#ifndef ML_REMOTE_GUARDRAILS_H
#define ML_REMOTE_GUARDRAILS_H

#include "plugin/ml_remote/call.h"
#include "plugin/ml_remote/trust.h"

/* One side of it. */
struct ml_guardrail {
    struct ml_trust *forbidden;       /* local_regex: NULL where there is none */
    struct berth_str model_id;        /* model: ptr NULL where none is asked */
    struct berth_str response_filter; /* ptr NULL: none */
    struct ml_trust *allowed;         /* what the model's answer must match; NULL: anything */
};

struct ml_guardrails {
    struct ml_guardrail input;
    struct ml_guardrail output;
};

/* Reads a client's object, and appends it as it is stored. */
int32_t ml_guardrails_normalise(struct ml_call *call, struct json_value object,
                                struct base_buf *out);

/* Makes those of a stored object; texts are in the arena. */
int32_t ml_guardrails_load(struct json_value stored, struct base_arena *arena,
                           struct ml_guardrails *out_guardrails, struct berth_error *error);
void ml_guardrails_unload(struct ml_guardrails *guardrails);

/* 400 where a forbidden expression matches; what: "input" or "output". */
int32_t ml_guardrail_check(const struct ml_guardrail *guardrail, struct berth_str text,
                           const char *what, void *match_data, struct berth_error *error);

/* 400 where the answer of the model that was asked does not match. answer: a JSON value's text. */
int32_t ml_guardrail_check_answer(const struct ml_guardrail *guardrail, struct berth_str answer,
                                  const char *what, void *match_data, struct berth_error *error);

#endif
