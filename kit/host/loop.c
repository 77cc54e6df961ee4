/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include "base/clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A callback on a loop that waits longer than this for something else has blocked it. */
#define BLOCKED_MS 200

struct berth_timer {
    struct berth_timer *next;
    struct kit_loop *loop;
    berth_timer_fn fn;
    void *user;
    uint64_t due_ns; /* 0: not started */
    bool destroyed;
};

struct berth_fd_watch {
    struct berth_fd_watch *next;
    struct kit_loop *loop;
    berth_fd_fn fn;
    void *user;
    int32_t fd;
    bool destroyed;
};

/* ---- the thread ---- */

/* How long this thread has waited for something else than a processor, in nanoseconds. */
static int64_t blocked_ns(void) {
    unsigned long long ran = 0;
    unsigned long long queued = 0;
    uint64_t now = base_monotonic_ns();
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (!file) {
        return 0;
    }
    int count = fscanf(file, "%llu %llu", &ran, &queued);
    (void)fclose(file);
    return count == 2 ? (int64_t)(now - ran - queued) : 0;
}

static struct kit_job *take_job(struct kit_loop *loop, bool *out_quit) {
    (void)pthread_mutex_lock(&loop->lock);
    struct kit_job *job = loop->queue.first;
    if (job) {
        loop->queue.first = job->next;
        loop->queue.last = job->next ? loop->queue.last : NULL;
    }
    *out_quit = loop->quit && !job;
    (void)pthread_mutex_unlock(&loop->lock);
    return job;
}

static struct berth_timer *first_timer(const struct kit_loop *loop) {
    struct berth_timer *first = NULL;
    for (struct berth_timer *t = loop->timers; t; t = t->next) {
        if (!t->destroyed && t->due_ns && (!first || t->due_ns < first->due_ns)) {
            first = t;
        }
    }
    return first;
}

static int wait_ms(const struct kit_loop *loop) {
    const struct berth_timer *t = first_timer(loop);
    uint64_t now = base_monotonic_ns();
    if (!t) {
        return -1;
    }
    return t->due_ns <= now ? 0 : (int)((t->due_ns - now) / BASE_NS_PER_MS) + 1;
}

static void fire_timers(struct kit_loop *loop) {
    uint64_t now = base_monotonic_ns();
    struct berth_timer *t = NULL;
    while ((t = first_timer(loop)) && t->due_ns <= now) {
        t->due_ns = 0;
        t->fn(t->user);
    }
}

/* One event at a time: a callback may end the watch of the next. */
static void wait_for_event(struct kit_loop *loop) {
    struct epoll_event event;
    if (epoll_wait(loop->epoll, &event, 1, wait_ms(loop)) != 1) {
        return;
    }
    struct berth_fd_watch *watch = event.data.ptr;
    if (!watch) {
        uint64_t count = 0;
        (void)!read(loop->wake, &count, sizeof count);
        return;
    }
    uint32_t seen = event.events & EPOLLIN ? BERTH_FD_READ : 0;
    seen |= event.events & EPOLLOUT ? BERTH_FD_WRITE : 0;
    seen |= event.events & (EPOLLERR | EPOLLHUP) ? BERTH_FD_ERROR : 0;
    if (!watch->destroyed) {
        watch->fn(watch->user, watch->fd, seen);
    }
}

static void *run_loop(void *arg) {
    struct kit_loop *loop = arg;
    bool quit = false;
    (void)kit_role_set(KIT_ROLE_LOOP, loop->index);
    while (!quit) {
        wait_for_event(loop);
        int64_t before = blocked_ns();
        struct kit_job *job = NULL;
        while ((job = take_job(loop, &quit))) {
            job->fn(job);
        }
        fire_timers(loop);
        int64_t blocked = (blocked_ns() - before) / (int64_t)BASE_NS_PER_MS;
        if (blocked > BLOCKED_MS) {
            kit_blame(KIT_BLAME_BLOCKED, "a loop has waited for %" PRId64 " ms in a callback",
                      blocked);
        }
    }
    return NULL;
}

void kit_loop_post(struct kit_loop *loop, struct kit_job *job) {
    uint64_t one = 1;
    job->next = NULL;
    (void)pthread_mutex_lock(&loop->lock);
    *(loop->queue.last ? &loop->queue.last->next : &loop->queue.first) = job;
    loop->queue.last = job;
    (void)pthread_mutex_unlock(&loop->lock);
    (void)!write(loop->wake, &one, sizeof one);
}

struct call {
    struct kit_job job;
    struct kit_loop *loop;
    void (*fn)(struct kit_loop *loop, void *arg);
    void *arg;
    bool done; /* under the host's lock */
};

static void run_call(struct kit_job *job) {
    struct call *call = (struct call *)job;
    struct kit_host *host = call->loop->host;
    call->fn(call->loop, call->arg);
    (void)pthread_mutex_lock(&host->lock);
    call->done = true;
    (void)pthread_cond_broadcast(&host->changed);
    (void)pthread_mutex_unlock(&host->lock);
}

void kit_loop_call(struct kit_loop *loop, void (*fn)(struct kit_loop *loop, void *arg), void *arg) {
    struct kit_host *host = loop->host;
    struct call call = {.job = {NULL, run_call}, .loop = loop, .fn = fn, .arg = arg};
    kit_loop_post(loop, &call.job);
    (void)pthread_mutex_lock(&host->lock);
    while (!call.done) {
        (void)pthread_cond_wait(&host->changed, &host->lock);
    }
    (void)pthread_mutex_unlock(&host->lock);
}

static bool open_loop(struct kit_host *host, uint32_t index) {
    struct kit_loop *loop = &host->loops[index];
    *loop = (struct kit_loop){.host = host, .index = index};
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    (void)pthread_mutex_init(&loop->lock, NULL);
    return loop->epoll >= 0 && loop->wake >= 0 &&
           epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) == 0 &&
           pthread_create(&loop->thread, NULL, run_loop, loop) == 0;
}

bool kit_loops_open(struct kit_host *host) {
    uint32_t wanted = host->config.loops ? host->config.loops : KIT_LOOPS_USUAL;
    for (host->loop_count = 0; host->loop_count < wanted; host->loop_count++) {
        if (!open_loop(host, host->loop_count)) {
            return false;
        }
    }
    return true;
}

static void free_handles(struct kit_loop *loop) {
    while (loop->timers) {
        struct berth_timer *t = loop->timers;
        loop->timers = t->next;
        free(t);
    }
    while (loop->watches) {
        struct berth_fd_watch *w = loop->watches;
        loop->watches = w->next;
        free(w);
    }
}

void kit_loops_close(struct kit_host *host) {
    for (uint32_t i = 0; i < host->loop_count; i++) {
        struct kit_loop *loop = &host->loops[i];
        uint64_t one = 1;
        (void)pthread_mutex_lock(&loop->lock);
        loop->quit = true;
        (void)pthread_mutex_unlock(&loop->lock);
        (void)!write(loop->wake, &one, sizeof one);
        (void)pthread_join(loop->thread, NULL);
        (void)pthread_mutex_destroy(&loop->lock);
        (void)close(loop->wake);
        (void)close(loop->epoll);
        free_handles(loop);
    }
}

/* ---- the capability ---- */

static uint32_t count(const struct berth_host *face) {
    (void)kit_enter(kit_host_of(face), KIT_FN_berth_loop_v1_count);
    return kit_host_of(face)->loop_count;
}

static uint32_t current(const struct berth_host *face) {
    (void)kit_enter(kit_host_of(face), KIT_FN_berth_loop_v1_current);
    return kit_role_loop();
}

struct post {
    struct kit_job job;
    struct kit_loop *loop;
    berth_loop_fn fn;
    void *user;
};

static void run_post(struct kit_job *job) {
    struct post *post = (struct post *)job;
    struct kit_loop *loop = post->loop;
    post->fn(post->user, loop->index, loop->context);
    free(post);
    kit_busy(loop->host, -1);
}

static int32_t post_to_loop(const struct berth_host *face, uint32_t loop, berth_loop_fn fn,
                            void *user) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_loop_v1_post);
    if (code || loop >= host->loop_count) {
        return code ? code : BERTH_E_INVALID;
    }
    struct post *post = kit_alloc(sizeof *post);
    *post = (struct post){{NULL, run_post}, &host->loops[loop], fn, user};
    kit_busy(host, 1);
    kit_loop_post(post->loop, &post->job);
    return BERTH_OK;
}

struct all {
    berth_loop_fn fn;
    void *user;
};

static void run_one_of_all(struct kit_loop *loop, void *arg) {
    const struct all *all = arg;
    if (loop->started) {
        all->fn(all->user, loop->index, loop->context);
    }
}

static int32_t run_on_all(const struct berth_host *face, berth_loop_fn fn, void *user) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_loop_v1_run_on_all);
    struct all all = {fn, user};
    for (uint32_t i = 0; i < host->loop_count && !code; i++) {
        kit_loop_call(&host->loops[i], run_one_of_all, &all);
    }
    return code;
}

static int32_t timer_create_on_loop(const struct berth_host *face, berth_timer_fn fn, void *user,
                                    struct berth_timer **out_timer) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_loop_v1_timer_create);
    if (code) {
        return code;
    }
    struct kit_loop *loop = &host->loops[kit_role_loop()];
    struct berth_timer *timer = kit_alloc(sizeof *timer);
    *timer = (struct berth_timer){.next = loop->timers, .loop = loop, .fn = fn, .user = user};
    loop->timers = timer;
    *out_timer = timer;
    return BERTH_OK;
}

static void timer_start(struct berth_timer *timer, uint64_t milliseconds) {
    (void)kit_enter(timer->loop->host, KIT_FN_berth_loop_v1_timer_start);
    timer->due_ns = base_monotonic_ns() + milliseconds * BASE_NS_PER_MS + 1;
}

static void timer_stop(struct berth_timer *timer) {
    (void)kit_enter(timer->loop->host, KIT_FN_berth_loop_v1_timer_stop);
    timer->due_ns = 0;
}

static void timer_destroy(struct berth_timer *timer) {
    if (timer) {
        (void)kit_enter(timer->loop->host, KIT_FN_berth_loop_v1_timer_destroy);
        timer->destroyed = true;
    }
}

static int32_t set_events(struct berth_fd_watch *watch, int operation, uint32_t events) {
    struct epoll_event event = {.data.ptr = watch};
    event.events =
        (events & BERTH_FD_READ ? EPOLLIN : 0u) | (events & BERTH_FD_WRITE ? EPOLLOUT : 0u);
    return epoll_ctl(watch->loop->epoll, operation, watch->fd, &event) == 0 ? BERTH_OK
                                                                            : BERTH_E_INVALID;
}

static int32_t fd_watch(const struct berth_host *face, int32_t fd, uint32_t events, berth_fd_fn fn,
                        void *user, struct berth_fd_watch **out_watch) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_loop_v1_fd_watch);
    if (code) {
        return code;
    }
    struct kit_loop *loop = &host->loops[kit_role_loop()];
    struct berth_fd_watch *watch = kit_alloc(sizeof *watch);
    *watch = (struct berth_fd_watch){
        .next = loop->watches, .loop = loop, .fn = fn, .user = user, .fd = fd};
    code = set_events(watch, EPOLL_CTL_ADD, events);
    if (code) {
        free(watch);
        return code;
    }
    loop->watches = watch;
    *out_watch = watch;
    return BERTH_OK;
}

static int32_t fd_modify(struct berth_fd_watch *watch, uint32_t events) {
    int32_t code = kit_enter(watch->loop->host, KIT_FN_berth_loop_v1_fd_modify);
    return code ? code : set_events(watch, EPOLL_CTL_MOD, events);
}

static void fd_unwatch(struct berth_fd_watch *watch) {
    if (watch) {
        (void)kit_enter(watch->loop->host, KIT_FN_berth_loop_v1_fd_unwatch);
        (void)epoll_ctl(watch->loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
        watch->destroyed = true;
    }
}

void kit_loop_sweep(struct kit_loop *loop) {
    for (struct berth_timer *t = loop->timers; t; t = t->next) {
        if (!t->destroyed) {
            kit_blame(KIT_BLAME_TIMER_LEFT, "a timer of loop %" PRIu32 " is left after loop_stop",
                      loop->index);
            t->destroyed = true;
        }
    }
    for (struct berth_fd_watch *w = loop->watches; w; w = w->next) {
        if (!w->destroyed) {
            kit_blame(KIT_BLAME_WATCH_LEFT,
                      "the watch of descriptor %" PRId32 " is left on loop %" PRIu32
                      " after loop_stop",
                      w->fd, loop->index);
            (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
            w->destroyed = true;
        }
    }
}

const struct berth_loop_v1 kit_loop_v1 = {
    .size = sizeof kit_loop_v1,
    .count = count,
    .current = current,
    .post = post_to_loop,
    .run_on_all = run_on_all,
    .timer_create = timer_create_on_loop,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_destroy = timer_destroy,
    .fd_watch = fd_watch,
    .fd_modify = fd_modify,
    .fd_unwatch = fd_unwatch,
};
