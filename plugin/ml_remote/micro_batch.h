/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Micro-batching: predictions of one text each, made at about the same time, are asked as one
 * question to the remote service, and its answer is split again.
 *
 * A connector's parameters switch it on: micro_batch_max_size, micro_batch_max_wait_ms. Everything
 * happens on one loop: predictions of different loops are not joined.
 */
#ifndef ML_REMOTE_MICRO_BATCH_H
#define ML_REMOTE_MICRO_BATCH_H

#include "plugin/ml_remote/predict.h"

/* Texts of one question, and how long a first one waits for others. */
#define ML_MICRO_BATCH_SIZE_MAX 1000u
#define ML_MICRO_BATCH_WAIT_MAX_MS 1000u
#define ML_MICRO_BATCH_WAIT_DEFAULT_MS 5u

/*
 * Whether a prediction that is ready to be asked can be joined with others: one text, nothing sent
 * beside it, no guardrails, and a post-processing function that makes a tensor of each text.
 */
bool ml_micro_batch_takes(const struct ml_predict *predict);

/*
 * Joins it with those that wait, or has it wait. It is ended with ml_predict_end, maybe before this
 * returns. On failure the error is filled, and it is not joined.
 */
int32_t ml_micro_batch_join(struct ml_predict *predict);

/* The prediction ends before its answer is there. Nothing where it is not joined. */
void ml_micro_batch_leave(struct ml_predict *predict);

#endif
