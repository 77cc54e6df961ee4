/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's instance and what it keeps for each loop.
 */
#ifndef ML_REMOTE_PLUGIN_H
#define ML_REMOTE_PLUGIN_H

#include <berth/identity.h>
#include <berth/log.h>
#include <berth/loop.h>
#include <berth/metrics.h>
#include <berth/nodes.h>
#include <berth/peers.h>
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/secrets.h>
#include <berth/settings.h>
#include <berth/state.h>
#include <berth/store.h>
#include <berth/worker.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "plugin/ml_remote/gate.h"
#include "plugin/ml_remote/slots.h"
#include "plugin/ml_remote/upstream.h"
#include "plugin/ml_remote/usage.h"

struct ml_settings;
struct ml_http_client;
struct ml_catalogue;
struct ml_workers;
struct ml_locked;
struct ml_ask;
struct ml_housekeeping;
struct ml_handover;

/* One per process. What is not constant after create is guarded as its comment says. */
struct ml_plugin {
    const struct berth_host *host;
    struct base_arena arena; /* what is made in start */
    const struct berth_routes_v1 *routes;
    const struct berth_settings_v1 *settings_api;
    const struct berth_nodes_v1 *nodes;
    const struct berth_store_v1 *store;
    const struct berth_identity_v1 *identity;
    const struct berth_loop_v1 *loop;
    const struct berth_worker_v1 *worker;
    const struct berth_secrets_v1 *secrets;
    const struct berth_log_v1 *log;
    const struct berth_metrics_v1 *metrics; /* NULL: the host has none */
    const struct berth_state_v1 *state;     /* NULL: the host has none */
    const struct berth_peers_v1 *peers;     /* NULL: the host has none */

    /* The settings in force; ml_settings_acquire takes a reference. */
    pthread_mutex_t settings_lock;
    struct ml_settings *settings;

    /* Held while documents that refer to one another are checked and written together: those of
     * this node queue here, against those of other nodes stands reference.h. */
    pthread_mutex_t references_lock;

    /* Held while a model is deployed by its first prediction, so that one of many does it. */
    pthread_mutex_t auto_deploy_lock;

    /* Exchanges at once, where there is a limit for all together; what is known of the services. */
    struct ml_gate *gate;
    struct ml_upstreams *upstreams;
    _Atomic uint32_t queued; /* predictions that wait for a token */

    /* What runs now, against the limits of the settings. */
    struct ml_slots registrations;
    struct ml_slots deployments;
    /* Batch predictions whose tasks are not written yet; the lock is held while one is counted in.
     */
    pthread_mutex_t batch_lock;
    _Atomic uint32_t batches_begun;

    struct ml_housekeeping *housekeeping;

    /* What the next generation has of this one; NULL: nothing. The control thread's. */
    struct ml_handover *handover;

    /* The models that are deployed on this node: plugin/ml_remote/catalogue.h. */
    struct ml_catalogue *catalogue;
    /* Those on other nodes, and which: plugin/ml_remote/workers.h. */
    struct ml_workers *workers;
    struct ml_locked *locked; /* memory of credentials: plugin/ml_remote/locked.h */

    /* What workers did, under its lock. */
    pthread_mutex_t usages_lock;
    struct ml_usages usages;
};

/* One per loop; touched by its thread alone. */
struct ml_loop {
    struct ml_plugin *plugin;
    uint32_t index;
    struct ml_settings *settings;         /* a reference */
    struct base_map models;               /* struct ml_loop_model by id */
    struct ml_http_client *client;        /* to the remote services */
    struct ml_gate_desk desk;             /* of exchanges that may begin */
    struct ml_housekeeping *housekeeping; /* on the loop that has its timer; else NULL */
    bool is_draining;                     /* the plugin is to stop */
    struct ml_micro_batch *batches;       /* that wait for more predictions */
    struct ml_ask *asks;                  /* questions that are no predictions: ask.h */
    struct ml_predict *free_predicts;
    uint32_t free_predict_count;
    struct ml_usages usages;
    void *match_data; /* of the regular expressions' library */
};

/* event: a literal. */
#define ML_LOG(plugin, level, event, ...)                                                          \
    (plugin)->log->write((plugin)->host, (level), BERTH_STR("" event),                             \
                         (const struct berth_log_field[]){__VA_ARGS__},                            \
                         (uint32_t)BASE_COUNT(((const struct berth_log_field[]){__VA_ARGS__})))
#define ML_FIELD(name, view) {BERTH_STR_INIT(name), (view)}

#endif
