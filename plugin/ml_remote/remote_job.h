/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote jobs: what a service said of a batch prediction that it works on, an object that each of
 * its answers goes on.
 */
#ifndef ML_REMOTE_REMOTE_JOB_H
#define ML_REMOTE_REMOTE_JOB_H

#include "base/json_write.h"
#include "plugin/ml_remote/trust.h"

/* The states that a job's status can tell, in the order in which they are looked for. */
enum ml_job_state {
    ML_JOB_CANCELLING,
    ML_JOB_CANCELLED,
    ML_JOB_COMPLETED,
    ML_JOB_EXPIRED,
    ML_JOB_FAILED,
    ML_JOB_STATES
};

struct ml_job_rules {
    const struct berth_str *fields; /* the first that the job has is its status */
    uint32_t field_count;
    struct ml_trust *expressions[ML_JOB_STATES];
};

/* The task's state that a job's status tells; NULL: none. scratch: of ml_trust_scratch_create. */
const char *ml_job_state_of(const struct ml_job_rules *rules, struct json_value job, void *scratch);

/*
 * Appends the object that comes of a job and a later answer: members of the answer take the place
 * of those of the same name, null too.
 */
void ml_job_merge(struct json_value job, struct json_value answer, struct base_buf *out);

/*
 * Appends the parameters of a question about a job, an object: its texts, and the names that
 * services ask for where the job has only the whole of which they are a part.
 */
void ml_job_parameters(struct json_value job, struct base_buf *out);

/*
 * Appends the action that asks for a job's status, or that cancels it, as a connector writes it:
 * made of the connector's batch action, by the service that it asks. False: none that is known.
 */
bool ml_job_action(struct json_value batch_action, bool cancels, struct base_buf *out);

#endif
