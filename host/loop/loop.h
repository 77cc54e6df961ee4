/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event loops, one a thread.
 *
 * A loop belongs to its thread: its handles, and all that other modules hang on it, are touched
 * by no other. Other threads reach it by posting jobs. What runs on a loop does not block.
 */
#ifndef HOST_LOOP_LOOP_H
#define HOST_LOOP_LOOP_H

#include <uv.h>

#include "base/error.h"

struct loop;
struct loop_group;

/* Work for a loop, embedded in what it works on; the poster owns it until run is called. */
struct loop_job {
    struct loop_job *next;
    void (*run)(struct loop_job *job);
};

/* The most loops that a process runs. */
#define LOOPS_MAX 64u

/* Makes the loops; their threads begin with loop_group_start. */
int32_t loop_group_create(uint32_t count, struct loop_group **out_group, struct berth_error *error);
int32_t loop_group_start(struct loop_group *group, struct berth_error *error);

/*
 * Ends the threads, when all jobs posted before have run, and joins them. Handles that are left
 * on a loop are a fault of their owner, and reported as the count of them.
 */
uint32_t loop_group_stop(struct loop_group *group);
void loop_group_destroy(struct loop_group *group);

uint32_t loop_group_count(const struct loop_group *group);
struct loop *loop_group_at(struct loop_group *group, uint32_t index);

/* Has the job run on the loop's thread. Any thread; jobs of one thread run in order. */
void loop_post(struct loop *loop, struct loop_job *job);

/* Runs fn on every loop and returns when all have run it. Not from a loop. */
void loop_run_on_all(struct loop_group *group, void (*fn)(struct loop *loop, void *arg), void *arg);

/* The calling thread's loop, or NULL. */
struct loop *loop_current(void);

uint32_t loop_index(const struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);

#endif
