/* SPDX-License-Identifier: Apache-2.0 */
/* Event loops and what is posted to them. @threads */
#include "host/loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOOPS 3
#define JOBS 100

struct job {
    struct loop_job job; /* first */
    struct loop *loop;
    uint32_t number;
};

static struct job jobs[JOBS];
static uint32_t order[LOOPS][JOBS];
static uint32_t done[LOOPS];

static int begin(void **state) {
    struct loop_group *group = NULL;
    int32_t code = loop_group_create(LOOPS, &group, NULL);
    *state = group;
    for (uint32_t i = 0; i < LOOPS; i++) {
        done[i] = 0;
    }
    return code || loop_group_start(group, NULL);
}

static int end(void **state) {
    (void)loop_group_stop(*state);
    loop_group_destroy(*state);
    return 0;
}

/* Each loop writes its own elements; the tests read them when the threads have ended. */
static void note(struct loop_job *base) {
    struct job *job = (struct job *)base;
    uint32_t index = loop_index(loop_current());
    if (loop_current() == job->loop) {
        order[index][done[index]++] = job->number;
    }
}

static void runs_jobs_in_order_on_their_loop(void **state) {
    struct loop_group *group = *state;
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){{NULL, note}, loop_group_at(group, i % LOOPS), i};
        loop_post(jobs[i].loop, &jobs[i].job);
    }
    assert_int_equal(loop_group_stop(group), 0);
    for (uint32_t i = 0; i < LOOPS; i++) {
        assert_int_equal(done[i], (JOBS - i + LOOPS - 1) / LOOPS);
        for (uint32_t k = 0; k < done[i]; k++) {
            assert_int_equal(order[i][k], k * LOOPS + i);
        }
    }
}

static uv_sem_t reached;

static void count_down(struct loop_job *base) {
    struct job *job = (struct job *)base;
    if (--job->number > 0) {
        loop_post(job->loop, base);
    } else {
        uv_sem_post(&reached);
    }
}

static void may_post_a_job_from_itself(void **state) {
    struct loop_group *group = *state;
    assert_int_equal(uv_sem_init(&reached, 0), 0);
    jobs[0] = (struct job){{NULL, count_down}, loop_group_at(group, 1), 10};
    loop_post(jobs[0].loop, &jobs[0].job);
    uv_sem_wait(&reached);
    assert_int_equal(loop_group_stop(group), 0);
    assert_int_equal(jobs[0].number, 0);
    uv_sem_destroy(&reached);
}

static void mark(struct loop *loop, void *arg) {
    struct loop **seen = arg;
    seen[loop_index(loop)] = loop_current();
}

static void runs_on_all_loops(void **state) {
    struct loop_group *group = *state;
    struct loop *seen[LOOPS] = {NULL};
    loop_run_on_all(group, mark, seen);
    assert_int_equal(loop_group_count(group), LOOPS);
    for (uint32_t i = 0; i < LOOPS; i++) {
        assert_ptr_equal(seen[i], loop_group_at(group, i));
        assert_int_equal(loop_index(seen[i]), i);
    }
    assert_null(loop_current());
    /* With the threads gone there is nothing to run on, and nothing to wait for. */
    assert_int_equal(loop_group_stop(group), 0);
    seen[0] = NULL;
    loop_run_on_all(group, mark, seen);
    assert_null(seen[0]);
}

static uv_timer_t left;

static void leave_a_handle(struct loop *loop, void *arg) {
    (void)arg;
    if (loop_index(loop) == 2) {
        (void)uv_timer_init(loop_uv(loop), &left);
    }
}

static void counts_handles_that_are_left(void **state) {
    struct loop_group *group = *state;
    loop_run_on_all(group, leave_a_handle, NULL);
    assert_int_equal(loop_group_stop(group), 1);
}

static void can_be_destroyed_without_a_start(void **state) {
    (void)state;
    struct loop_group *group = NULL;
    assert_int_equal(loop_group_create(2, &group, NULL), BERTH_OK);
    assert_int_equal(loop_group_stop(group), 0);
    loop_group_destroy(group);
    loop_group_destroy(NULL);
}

#define IN_GROUP(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_GROUP(runs_jobs_in_order_on_their_loop),
        IN_GROUP(may_post_a_job_from_itself),
        IN_GROUP(runs_on_all_loops),
        IN_GROUP(counts_handles_that_are_left),
        cmocka_unit_test(can_be_destroyed_without_a_start),
    };
    return cmocka_run_group_tests_name("host.loop", tests, NULL, NULL);
}
