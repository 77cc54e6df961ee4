/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prediction on its way, from the client's request to the remote service and back.
 *
 * It belongs to its loop, but for the time in which a worker deploys its model.
 */
#ifndef ML_REMOTE_PREDICT_H
#define ML_REMOTE_PREDICT_H

#include "plugin/ml_remote/catalogue.h"

/* Predictions that a loop keeps for reuse, and what their buffers may hold when kept. */
#define ML_KEPT_PREDICTS 256u
#define ML_KEPT_BUFFER 16384u

struct ml_predict {
    struct ml_predict *next; /* in the loop's list of free ones */
    struct ml_loop *loop;
    struct berth_request *request;
    const struct berth_request_view *view;
    struct berth_str model_id;
    struct ml_deployed *deployed; /* a reference */
    struct json_doc doc;          /* of the client's body */
    struct json_value parameters;
    struct base_buf payload;
    struct base_buf url;
    struct base_buf scratch;
    struct base_buf missing;
    struct ml_http_call *call;
    struct base_buf answer; /* the remote service's body */
    char tail[64];          /* what follows it in the reply */
    int32_t deploy_code;
    struct berth_error error;
};

/* NULL without memory. */
struct ml_predict *ml_predict_create(struct ml_loop *loop);
/* Gives it back to its loop. On the loop. */
void ml_predict_destroy(struct ml_predict *predict);
/* Frees it for good; any thread. */
void ml_predict_free(struct ml_predict *predict);

/*
 * Makes what is sent, in predict->payload and predict->url, of the parameters. Fills
 * predict->error. trusted: the URL needs no check.
 */
int32_t ml_predict_make_payload(struct ml_predict *predict);
int32_t ml_predict_make_url(struct ml_predict *predict, struct ml_loop_model *model,
                            struct berth_str *out_url);

/* Replies with what became of the call; takes the answer's body. predict ends with it. */
void ml_predict_reply(struct ml_predict *predict, struct ml_http_answer *answer);
/* Replies with predict->error. predict ends with it. */
void ml_predict_fail(struct ml_predict *predict);

#endif
