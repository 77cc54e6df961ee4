/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to remote services that are no predictions: put by a worker, sent from a loop, their
 * answers taken by a worker. No thread waits meanwhile.
 */
#ifndef ML_REMOTE_ASK_H
#define ML_REMOTE_ASK_H

#include "plugin/ml_remote/deployed.h"

struct ml_answer {
    int32_t code; /* BERTH_OK: the answer is there; else error says why not */
    uint32_t status;
    struct base_buf body; /* one JSON value */
    struct berth_error error;
    const struct ml_deployed *deployed; /* that was asked; borrowed */
};

/*
 * Called once. may_block: on a worker; else on a loop, where no worker can be had any more or the
 * client left, and the answer is an error.
 */
typedef void (*ml_answer_fn)(void *user, struct ml_answer *answer, bool may_block);

struct ml_question {
    struct ml_deployed *deployed; /* a reference, which is taken over */
    enum ml_action_type type;
    struct berth_str parameters;   /* an object; copied */
    uint32_t loop;                 /* from which it is sent */
    struct berth_request *request; /* for which it is put; NULL: for none */
    /* When the client of the request leaves, it goes on as long as the plugin is not to stop. */
    bool keeps_on;
    ml_answer_fn done;
    void *user;
};

/* Puts a question. On failure the error is filled, and done is not called. Any thread. */
int32_t ml_ask(struct ml_plugin *plugin, const struct ml_question *question,
               struct berth_error *error);

/* Drops the questions of a loop whose clients left. On the loop, when the plugin is to stop. */
void ml_ask_drain_loop(struct ml_loop *loop);
/* Drops all questions of a loop. On the loop, while it stops. */
void ml_ask_stop_loop(struct ml_loop *loop);

/* What follows on an answer. */
struct ml_follow {
    ml_call_fn then;
    /* Called instead of then, before the reply, where no worker could be had. It does not block. */
    void (*dropped)(struct ml_plugin *plugin);
};

/*
 * Puts a question for a call, whose handler returns at once: then runs on a worker, with the answer
 * in call->answer, and its reply is the request's. Of the question, loop, request, done and user
 * are not read.
 */
int32_t ml_call_ask(struct ml_call *call, const struct ml_question *question,
                    const struct ml_follow *follow);

#endif
