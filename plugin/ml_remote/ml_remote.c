/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ml_remote.so: the remote-model half of OpenSearch's ML Commons API.
 *
 * This file is the plugin's face to the host: its descriptor and its lifecycle.
 */
#include "plugin/ml_remote/ask.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/handover.h"
#include "plugin/ml_remote/housekeeping.h"
#include "plugin/ml_remote/locked.h"
#include "plugin/ml_remote/metrics.h"
#include "plugin/ml_remote/predict.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/workers.h"

#include <stdlib.h>

#define ARENA_CHUNK 2048

/* ---- create and destroy ---- */

/* NULL where the host has it not. */
static const void *get_optional(const struct ml_plugin *plugin, struct berth_str id) {
    struct berth_error ignored = BASE_ERROR_INIT;
    const void *table = NULL;
    return plugin->host->get_capability(plugin->host, id, &table, &ignored) ? NULL : table;
}

static int32_t get_capabilities(struct ml_plugin *plugin, struct berth_error *error) {
    const struct {
        struct berth_str id;
        const void *table;
    } wanted[] = {
        {BERTH_STR_INIT(BERTH_ROUTES_ID), &plugin->routes},
        {BERTH_STR_INIT(BERTH_SETTINGS_ID), &plugin->settings_api},
        {BERTH_STR_INIT(BERTH_NODES_ID), &plugin->nodes},
        {BERTH_STR_INIT(BERTH_STORE_ID), &plugin->store},
        {BERTH_STR_INIT(BERTH_IDENTITY_ID), &plugin->identity},
        {BERTH_STR_INIT(BERTH_LOOP_ID), &plugin->loop},
        {BERTH_STR_INIT(BERTH_WORKER_ID), &plugin->worker},
        {BERTH_STR_INIT(BERTH_SECRETS_ID), &plugin->secrets},
        {BERTH_STR_INIT(BERTH_LOG_ID), &plugin->log},
    };
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(wanted) && !code; i++) {
        code = plugin->host->get_capability(plugin->host, wanted[i].id,
                                            (const void **)(uintptr_t)wanted[i].table, error);
    }
    if (!code) {
        /* Without these nobody is told the figures, and the next generation begins anew. */
        plugin->metrics = get_optional(plugin, BERTH_STR(BERTH_METRICS_ID));
        plugin->state = get_optional(plugin, BERTH_STR(BERTH_STATE_ID));
        plugin->peers = get_optional(plugin, BERTH_STR(BERTH_PEERS_ID));
    }
    return code;
}

static void destroy(void *user) {
    struct ml_plugin *plugin = user;
    ml_handover_destroy(plugin->handover);
    ml_catalogue_destroy(plugin->catalogue);
    ml_workers_destroy(plugin->workers);
    ml_housekeeping_destroy(plugin->housekeeping);
    ml_settings_release(plugin->settings);
    (void)pthread_mutex_destroy(&plugin->settings_lock);
    (void)pthread_mutex_destroy(&plugin->references_lock);
    (void)pthread_mutex_destroy(&plugin->auto_deploy_lock);
    (void)pthread_mutex_destroy(&plugin->usages_lock);
    ml_usages_deinit(&plugin->usages);
    (void)pthread_mutex_destroy(&plugin->batch_lock);
    ml_upstreams_destroy(plugin->upstreams);
    ml_gate_unref(plugin->gate);
    ml_locked_destroy(plugin->locked);
    base_arena_deinit(&plugin->arena);
    free(plugin);
}

static int32_t create(const struct berth_host *host, void **out_plugin, struct berth_error *error) {
    struct ml_plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin) {
        return base_error_memory(error);
    }
    plugin->host = host;
    (void)pthread_mutex_init(&plugin->settings_lock, NULL);
    (void)pthread_mutex_init(&plugin->references_lock, NULL);
    (void)pthread_mutex_init(&plugin->auto_deploy_lock, NULL);
    (void)pthread_mutex_init(&plugin->usages_lock, NULL);
    (void)pthread_mutex_init(&plugin->batch_lock, NULL);
    base_arena_init(&plugin->arena, ARENA_CHUNK);
    plugin->gate = ml_gate_create();
    plugin->upstreams = ml_upstreams_create();
    plugin->locked = ml_locked_create();
    int32_t code = plugin->gate && plugin->upstreams && plugin->locked
                       ? get_capabilities(plugin, error)
                       : base_error_memory(error);
    code = code ? code : ml_catalogue_create(plugin, &plugin->catalogue, error);
    code = code ? code : ml_workers_create(plugin, &plugin->workers, error);
    code = code ? code : ml_housekeeping_create(plugin, &plugin->housekeeping, error);
    if (code) {
        destroy(plugin);
        return code;
    }
    *out_plugin = plugin;
    return BERTH_OK;
}

/* ---- start and stop ---- */

static int32_t start(void *user, struct berth_error *error) {
    struct ml_plugin *plugin = user;
    int32_t code = ml_settings_declare(plugin, error);
    code = code ? code : ml_documents_declare(plugin, error);
    code = code ? code : ml_routes_add(plugin, error);
    code = code ? code : ml_metrics_add(plugin, error);
    code = code ? code : ml_handover_declare(plugin, error);
    return code ? code : ml_catalogue_start(plugin, error);
}

static void serve(void *user) {
    struct ml_plugin *plugin = user;
    struct ml_settings *settings = ml_settings_acquire(plugin);
    if (!settings->node_is_eligible) {
        /* Roles or settings were changed while the node was down. */
        ml_deploy_evict_later(plugin);
    }
    ml_settings_release(settings);
}

static void drain_loop(void *user, uint32_t index, void *context) {
    (void)user;
    (void)index;
    ml_ask_drain_loop(context);
}

static void drain(void *user) {
    struct ml_plugin *plugin = user;
    (void)plugin->loop->run_on_all(plugin->host, drain_loop, plugin);
}

static void tell(void *user, uint32_t index, void *context) {
    struct ml_loop *loop = context;
    (void)user;
    (void)index;
    if (loop) {
        ml_gate_tell(&loop->desk);
    }
}

/* Where there is no memory for it, the one who waits finds out when it has waited too long. */
static void ring(struct ml_gate_desk *desk) {
    const struct ml_loop *loop =
        (const struct ml_loop *)(const void *)((const char *)desk - offsetof(struct ml_loop, desk));
    (void)loop->plugin->loop->post(loop->plugin->host, loop->index, tell, NULL);
}

static void loop_stop(void *user, uint32_t index, void *context) {
    struct ml_loop *loop = context;
    (void)user;
    (void)index;
    ml_housekeeping_stop(loop);
    ml_ask_stop_loop(loop);
    ml_http_client_destroy(loop->client);
    ml_catalogue_stop_loop(loop);
    while (loop->free_predicts) {
        struct ml_predict *next = loop->free_predicts->next;
        ml_predict_free(loop->free_predicts);
        loop->free_predicts = next;
    }
    ml_usages_deinit(&loop->usages);
    ml_trust_scratch_destroy(loop->match_data);
    ml_gate_desk_deinit(&loop->desk);
    ml_settings_release(loop->settings);
    free(loop);
}

static int32_t loop_start(void *user, uint32_t index, void **out_context,
                          struct berth_error *error) {
    struct ml_plugin *plugin = user;
    /* Without a first snapshot, for which there was no memory, nothing can be served. */
    struct ml_loop *loop = ml_settings_known(plugin) ? calloc(1, sizeof *loop) : NULL;
    if (!loop) {
        return base_error_memory(error);
    }
    loop->plugin = plugin;
    loop->index = index;
    ml_gate_desk_init(&loop->desk, ring);
    loop->settings = ml_settings_acquire(plugin);
    loop->match_data = ml_trust_scratch_create();
    int32_t code = loop->match_data ? BERTH_OK : base_error_memory(error);
    code = code ? code : ml_http_client_create(plugin, &loop->client, error);
    if (!code && ml_catalogue_start_loop(loop)) {
        code = base_error_memory(error);
    }
    code = code ? code : ml_housekeeping_start(loop, error);
    if (code) {
        loop_stop(plugin, index, loop);
        return code;
    }
    *out_context = loop;
    return BERTH_OK;
}

/* Nothing runs beside the loops and the worker jobs, which the host ends. */
static void stop(void *user) {
    (void)user;
}

/* ---- the descriptor ---- */

static const struct berth_lifecycle lifecycle = {
    .size = sizeof lifecycle,
    .create = create,
    .start = start,
    .loop_start = loop_start,
    .serve = serve,
    .drain = drain,
    .loop_stop = loop_stop,
    .stop = stop,
    .destroy = destroy,
};

static const struct berth_capability_need capabilities[] = {
    {BERTH_STR_INIT(BERTH_ROUTES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SETTINGS_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_NODES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_STORE_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_IDENTITY_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_LOOP_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_WORKER_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SECRETS_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_LOG_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_METRICS_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_STATE_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_PEERS_ID), BERTH_NEED_OPTIONAL, 0},
};

BERTH_EXPORT const struct berth_plugin_descriptor berth_plugin = {
    .size = sizeof berth_plugin,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .abi_minor_floor = 0,
    .name = BERTH_STR_INIT("ml_remote"),
    .version = BERTH_STR_INIT(ML_REMOTE_VERSION),
    .description = BERTH_STR_INIT("Remote models behind OpenSearch's ML Commons API"),
    .component = BERTH_STR_INIT("opensearch-ml"),
    .component_version = BERTH_STR_INIT("2.19.4.0"),
    .capabilities = capabilities,
    .capability_count = BASE_COUNT(capabilities),
    .lifecycle = &lifecycle,
};
