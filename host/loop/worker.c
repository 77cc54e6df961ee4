/* SPDX-License-Identifier: Apache-2.0 */
#include "host/loop/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker_job *first;
    struct worker_job **last;
    const char *name;
    uint32_t queue_max;
    bool stopping;
    struct worker_stats stats;
    uint32_t started;
    pthread_t threads[];
};

static _Thread_local const struct worker_pool *current;

static void *run_worker(void *arg) {
    struct worker_pool *pool = arg;
    current = pool;
    (void)pthread_setname_np(pthread_self(), pool->name);
    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stopping) {
            (void)pthread_cond_wait(&pool->wake, &pool->lock);
        }
        struct worker_job *job = pool->first;
        if (!job) {
            break;
        }
        pool->first = job->next;
        if (!pool->first) {
            pool->last = &pool->first;
        }
        pool->stats.queued--;
        pool->stats.active++;
        (void)pthread_mutex_unlock(&pool->lock);
        job->run(job);
        (void)pthread_mutex_lock(&pool->lock);
        pool->stats.active--;
        pool->stats.completed++;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int32_t worker_pool_create(const char *name, uint32_t threads, uint32_t queue_max,
                           struct worker_pool **out_pool, struct berth_error *error) {
    struct worker_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    if (!pool) {
        return base_error_memory(error);
    }
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wake, NULL);
    pool->last = &pool->first;
    pool->name = name;
    pool->queue_max = queue_max;
    pool->stats.threads = threads;
    for (; pool->started < threads; pool->started++) {
        if (pthread_create(&pool->threads[pool->started], NULL, run_worker, pool) != 0) {
            worker_pool_destroy(pool);
            return base_error(error, BERTH_E_NO_MEMORY, "cannot start a worker thread");
        }
    }
    *out_pool = pool;
    return BERTH_OK;
}

void worker_pool_stop(struct worker_pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->wake);
    (void)pthread_mutex_unlock(&pool->lock);
    while (pool->started > 0) {
        (void)pthread_join(pool->threads[--pool->started], NULL);
    }
}

void worker_pool_destroy(struct worker_pool *pool) {
    if (!pool) {
        return;
    }
    worker_pool_stop(pool);
    (void)pthread_cond_destroy(&pool->wake);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int32_t worker_pool_submit(struct worker_pool *pool, struct worker_job *job) {
    int32_t code = BERTH_OK;
    job->next = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->stopping) {
        code = BERTH_E_STATE;
    } else if (pool->stats.queued >= pool->queue_max) {
        code = BERTH_E_LIMIT;
        pool->stats.rejected++;
    } else {
        *pool->last = job;
        pool->last = &job->next;
        pool->stats.queued++;
        (void)pthread_cond_signal(&pool->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return code;
}

const struct worker_pool *worker_pool_current(void) {
    return current;
}

void worker_pool_stats(struct worker_pool *pool, struct worker_stats *out_stats) {
    (void)pthread_mutex_lock(&pool->lock);
    *out_stats = pool->stats;
    (void)pthread_mutex_unlock(&pool->lock);
}
