/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch predictions: a remote service is given a job, and a task keeps what becomes of it.
 */
#ifndef ML_REMOTE_BATCH_H
#define ML_REMOTE_BATCH_H

#include "plugin/ml_remote/ask.h"

/* Tasks that one round of questions asks about. */
#define ML_BATCH_POLLED_MAX 100u

/* A service's answer about a job, after the action's post-processing function. */
struct ml_job_answer {
    struct json_value job; /* an object */
    struct json_doc sent;
    struct json_doc made;
    struct base_buf text;
};

/* The error of the answer, or 404 where it is no object. */
int32_t ml_job_answer_read(const struct ml_answer *answer, enum ml_action_type type,
                           struct ml_job_answer *out_answer, struct berth_error *error);
void ml_job_answer_release(struct ml_job_answer *answer);
#define ML_JOB_ANSWER_AUTO __attribute__((cleanup(ml_job_answer_release))) struct ml_job_answer

/* Whether a task is one of a remote job, and whether that has not ended. */
bool ml_batch_is_job(struct json_value task);
bool ml_batch_is_open(struct json_value task);

/*
 * Makes the question about a task's job, but for what ml_question needs to be put: loop, request,
 * done, user. 404 where its model is gone. parameters: memory for those of the question.
 */
int32_t ml_batch_question(struct ml_plugin *plugin, struct json_value task,
                          enum ml_action_type type, struct base_buf *parameters,
                          struct ml_question *out_question, struct berth_error *error);

/* Takes in what a service answered about a task's job: writes the task. 404 where it is gone. */
int32_t ml_batch_take_status(struct ml_plugin *plugin, const struct ml_settings *settings,
                             struct berth_str task_id, const struct ml_answer *answer,
                             struct berth_error *error);

/* Writes that a task has a state from now on. */
int32_t ml_batch_set_state(struct ml_plugin *plugin, struct berth_str task_id, const char *state,
                           struct berth_error *error);

#endif
