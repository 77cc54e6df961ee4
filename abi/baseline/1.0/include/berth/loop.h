/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.loop/1: the event loops, one a thread, on which requests are served.
 *
 * What runs on a loop does not block. What a plugin keeps for a loop stands in the context that
 * its loop_start made; no other thread touches it, so it needs no lock.
 */
#ifndef BERTH_LOOP_H
#define BERTH_LOOP_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_LOOP_ID "berth.loop/1"

struct berth_host;

/* Opaque: a timer, and the watch of a file descriptor, each of one loop. */
struct berth_timer;
struct berth_fd_watch;

/* What a file descriptor is watched for, and what was seen. */
#define BERTH_FD_READ 1u
#define BERTH_FD_WRITE 2u
#define BERTH_FD_ERROR 4u

/* The number of a thread that is no loop. */
#define BERTH_LOOP_NONE 0xffffffffu

/*
 * A timer's time has come.
 * @thread loop
 * @state STARTED SERVING DRAINING
 * @owner nothing changes hands
 * @errors none
 */
typedef void (*berth_timer_fn)(void *user);

/*
 * A watched descriptor has one of the events that stand in events.
 * @thread loop
 * @state STARTED SERVING DRAINING
 * @owner nothing changes hands
 * @errors none
 */
typedef void (*berth_fd_fn)(void *user, int32_t fd, uint32_t events);

/*
 * What post and run_on_all run on a loop. context is what loop_start made for it; NULL once
 * loop_stop has run.
 * @thread loop
 * @state CREATED STARTED SERVING DRAINING
 * @owner the plugin owns the context
 * @errors none
 */
typedef void (*berth_loop_fn)(void *user, uint32_t loop, void *context);

struct berth_loop_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Gives the number of loops; they are numbered from 0.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors none
     */
    uint32_t (*count)(const struct berth_host *host);

    /*
     * Gives the number of the calling thread's loop, or BERTH_LOOP_NONE.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors none
     */
    uint32_t (*current)(const struct berth_host *host);

    /*
     * Has fn run on a loop. Posts from one thread to one loop run in order.
     * @thread any
     * @state STARTED SERVING DRAINING
     * @owner borrows user until fn has run
     * @errors INVALID STATE NO_MEMORY
     */
    int32_t (*post)(const struct berth_host *host, uint32_t loop, berth_loop_fn fn, void *user);

    /*
     * Has fn run on every loop that has a context of the plugin, and returns when it has run on
     * all of them.
     * @thread control worker feed
     * @state CREATED STARTED SERVING DRAINING
     * @owner borrows user until return
     * @errors STATE
     */
    int32_t (*run_on_all)(const struct berth_host *host, berth_loop_fn fn, void *user);

    /*
     * Makes a timer of the calling loop; it runs after timer_start.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner the host owns the timer until timer_destroy; borrows user until then
     * @errors STATE NO_MEMORY
     */
    int32_t (*timer_create)(const struct berth_host *host, berth_timer_fn fn, void *user,
                            struct berth_timer **out_timer);

    /*
     * Has the timer's fn called once, after so many milliseconds from now. Replaces an earlier
     * start.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors none
     */
    void (*timer_start)(struct berth_timer *timer, uint64_t milliseconds);

    /*
     * Stops the timer; its fn is not called until it is started again.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors none
     */
    void (*timer_stop)(struct berth_timer *timer);

    /*
     * Ends the timer; its fn is not called any more.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner consumes the timer; NULL is allowed
     * @errors none
     */
    void (*timer_destroy)(struct berth_timer *timer);

    /*
     * Watches a file descriptor on the calling loop: fn is called while one of events holds.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner the host owns the watch until fd_unwatch; the descriptor stays the caller's
     * @errors INVALID STATE NO_MEMORY
     */
    int32_t (*fd_watch)(const struct berth_host *host, int32_t fd, uint32_t events, berth_fd_fn fn,
                        void *user, struct berth_fd_watch **out_watch);

    /*
     * Changes what the descriptor is watched for.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors INVALID
     */
    int32_t (*fd_modify)(struct berth_fd_watch *watch, uint32_t events);

    /*
     * Ends a watch. The descriptor may be closed as soon as this has returned.
     * @thread loop
     * @state STARTED SERVING DRAINING
     * @owner consumes the watch; NULL is allowed
     * @errors none
     */
    void (*fd_unwatch)(struct berth_fd_watch *watch);
};
BERTH_ASSERT_SIZE(struct berth_loop_v1, 96);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, count, 8);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, current, 16);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, post, 24);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, run_on_all, 32);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, timer_create, 40);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, timer_start, 48);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, timer_stop, 56);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, timer_destroy, 64);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, fd_watch, 72);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, fd_modify, 80);
BERTH_ASSERT_OFFSET(struct berth_loop_v1, fd_unwatch, 88);

BERTH_EXTERN_C_END

#endif
