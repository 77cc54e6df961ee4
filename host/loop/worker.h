/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: threads for what may block, behind a bounded queue.
 */
#ifndef HOST_LOOP_WORKER_H
#define HOST_LOOP_WORKER_H

#include "base/error.h"

struct worker_pool;

/* Work for the pool, embedded in what it works on; the submitter owns it until run is called. */
struct worker_job {
    struct worker_job *next;
    void (*run)(struct worker_job *job);
};

/* name: of its threads, a constant; threads: at least 1; queue_max: how many jobs may wait. */
int32_t worker_pool_create(const char *name, uint32_t threads, uint32_t queue_max,
                           struct worker_pool **out_pool, struct berth_error *error);

/* Refuses further jobs, has those that wait run, joins the threads. May be called again. */
void worker_pool_stop(struct worker_pool *pool);
void worker_pool_destroy(struct worker_pool *pool);

/* LIMIT when the queue is full, STATE after stop; then run is not called. */
int32_t worker_pool_submit(struct worker_pool *pool, struct worker_job *job);

/* The pool that the calling thread is of; NULL: of none. */
const struct worker_pool *worker_pool_current(void);

struct worker_stats {
    uint32_t threads;
    uint32_t active;
    uint32_t queued;
    uint64_t completed;
    uint64_t rejected;
};

void worker_pool_stats(struct worker_pool *pool, struct worker_stats *out_stats);

#endif
