/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/housekeeping.h"

#include "base/clock.h"
#include "plugin/ml_remote/batch_poll.h"
#include "plugin/ml_remote/placement.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/tidy.h"

#include <stdlib.h>

/* The loop that has the timer. */
#define LOOP 0u
/* Between two rounds of questions about remote jobs. */
#define POLL_NS (60ull * BASE_MS_PER_S * BASE_NS_PER_MS)

struct ml_housekeeping {
    struct ml_plugin *plugin;
    struct berth_timer *timer; /* the loop's, as is what follows */
    uint64_t interval_ms;      /* with which it runs; 0: it does not */
    _Atomic bool is_running;   /* a worker has it; what follows is the worker's */
    uint64_t polled_ns;        /* 0: never */
    struct ml_polls *polls;
};

int32_t ml_housekeeping_create(struct ml_plugin *plugin, struct ml_housekeeping **out_housekeeping,
                               struct berth_error *error) {
    struct ml_housekeeping *h = calloc(1, sizeof *h);
    struct ml_polls *polls = ml_polls_create();
    if (!h || !polls) {
        free(h);
        ml_polls_destroy(polls);
        return base_error_memory(error);
    }
    h->plugin = plugin;
    h->polls = polls;
    *out_housekeeping = h;
    return BERTH_OK;
}

void ml_housekeeping_destroy(struct ml_housekeeping *h) {
    if (h) {
        ml_polls_destroy(h->polls);
        free(h);
    }
}

/* ---- on a worker ---- */

static void poll(struct ml_housekeeping *h, const struct ml_settings *settings) {
    uint64_t now = base_monotonic_ns();
    bool is_due = !h->polled_ns || now - h->polled_ns >= POLL_NS;
    if (is_due && settings->remote_inference_enabled) {
        h->polled_ns = now;
        ml_polls_run(h->plugin, h->polls);
    }
}

static void run(void *user) {
    struct ml_housekeeping *h = user;
    struct ml_settings *settings = ml_settings_acquire(h->plugin);
    ml_tidy_idle_models(h->plugin);
    /* The rest is one node's to do for all. */
    if (ml_node_is_elected(h->plugin)) {
        ml_tidy_tasks(h->plugin, settings);
        ml_tidy_models(h->plugin);
        if (settings->auto_redeploy) {
            ml_tidy_plans(h->plugin);
        }
        poll(h, settings);
    }
    ml_settings_release(settings);
    h->is_running = false;
}

/* ---- on the loop ---- */

static void on_tick(void *user) {
    struct ml_housekeeping *h = user;
    if (!h->is_running) {
        h->is_running = true;
        /* Where the workers have no time now, they have it the next time. */
        if (h->plugin->worker->submit(h->plugin->host, run, h)) {
            h->is_running = false;
        }
    }
    h->plugin->loop->timer_start(h->timer, h->interval_ms);
}

void ml_housekeeping_follow(struct ml_loop *loop) {
    struct ml_housekeeping *h = loop->housekeeping;
    uint64_t interval_ms = loop->settings->sync_interval_ms;
    if (!h || interval_ms == h->interval_ms) {
        return;
    }
    h->interval_ms = interval_ms;
    if (interval_ms) {
        h->plugin->loop->timer_start(h->timer, interval_ms);
    } else {
        h->plugin->loop->timer_stop(h->timer);
    }
}

int32_t ml_housekeeping_start(struct ml_loop *loop, struct berth_error *error) {
    struct ml_plugin *plugin = loop->plugin;
    struct ml_housekeeping *h = plugin->housekeeping;
    if (loop->index != LOOP) {
        return BERTH_OK;
    }
    if (plugin->loop->timer_create(plugin->host, on_tick, h, &h->timer)) {
        return base_error_memory(error);
    }
    loop->housekeeping = h;
    ml_housekeeping_follow(loop);
    return BERTH_OK;
}

void ml_housekeeping_stop(struct ml_loop *loop) {
    struct ml_housekeeping *h = loop->housekeeping;
    if (h) {
        h->plugin->loop->timer_destroy(h->timer);
        loop->housekeeping = NULL;
    }
}
