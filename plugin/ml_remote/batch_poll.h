/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking about remote jobs that nobody asks about: one round now and then.
 */
#ifndef ML_REMOTE_BATCH_POLL_H
#define ML_REMOTE_BATCH_POLL_H

#include "plugin/ml_remote/batch.h"

/* Jobs of one round; those come first that were asked about longest ago. */
#define ML_POLLS_MAX 100u
/* After more failures in a row a job counts as unreachable, and is left alone. */
#define ML_POLL_FAILURES_MAX 10u

/* What is remembered between rounds. */
struct ml_polls;

/* NULL without memory. */
struct ml_polls *ml_polls_create(void);
/* When no question of a round is under way. NULL is allowed. */
void ml_polls_destroy(struct ml_polls *polls);

/* Puts the questions of a round; their answers are taken later. On a worker. */
void ml_polls_run(struct ml_plugin *plugin, struct ml_polls *polls);

#endif
