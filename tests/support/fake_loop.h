/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event loop for tests of plugins: timers and descriptors on poll, run by the test itself.
 *
 * It belongs to the thread that runs it; what is posted to it runs at once. All memory is in the
 * struct, so that it never stands in the way of failure injection; `fail_next` makes the next call
 * that can fail do so.
 */
#ifndef TESTS_SUPPORT_FAKE_LOOP_H
#define TESTS_SUPPORT_FAKE_LOOP_H

#include <berth/loop.h>
#include <stdbool.h>

#define FAKE_TIMERS_MAX 4
#define FAKE_WATCHES_MAX 32
#define FAKE_CONTEXTS_MAX 2

struct fake_loop;

struct berth_timer {
    struct fake_loop *loop; /* NULL: free */
    berth_timer_fn fn;
    void *user;
    uint64_t due_ns; /* 0: not started */
};

struct berth_fd_watch {
    struct fake_loop *loop; /* NULL: free */
    int32_t fd;
    uint32_t events;
    berth_fd_fn fn;
    void *user;
};

struct fake_loop {
    struct berth_timer timers[FAKE_TIMERS_MAX];
    struct berth_fd_watch watches[FAKE_WATCHES_MAX];
    void *contexts[FAKE_CONTEXTS_MAX]; /* of run_on_all; NULL: no such loop */
    bool fail_next;
    bool no_timers; /* timer_create fails */
};

/* Waits for one thing to happen, and has it handled. */
void fake_loop_turn(struct fake_loop *loop);
/* Turns until *done is true. */
void fake_loop_run(struct fake_loop *loop, const bool *done);

/* The capability; its functions that take a host work on host->context, a struct fake_loop. */
extern const struct berth_loop_v1 fake_loop_v1;

#endif
