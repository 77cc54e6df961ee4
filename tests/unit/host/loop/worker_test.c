/* SPDX-License-Identifier: Apache-2.0 */
/* The worker pool and its queue. @threads */
#include "host/loop/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>

#include "tests/support/fault.h"

struct job {
    struct worker_job job; /* first */
    sem_t *started;
    sem_t *release;
    uint32_t number;
};

static _Atomic uint32_t ran;
static uint32_t order[64];

static void note(struct worker_job *base) {
    const struct job *job = (const struct job *)base;
    if (worker_pool_current()) {
        order[ran++] = job->number;
    }
}

/* Says that it has begun, and goes on when it is told to. */
static void hold(struct worker_job *base) {
    const struct job *job = (const struct job *)base;
    (void)sem_post(job->started);
    while (sem_wait(job->release) != 0) {
    }
    ran++;
}

static struct worker_pool *pool_of(uint32_t threads, uint32_t queue_max) {
    struct worker_pool *pool = NULL;
    ran = 0;
    assert_int_equal(worker_pool_create("worker", threads, queue_max, &pool, NULL), BERTH_OK);
    return pool;
}

static void runs_jobs_in_order(void **state) {
    (void)state;
    struct worker_pool *pool = pool_of(1, 64);
    struct job jobs[64];
    for (uint32_t i = 0; i < 64; i++) {
        jobs[i] = (struct job){.job = {.run = note}, .number = i};
        assert_int_equal(worker_pool_submit(pool, &jobs[i].job), BERTH_OK);
    }
    /* Those that wait still run. */
    worker_pool_stop(pool);
    assert_int_equal(ran, 64);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(order[i], i);
    }
    assert_null(worker_pool_current());
    worker_pool_destroy(pool);
}

static void refuses_when_the_queue_is_full(void **state) {
    (void)state;
    struct worker_pool *pool = pool_of(2, 2);
    sem_t started;
    sem_t release;
    struct job jobs[5];
    struct worker_stats stats;
    assert_int_equal(sem_init(&started, 0, 0), 0);
    assert_int_equal(sem_init(&release, 0, 0), 0);
    for (uint32_t i = 0; i < 5; i++) {
        jobs[i] = (struct job){.job = {.run = hold}, .started = &started, .release = &release};
        assert_int_equal(worker_pool_submit(pool, &jobs[i].job), i < 4 ? BERTH_OK : BERTH_E_LIMIT);
        if (i < 2) {
            while (sem_wait(&started) != 0) {
            }
        }
    }
    worker_pool_stats(pool, &stats);
    assert_int_equal(stats.threads, 2);
    assert_int_equal(stats.active, 2);
    assert_int_equal(stats.queued, 2);
    assert_int_equal(stats.completed, 0);
    assert_int_equal(stats.rejected, 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sem_post(&release), 0);
    }
    worker_pool_stop(pool);
    worker_pool_stats(pool, &stats);
    assert_int_equal(ran, 4);
    assert_int_equal(stats.active, 0);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.completed, 4);
    worker_pool_destroy(pool);
    (void)sem_destroy(&started);
    (void)sem_destroy(&release);
}

static void refuses_after_its_stop(void **state) {
    (void)state;
    struct worker_pool *pool = pool_of(2, 10);
    struct job job = {.job = {.run = note}};
    worker_pool_stop(pool);
    worker_pool_stop(pool);
    assert_int_equal(worker_pool_submit(pool, &job.job), BERTH_E_STATE);
    assert_int_equal(ran, 0);
    worker_pool_destroy(pool);
    worker_pool_destroy(NULL);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct worker_pool *pool = NULL;
        int32_t code = worker_pool_create("worker", 2, 10, &pool, NULL);
        assert_true(code == BERTH_OK ? pool != NULL : code == BERTH_E_NO_MEMORY && !pool);
        worker_pool_destroy(pool);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_jobs_in_order),
        cmocka_unit_test(refuses_when_the_queue_is_full),
        cmocka_unit_test(refuses_after_its_stop),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.loop.worker", tests, NULL, NULL);
}
