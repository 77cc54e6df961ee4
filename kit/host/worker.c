/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include <stdlib.h>

static struct kit_job *next_job(struct kit_host *host) {
    (void)pthread_mutex_lock(&host->lock);
    while (!host->worker_queue.first && !host->workers_quit) {
        (void)pthread_cond_wait(&host->work, &host->lock);
    }
    struct kit_job *job = host->worker_queue.first;
    if (job) {
        host->worker_queue.first = job->next;
        host->worker_queue.last = job->next ? host->worker_queue.last : NULL;
    }
    (void)pthread_mutex_unlock(&host->lock);
    return job;
}

static void *run_worker(void *arg) {
    struct kit_job *job = NULL;
    (void)kit_role_set(KIT_ROLE_WORKER, 0);
    while ((job = next_job(arg))) {
        job->fn(job);
    }
    return NULL;
}

void kit_workers_post(struct kit_host *host, struct kit_job *job) {
    job->next = NULL;
    (void)pthread_mutex_lock(&host->lock);
    *(host->worker_queue.last ? &host->worker_queue.last->next : &host->worker_queue.first) = job;
    host->worker_queue.last = job;
    (void)pthread_cond_signal(&host->work);
    (void)pthread_mutex_unlock(&host->lock);
}

bool kit_workers_open(struct kit_host *host) {
    (void)pthread_cond_init(&host->work, NULL);
    for (uint32_t i = 0; i < KIT_WORKERS; i++) {
        if (pthread_create(&host->workers[i], NULL, run_worker, host) != 0) {
            return false;
        }
    }
    return true;
}

void kit_workers_close(struct kit_host *host) {
    (void)pthread_mutex_lock(&host->lock);
    host->workers_quit = true;
    (void)pthread_cond_broadcast(&host->work);
    (void)pthread_mutex_unlock(&host->lock);
    for (uint32_t i = 0; i < KIT_WORKERS; i++) {
        (void)pthread_join(host->workers[i], NULL);
    }
    (void)pthread_cond_destroy(&host->work);
}

/* ---- the capability ---- */

struct submitted {
    struct kit_job job;
    struct kit_host *host;
    berth_worker_fn fn;
    void *user;
};

static void run_submitted(struct kit_job *job) {
    struct submitted *s = (struct submitted *)job;
    struct kit_host *host = s->host;
    s->fn(s->user);
    free(s);
    kit_busy(host, -1);
}

static int32_t submit(const struct berth_host *face, berth_worker_fn fn, void *user) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_worker_v1_submit);
    if (code) {
        return code;
    }
    struct submitted *s = kit_alloc(sizeof *s);
    *s = (struct submitted){{NULL, run_submitted}, host, fn, user};
    kit_busy(host, 1);
    kit_workers_post(host, &s->job);
    return BERTH_OK;
}

const struct berth_worker_v1 kit_worker_v1 = {
    .size = sizeof kit_worker_v1,
    .submit = submit,
};
