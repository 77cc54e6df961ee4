/* SPDX-License-Identifier: Apache-2.0 */
#include "host/loop/loop.h"

#include <stdio.h>
#include <stdlib.h>

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_mutex_t lock; /* guards first, last, stopping */
    struct loop_job *first;
    struct loop_job **last;
    uv_thread_t thread;
    uint32_t index;
    uint32_t left_handles;
    bool stopping;
    bool initialised;
    bool running;
};

struct loop_group {
    uint32_t count;
    struct loop loops[];
};

static _Thread_local struct loop *current;

static void run_jobs(struct loop *loop) {
    uv_mutex_lock(&loop->lock);
    struct loop_job *job = loop->first;
    bool stopping = loop->stopping;
    loop->first = NULL;
    loop->last = &loop->first;
    uv_mutex_unlock(&loop->lock);
    while (job) {
        /* The job may be freed, or posted again, by what it does. */
        struct loop_job *next = job->next;
        job->run(job);
        job = next;
    }
    if (stopping && !uv_is_closing((uv_handle_t *)&loop->wake)) {
        uv_close((uv_handle_t *)&loop->wake, NULL);
        uv_stop(&loop->uv);
    }
}

static void on_wake(uv_async_t *wake) {
    run_jobs(wake->data);
}

static void count_handle(uv_handle_t *handle, void *arg) {
    uint32_t *count = arg;
    if (!uv_is_closing(handle)) {
        (*count)++;
        uv_close(handle, NULL);
    }
}

static void run_loop(void *arg) {
    struct loop *loop = arg;
    char name[16];
    (void)snprintf(name, sizeof name, "loop-%u", loop->index);
    (void)pthread_setname_np(pthread_self(), name);
    current = loop;
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_walk(&loop->uv, count_handle, &loop->left_handles);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    current = NULL;
}

static int32_t loop_init(struct loop *loop, uint32_t index) {
    loop->index = index;
    loop->last = &loop->first;
    if (uv_mutex_init(&loop->lock) != 0) {
        return BERTH_E_NO_MEMORY;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        uv_mutex_destroy(&loop->lock);
        return BERTH_E_NO_MEMORY;
    }
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        (void)uv_loop_close(&loop->uv);
        uv_mutex_destroy(&loop->lock);
        return BERTH_E_NO_MEMORY;
    }
    loop->wake.data = loop;
    loop->initialised = true;
    return BERTH_OK;
}

static void loop_deinit(struct loop *loop) {
    if (!loop->initialised) {
        return;
    }
    if (!uv_is_closing((uv_handle_t *)&loop->wake)) {
        uv_close((uv_handle_t *)&loop->wake, NULL);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    (void)uv_loop_close(&loop->uv);
    uv_mutex_destroy(&loop->lock);
}

int32_t loop_group_create(uint32_t count, struct loop_group **out_group,
                          struct berth_error *error) {
    struct loop_group *group = calloc(1, sizeof *group + count * sizeof group->loops[0]);
    if (!group) {
        return base_error_memory(error);
    }
    group->count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (loop_init(&group->loops[i], i)) {
            loop_group_destroy(group);
            return base_error(error, BERTH_E_NO_MEMORY, "cannot make event loop %u", i);
        }
    }
    *out_group = group;
    return BERTH_OK;
}

int32_t loop_group_start(struct loop_group *group, struct berth_error *error) {
    for (uint32_t i = 0; i < group->count; i++) {
        struct loop *loop = &group->loops[i];
        if (uv_thread_create(&loop->thread, run_loop, loop) != 0) {
            return base_error(error, BERTH_E_NO_MEMORY, "cannot start the thread of loop %u", i);
        }
        loop->running = true;
    }
    return BERTH_OK;
}

uint32_t loop_group_stop(struct loop_group *group) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        struct loop *loop = &group->loops[i];
        if (loop->running) {
            uv_mutex_lock(&loop->lock);
            loop->stopping = true;
            uv_mutex_unlock(&loop->lock);
            (void)uv_async_send(&loop->wake);
            (void)uv_thread_join(&loop->thread);
            loop->running = false;
            left += loop->left_handles;
        }
    }
    return left;
}

void loop_group_destroy(struct loop_group *group) {
    if (!group) {
        return;
    }
    for (uint32_t i = 0; i < group->count; i++) {
        loop_deinit(&group->loops[i]);
    }
    free(group);
}

uint32_t loop_group_count(const struct loop_group *group) {
    return group->count;
}

struct loop *loop_group_at(struct loop_group *group, uint32_t index) {
    return &group->loops[index];
}

void loop_post(struct loop *loop, struct loop_job *job) {
    job->next = NULL;
    uv_mutex_lock(&loop->lock);
    bool idle = loop->first == NULL;
    *loop->last = job;
    loop->last = &job->next;
    uv_mutex_unlock(&loop->lock);
    if (idle) {
        (void)uv_async_send(&loop->wake);
    }
}

/* One loop's part of loop_run_on_all. */
struct barrier_job {
    struct loop_job job;
    struct loop *loop;
    struct barrier *barrier;
};

struct barrier {
    void (*fn)(struct loop *loop, void *arg);
    void *arg;
    uv_sem_t done;
};

static void run_barrier_job(struct loop_job *job) {
    struct barrier_job *part = (struct barrier_job *)job;
    part->barrier->fn(part->loop, part->barrier->arg);
    uv_sem_post(&part->barrier->done);
}

void loop_run_on_all(struct loop_group *group, void (*fn)(struct loop *loop, void *arg),
                     void *arg) {
    struct barrier_job parts[LOOPS_MAX];
    struct barrier barrier = {.fn = fn, .arg = arg};
    if (uv_sem_init(&barrier.done, 0) != 0) {
        abort(); /* fails only for a bad argument */
    }
    uint32_t posted = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        struct loop *loop = &group->loops[i];
        if (loop->running) {
            parts[i] = (struct barrier_job){{NULL, run_barrier_job}, loop, &barrier};
            loop_post(loop, &parts[i].job);
            posted++;
        }
    }
    while (posted-- > 0) {
        uv_sem_wait(&barrier.done);
    }
    uv_sem_destroy(&barrier.done);
}

struct loop *loop_current(void) {
    return current;
}

uint32_t loop_index(const struct loop *loop) {
    return loop->index;
}

uv_loop_t *loop_uv(struct loop *loop) {
    return &loop->uv;
}
