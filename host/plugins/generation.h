/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation: one loaded file of a plugin, with its instance and all that it registered.
 *
 * The host moves it through the states of berth/lifecycle.h, on the control thread. What it
 * registers is recorded under it and swept when it stops.
 */
#ifndef HOST_PLUGINS_GENERATION_H
#define HOST_PLUGINS_GENERATION_H

#include <berth/metrics.h>
#include <berth/plugin.h>
#include <berth/state.h>
#include <pthread.h>
#include <stdatomic.h>

#include "host/base/log.h"
#include "host/loop/worker.h"
#include "host/nodes/nodes.h"
#include "host/peers/peers.h"
#include "host/plugins/manifest.h"
#include "host/router/router.h"
#include "host/security/secrets.h"
#include "host/settings/settings.h"
#include "host/store/store.h"

/* What capabilities are made of. */
struct plugin_services {
    struct loop_group *loops;
    struct worker_pool *workers;
    struct worker_pool *peer_workers; /* NULL: this node is alone */
    struct router *router;
    struct settings *settings;
    struct nodes *nodes;
    struct store *store;
    struct secrets *secrets;
    struct peers *peers; /* NULL: this node is alone */
    struct log *log;
    const char *run_path; /* a private directory for the copies that are loaded */
};

/* Bytes of a generation's name, with the end. */
#define PLUGIN_GENERATION_NAME 96

struct generation {
    struct generation *next;
    const struct plugin_services *services;
    struct manifest manifest;
    char owner[PLUGIN_GENERATION_NAME]; /* "name#number" */
    char *file;                         /* the copy that is loaded */
    void *handle;
    const struct berth_lifecycle *lifecycle;
    struct berth_host face;
    void *instance;
    _Atomic uint32_t state;
    struct route_owner route_owner;
    struct route_set routes;
    bool loop_started[LOOPS_MAX]; /* each belongs to its loop */
    struct berth_timer *timers[LOOPS_MAX];
    struct berth_fd_watch *fd_watches[LOOPS_MAX];
    berth_metrics_fn metrics; /* NULL: it has none */
    void *metrics_user;
    struct berth_state_hooks state_hooks; /* all zero: it hands nothing over */
    bool has_handed_over;                 /* all, and not the rest */
    pthread_mutex_t jobs_lock;
    pthread_cond_t jobs_done;
    uint64_t jobs;               /* under jobs_lock: worker jobs and posts that have not ended */
    _Atomic uint64_t started_ms; /* Unix time of serve; listings read it beside */
    _Atomic uint64_t refused_calls;
};

/*
 * Copies the file, reads and judges it, loads it. The result is LOADED. probe_ms: how long it may
 * take to start in a process of its own before it is loaded into this one; 0: that is not tried.
 */
int32_t generation_load(const struct plugin_services *services, const char *path, uint64_t number,
                        uint64_t probe_ms, struct generation **out_generation,
                        struct berth_error *error);

/* create and start: STARTED. On failure it is DESTROYED; unload it. */
int32_t generation_start(struct generation *generation, struct berth_error *error);

/* The values in force, then a context on every loop. Still STARTED; on failure DESTROYED. */
int32_t generation_start_loops(struct generation *generation, struct berth_error *error);

/* When its routes are published: SERVING. */
void generation_serve(struct generation *generation);

/*
 * From SERVING to DRAINING; its routes are not published any more. Returns the requests that are in
 * flight when deadline_ms is over. In another state it does nothing. May be called again.
 */
uint64_t generation_drain(struct generation *generation, uint64_t deadline_ms);

/* From any state, but drained, to DESTROYED. */
void generation_stop(struct generation *generation);

/* Unmaps it and frees the rest. NULL is allowed. False: its code is still mapped. */
bool generation_unload(struct generation *generation);

const char *generation_state_name(uint32_t state);

/* The error of a plugin's function, with both names; one is made where the plugin gave none. */
int32_t generation_failed(struct generation *generation, const char *call, int32_t code,
                          struct berth_error *error);

/* ---- for the capabilities ---- */

static inline struct generation *generation_of(const struct berth_host *host) {
    return (struct generation *)(void *)host->context;
}

/* Bits of states in which a call is allowed. */
#define IN_STATE(name) (1u << BERTH_STATE_##name)
#define IN_ALIVE (IN_STATE(CREATED) | IN_STATE(STARTED) | IN_STATE(SERVING) | IN_STATE(DRAINING))
#define IN_RUNNING (IN_STATE(STARTED) | IN_STATE(SERVING) | IN_STATE(DRAINING))

/* STATE with its message, logged with the plugin's name, unless the state is one of these. */
int32_t generation_check(struct generation *generation, uint32_t states, const char *call,
                         struct berth_error *error);

/* STATE when the call may block and the calling thread is a loop. */
int32_t generation_check_blocking(struct generation *generation, uint32_t states, const char *call,
                                  struct berth_error *error);

void generation_job_begin(struct generation *generation);
void generation_job_end(struct generation *generation);

#endif
