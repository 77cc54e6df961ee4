/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

#include <stdlib.h>

struct berth_timer {
    uv_timer_t uv;
    struct generation *generation;
    uint32_t loop;
    struct berth_timer *next;
    struct berth_timer *previous;
    berth_timer_fn fn;
    void *user;
};

struct berth_fd_watch {
    uv_poll_t uv;
    struct generation *generation;
    uint32_t loop;
    struct berth_fd_watch *next;
    struct berth_fd_watch *previous;
    int32_t fd;
    berth_fd_fn fn;
    void *user;
};

static uint32_t count(const struct berth_host *host) {
    return loop_group_count(generation_of(host)->services->loops);
}

static uint32_t current(const struct berth_host *host) {
    (void)host;
    struct loop *loop = loop_current();
    return loop ? loop_index(loop) : BERTH_LOOP_NONE;
}

/* The calling loop, where the generation has a context; NULL and a refusal elsewhere. */
static struct loop *own_loop(struct generation *g, const char *call) {
    struct loop *loop = loop_current();
    if (generation_check(g, IN_RUNNING, call, NULL) || !loop ||
        !g->loop_started[loop_index(loop)]) {
        return NULL;
    }
    return loop;
}

/* ---- posting ---- */

struct plugin_post {
    struct loop_job job;
    struct generation *generation;
    uint32_t loop;
    berth_loop_fn fn;
    void *user;
};

static void run_post(struct loop_job *job) {
    struct plugin_post *post = (struct plugin_post *)job;
    struct generation *g = post->generation;
    post->fn(post->user, post->loop, g->route_owner.loop_contexts[post->loop]);
    free(post);
    generation_job_end(g);
}

static int32_t post(const struct berth_host *host, uint32_t loop, berth_loop_fn fn, void *user) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_RUNNING, "loop.post", NULL);
    if (!code && loop >= loop_group_count(g->services->loops)) {
        code = BERTH_E_INVALID;
    }
    struct plugin_post *job = code ? NULL : malloc(sizeof *job);
    if (!job) {
        return code ? code : BERTH_E_NO_MEMORY;
    }
    *job = (struct plugin_post){
        .job = {NULL, run_post}, .generation = g, .loop = loop, .fn = fn, .user = user};
    generation_job_begin(g);
    loop_post(loop_group_at(g->services->loops, loop), &job->job);
    return BERTH_OK;
}

struct all_call {
    struct generation *generation;
    berth_loop_fn fn;
    void *user;
};

static void run_on_one(struct loop *loop, void *arg) {
    struct all_call *call = arg;
    struct generation *g = call->generation;
    uint32_t i = loop_index(loop);
    if (g->loop_started[i]) {
        call->fn(call->user, i, g->route_owner.loop_contexts[i]);
    }
}

static int32_t run_on_all(const struct berth_host *host, berth_loop_fn fn, void *user) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_ALIVE, "loop.run_on_all", NULL);
    if (!code) {
        struct all_call call = {.generation = g, .fn = fn, .user = user};
        loop_run_on_all(g->services->loops, run_on_one, &call);
    }
    return code;
}

/* ---- timers ---- */

static void on_timer(uv_timer_t *uv) {
    struct berth_timer *timer = (struct berth_timer *)(void *)uv;
    timer->fn(timer->user);
}

static int32_t timer_create_on_loop(const struct berth_host *host, berth_timer_fn fn, void *user,
                                    struct berth_timer **out_timer) {
    struct generation *g = generation_of(host);
    struct loop *loop = own_loop(g, "loop.timer_create");
    struct berth_timer *timer = loop ? calloc(1, sizeof *timer) : NULL;
    if (!timer || uv_timer_init(loop_uv(loop), &timer->uv) != 0) {
        free(timer);
        return loop ? BERTH_E_NO_MEMORY : BERTH_E_STATE;
    }
    timer->generation = g;
    timer->loop = loop_index(loop);
    timer->fn = fn;
    timer->user = user;
    timer->next = g->timers[timer->loop];
    if (timer->next) {
        timer->next->previous = timer;
    }
    g->timers[timer->loop] = timer;
    *out_timer = timer;
    return BERTH_OK;
}

static void timer_start(struct berth_timer *timer, uint64_t milliseconds) {
    /* The loop's clock stands still while callbacks run; a timer counts from now. */
    uv_update_time(timer->uv.loop);
    (void)uv_timer_start(&timer->uv, on_timer, milliseconds, 0);
}

static void timer_stop(struct berth_timer *timer) {
    (void)uv_timer_stop(&timer->uv);
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void timer_destroy(struct berth_timer *timer) {
    if (timer) {
        struct generation *g = timer->generation;
        *(timer->previous ? &timer->previous->next : &g->timers[timer->loop]) = timer->next;
        if (timer->next) {
            timer->next->previous = timer->previous;
        }
        uv_close((uv_handle_t *)&timer->uv, free_handle);
    }
}

/* ---- file descriptors ---- */

static void on_fd(uv_poll_t *uv, int status, int seen) {
    struct berth_fd_watch *watch = (struct berth_fd_watch *)(void *)uv;
    uint32_t events = status < 0 ? BERTH_FD_ERROR : 0;
    events |= seen & UV_READABLE ? BERTH_FD_READ : 0;
    events |= seen & UV_WRITABLE ? BERTH_FD_WRITE : 0;
    watch->fn(watch->user, watch->fd, events);
}

static int32_t fd_modify(struct berth_fd_watch *watch, uint32_t events) {
    int wanted =
        (events & BERTH_FD_READ ? UV_READABLE : 0) | (events & BERTH_FD_WRITE ? UV_WRITABLE : 0);
    int code = wanted ? uv_poll_start(&watch->uv, wanted, on_fd) : uv_poll_stop(&watch->uv);
    return code == 0 ? BERTH_OK : BERTH_E_INVALID;
}

static void fd_unwatch(struct berth_fd_watch *watch) {
    if (watch) {
        struct generation *g = watch->generation;
        *(watch->previous ? &watch->previous->next : &g->fd_watches[watch->loop]) = watch->next;
        if (watch->next) {
            watch->next->previous = watch->previous;
        }
        (void)uv_poll_stop(&watch->uv);
        uv_close((uv_handle_t *)&watch->uv, free_handle);
    }
}

static int32_t fd_watch(const struct berth_host *host, int32_t fd, uint32_t events, berth_fd_fn fn,
                        void *user, struct berth_fd_watch **out_watch) {
    struct generation *g = generation_of(host);
    struct loop *loop = own_loop(g, "loop.fd_watch");
    struct berth_fd_watch *watch = loop ? calloc(1, sizeof *watch) : NULL;
    if (!watch) {
        return loop ? BERTH_E_NO_MEMORY : BERTH_E_STATE;
    }
    if (uv_poll_init(loop_uv(loop), &watch->uv, fd) != 0) {
        free(watch);
        return BERTH_E_INVALID;
    }
    watch->generation = g;
    watch->loop = loop_index(loop);
    watch->fd = fd;
    watch->fn = fn;
    watch->user = user;
    watch->next = g->fd_watches[watch->loop];
    if (watch->next) {
        watch->next->previous = watch;
    }
    g->fd_watches[watch->loop] = watch;
    int32_t code = fd_modify(watch, events);
    if (code) {
        fd_unwatch(watch);
        return code;
    }
    *out_watch = watch;
    return BERTH_OK;
}

uint32_t capabilities_sweep_loop(struct generation *g, uint32_t loop) {
    uint32_t swept = 0;
    for (; g->timers[loop]; swept++) {
        timer_destroy(g->timers[loop]);
    }
    for (; g->fd_watches[loop]; swept++) {
        fd_unwatch(g->fd_watches[loop]);
    }
    return swept;
}

const struct berth_loop_v1 cap_loop = {
    .size = sizeof cap_loop,
    .count = count,
    .current = current,
    .post = post,
    .run_on_all = run_on_all,
    .timer_create = timer_create_on_loop,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_destroy = timer_destroy,
    .fd_watch = fd_watch,
    .fd_modify = fd_modify,
    .fd_unwatch = fd_unwatch,
};
