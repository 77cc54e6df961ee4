/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prediction on its way, from the client's request to the remote service and back.
 *
 * It belongs to its loop, but for the time in which a worker deploys its model.
 */
#ifndef ML_REMOTE_PREDICT_H
#define ML_REMOTE_PREDICT_H

#include "plugin/ml_remote/exchange.h"
#include "plugin/ml_remote/input.h"
#include "plugin/ml_remote/output.h"
#include "plugin/ml_remote/workers.h"

/* Predictions that a loop keeps for reuse. */
#define ML_KEPT_PREDICTS 256u
/* Questions to the remote service that one prediction may become. */
#define ML_EXCHANGES_MAX 1000u

struct ml_predict {
    struct ml_predict *next; /* in the loop's list of free ones */
    struct ml_loop *loop; /* may be gone when a deployment ends; nothing but plugin is used then */
    struct ml_plugin *plugin;
    struct berth_request *request;
    const struct berth_request_view *view;
    struct berth_str model_id;
    enum ml_input_kind kind;
    struct ml_deployed *deployed; /* a reference */
    struct json_doc doc;          /* of the client's body */
    struct ml_input input;
    struct ml_trace_context trace;

    struct ml_exchange first; /* the only one, most often */
    struct ml_exchange *more; /* those behind it */
    uint32_t count;
    uint32_t waiting; /* for so many of them */
    uint32_t judged;  /* answers that the guarding model has allowed */
    bool is_starting; /* what ends meanwhile is seen to by who starts it */
    int32_t failed;   /* the code of the first failure; its error is in error */

    bool is_stream;
    struct ml_stream *stream; /* once the service is asked */

    struct ml_micro_batch *batch; /* that it is joined to */
    uint32_t batch_place;         /* among its members */
    uint64_t joined_ns;
    struct base_buf split; /* its part of the answer to many; empty: it was asked alone */

    struct ml_guarding *guarding; /* while a model that guards this one is asked */

    struct ml_output_rules rules;
    struct ml_path filter; /* that came with the request */
    struct base_arena arena;
    struct base_buf out;
    char tail[ML_OUTPUT_TAIL_MAX];
    int32_t deploy_code;
    bool was_deployed;            /* a worker has looked to that, which it does once */
    uint32_t turn;                /* with which its nodes are tried, where it is sent to another */
    uint32_t tried;               /* of them */
    char node_id[ML_NODE_ID_MAX]; /* to which it was sent */
    struct berth_timer *timer;    /* until the tokens have come that are taken */
    bool is_queued;
    uint64_t queued_ns; /* how long that was */
    struct ml_track track;
    uint64_t answered_ns; /* by the service, or its failure; 0: not yet */
    struct berth_error error;
};

/* NULL without memory. */
struct ml_predict *ml_predict_create(struct ml_loop *loop);
/* Gives it back to its loop. On the loop. */
void ml_predict_destroy(struct ml_predict *predict);
/* Frees it for good; any thread. */
void ml_predict_free(struct ml_predict *predict);

static inline struct ml_exchange *ml_predict_exchange(struct ml_predict *predict, uint32_t i) {
    return i == 0 ? &predict->first : &predict->more[i - 1];
}

/*
 * Reads the body and makes all that is to be sent, in exchanges that are ready to start. Fills the
 * error.
 */
int32_t ml_predict_prepare(struct ml_predict *predict, struct ml_loop_model *model);

/*
 * Asks the model that guards one side, where there is one, and goes on with then; on failure the
 * error is filled, and then is not called. text: what is judged; then may be called before this
 * returns.
 */
typedef void (*ml_predict_fn)(struct ml_predict *predict, int32_t code);
void ml_predict_guard(struct ml_predict *predict, const struct ml_guardrail *guardrail,
                      const char *what, struct berth_str text, ml_predict_fn then);
/* Drops the question that is under way, if one is. */
void ml_predict_guard_cancel(struct ml_predict *predict);

/* Counts it as ended, when the client is answered. */
void ml_predict_track_end(struct ml_predict *predict, bool failed);

/* The exchanges are over, or are not to be made: replies, or fails with code. */
void ml_predict_end(struct ml_predict *predict, int32_t code);

/* Replies with what came of the exchanges, or with the error. predict ends with it. */
void ml_predict_reply(struct ml_predict *predict);
void ml_predict_fail(struct ml_predict *predict);

#endif
