/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_loop.h"

#include <berth/plugin.h>
#include <poll.h>

#include "base/clock.h"
#include "base/str.h"

static struct fake_loop *loop_of(const struct berth_host *host) {
    return (struct fake_loop *)(void *)host->context;
}

static bool must_fail(struct fake_loop *loop) {
    bool fail = loop->fail_next;
    loop->fail_next = false;
    return fail;
}

/* ---- running ---- */

/* Milliseconds until the next timer is due, rounded up; -1 without one. */
static int time_left(const struct fake_loop *loop, uint64_t now) {
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < FAKE_TIMERS_MAX; i++) {
        uint64_t due = loop->timers[i].loop ? loop->timers[i].due_ns : 0;
        next = due && due < next ? due : next;
    }
    if (next == UINT64_MAX) {
        return -1;
    }
    return next <= now ? 0 : (int)((next - now + BASE_NS_PER_MS - 1) / BASE_NS_PER_MS);
}

static void run_timers(struct fake_loop *loop) {
    uint64_t now = base_monotonic_ns();
    for (size_t i = 0; i < FAKE_TIMERS_MAX; i++) {
        struct berth_timer *timer = &loop->timers[i];
        if (timer->loop && timer->due_ns && timer->due_ns <= now) {
            timer->due_ns = 0;
            timer->fn(timer->user);
        }
    }
}

static uint32_t seen_of(short revents) {
    return (revents & POLLIN ? BERTH_FD_READ : 0) | (revents & POLLOUT ? BERTH_FD_WRITE : 0) |
           (revents & (POLLERR | POLLHUP | POLLNVAL) ? BERTH_FD_ERROR : 0);
}

void fake_loop_turn(struct fake_loop *loop) {
    struct pollfd fds[FAKE_WATCHES_MAX];
    for (size_t i = 0; i < FAKE_WATCHES_MAX; i++) {
        const struct berth_fd_watch *watch = &loop->watches[i];
        short events = (short)((watch->events & BERTH_FD_READ ? POLLIN : 0) |
                               (watch->events & BERTH_FD_WRITE ? POLLOUT : 0));
        fds[i] = (struct pollfd){.fd = watch->loop ? watch->fd : -1, .events = events};
    }
    int count = poll(fds, FAKE_WATCHES_MAX, time_left(loop, base_monotonic_ns()));
    for (size_t i = 0; i < FAKE_WATCHES_MAX && count > 0; i++) {
        struct berth_fd_watch *watch = &loop->watches[i];
        if (fds[i].revents && watch->loop && watch->fd == fds[i].fd) {
            watch->fn(watch->user, watch->fd, seen_of(fds[i].revents));
        }
    }
    run_timers(loop);
}

void fake_loop_run(struct fake_loop *loop, const bool *done) {
    while (!*done) {
        fake_loop_turn(loop);
    }
}

/* ---- the capability ---- */

static uint32_t count(const struct berth_host *host) {
    uint32_t contexts = 0;
    for (size_t i = 0; i < FAKE_CONTEXTS_MAX; i++) {
        contexts += loop_of(host)->contexts[i] != NULL;
    }
    return contexts;
}

static uint32_t current(const struct berth_host *host) {
    (void)host;
    return 0;
}

static int32_t run_on_all(const struct berth_host *host, berth_loop_fn fn, void *user) {
    struct fake_loop *loop = loop_of(host);
    for (uint32_t i = 0; i < FAKE_CONTEXTS_MAX; i++) {
        if (loop->contexts[i]) {
            fn(user, i, loop->contexts[i]);
        }
    }
    return BERTH_OK;
}

/* At once, since there is one thread. */
static int32_t post(const struct berth_host *host, uint32_t index, berth_loop_fn fn, void *user) {
    struct fake_loop *loop = loop_of(host);
    if (index >= FAKE_CONTEXTS_MAX || must_fail(loop)) {
        return BERTH_E_NO_MEMORY;
    }
    fn(user, index, loop->contexts[index]);
    return BERTH_OK;
}

static int32_t timer_create_(const struct berth_host *host, berth_timer_fn fn, void *user,
                             struct berth_timer **out_timer) {
    struct fake_loop *loop = loop_of(host);
    for (size_t i = 0; i < FAKE_TIMERS_MAX && !loop->no_timers && !must_fail(loop); i++) {
        if (!loop->timers[i].loop) {
            loop->timers[i] = (struct berth_timer){.loop = loop, .fn = fn, .user = user};
            *out_timer = &loop->timers[i];
            return BERTH_OK;
        }
    }
    return BERTH_E_NO_MEMORY;
}

static void timer_start(struct berth_timer *timer, uint64_t milliseconds) {
    timer->due_ns = base_monotonic_ns() + milliseconds * BASE_NS_PER_MS;
}

static void timer_stop(struct berth_timer *timer) {
    timer->due_ns = 0;
}

static void timer_destroy(struct berth_timer *timer) {
    if (timer) {
        *timer = (struct berth_timer){0};
    }
}

static int32_t fd_watch(const struct berth_host *host, int32_t fd, uint32_t events, berth_fd_fn fn,
                        void *user, struct berth_fd_watch **out_watch) {
    struct fake_loop *loop = loop_of(host);
    for (size_t i = 0; i < FAKE_WATCHES_MAX && !must_fail(loop); i++) {
        if (!loop->watches[i].loop) {
            loop->watches[i] = (struct berth_fd_watch){
                .loop = loop, .fd = fd, .events = events, .fn = fn, .user = user};
            *out_watch = &loop->watches[i];
            return BERTH_OK;
        }
    }
    return BERTH_E_NO_MEMORY;
}

static int32_t fd_modify(struct berth_fd_watch *watch, uint32_t events) {
    watch->events = events;
    return BERTH_OK;
}

static void fd_unwatch(struct berth_fd_watch *watch) {
    if (watch) {
        *watch = (struct berth_fd_watch){0};
    }
}

const struct berth_loop_v1 fake_loop_v1 = {
    .size = sizeof fake_loop_v1,
    .count = count,
    .current = current,
    .post = post,
    .run_on_all = run_on_all,
    .timer_create = timer_create_,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_destroy = timer_destroy,
    .fd_watch = fd_watch,
    .fd_modify = fd_modify,
    .fd_unwatch = fd_unwatch,
};
