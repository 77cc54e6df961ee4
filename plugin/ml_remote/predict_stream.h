/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streamed half of a prediction. Internal to predict*.c.
 */
#ifndef ML_REMOTE_PREDICT_STREAM_H
#define ML_REMOTE_PREDICT_STREAM_H

#include "plugin/ml_remote/predict.h"

/* Whether the prediction may be streamed; fills its error. */
int32_t ml_predict_stream_check(struct ml_predict *predict);

/* Asks the service; the prediction replies and ends by itself. */
void ml_predict_stream_start(struct ml_predict *predict);

/* Breaks a reply off that has begun; false where none has. */
bool ml_predict_stream_abort(struct ml_predict *predict);
/* NULL is allowed. */
void ml_predict_stream_destroy(struct ml_stream *stream);

#endif
