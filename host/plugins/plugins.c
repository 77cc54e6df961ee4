/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/plugins_internal.h"

#include "host/plugins/handover.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Between looks at whether there is room for one more generation. */
#define ROOM_LOOK_US 1000

int32_t plugins_create(const struct plugin_services *services, struct route_set *host_routes,
                       struct plugins **out_plugins, struct berth_error *error) {
    struct plugins *plugins = calloc(1, sizeof *plugins);
    if (!plugins) {
        return base_error_memory(error);
    }
    plugins->services = services;
    plugins->host_routes = host_routes;
    (void)pthread_mutex_init(&plugins->control, NULL);
    (void)pthread_mutex_init(&plugins->lock, NULL);
    *out_plugins = plugins;
    return BERTH_OK;
}

void plugins_destroy(struct plugins *plugins) {
    if (plugins) {
        (void)pthread_mutex_destroy(&plugins->lock);
        (void)pthread_mutex_destroy(&plugins->control);
        free(plugins);
    }
}

int32_t plugins_publish_list(struct plugins *plugins, struct generation *first,
                             struct berth_error *error) {
    struct route_set *sets[PLUGINS_MAX + 1] = {plugins->host_routes};
    uint32_t count = 1;
    for (struct generation *g = first; g; g = g->next) {
        if (count > PLUGINS_MAX) {
            return base_error(error, BERTH_E_LIMIT, "a process has at most %u plugins",
                              PLUGINS_MAX);
        }
        sets[count++] = &g->routes;
    }
    return router_publish(plugins->services->router, sets, count, error);
}

int32_t plugins_publish(struct plugins *plugins, struct berth_error *error) {
    return plugins_publish_list(plugins, plugins->generations, error);
}

struct generation *plugins_find(struct plugins *plugins, struct berth_str name) {
    struct generation *g = plugins->generations;
    while (g && !base_str_eq(g->manifest.name, name)) {
        g = g->next;
    }
    return g;
}

/* ---- loading ---- */

static int32_t check_name(struct plugins *plugins, const struct generation *loaded,
                          struct berth_error *error) {
    const struct generation *g = plugins_find(plugins, loaded->manifest.name);
    return g ? base_error(error, BERTH_E_EXISTS,
                          "a plugin [" BASE_FMT "] is loaded already, from [" BASE_FMT "]",
                          BASE_ARG(g->manifest.name), BASE_ARG(g->manifest.path))
             : BERTH_OK;
}

/* Loads and starts; on failure nothing is left. */
static int32_t bring_up(struct plugins *plugins, const char *path, uint64_t probe_ms,
                        struct generation **out_generation, struct berth_error *error) {
    struct generation *g = NULL;
    int32_t code = generation_load(plugins->services, path, ++plugins->loaded, probe_ms, &g, error);
    if (code) {
        return code;
    }
    code = check_name(plugins, g, error);
    code = code ? code : generation_start(g, error);
    code = code ? code : generation_start_loops(g, error);
    if (code) {
        (void)generation_unload(g);
        return code;
    }
    *out_generation = g;
    return BERTH_OK;
}

static int32_t load(struct plugins *plugins, const char *path, uint64_t probe_ms,
                    char out_name[PLUGIN_GENERATION_NAME], struct berth_error *error) {
    struct generation *g = NULL;
    int32_t code = bring_up(plugins, path, probe_ms, &g, error);
    if (code) {
        return code;
    }
    g->next = plugins->generations;
    code = plugins_publish_list(plugins, g, error);
    if (code) {
        generation_stop(g);
        (void)generation_unload(g);
        return code;
    }
    (void)pthread_mutex_lock(&plugins->lock);
    plugins->generations = g;
    (void)pthread_mutex_unlock(&plugins->lock);
    generation_serve(g);
    (void)snprintf(out_name, PLUGIN_GENERATION_NAME, "%s", g->owner);
    LOG(plugins->services->log, BERTH_LOG_INFO, "plugin_serving",
        LOG_FIELD("plugin", base_cstr(g->owner)), LOG_FIELD("version", g->manifest.version),
        LOG_FIELD("file", g->manifest.path), LOG_FIELD("sha256", base_cstr(g->manifest.sha256)));
    return BERTH_OK;
}

int32_t plugins_load(struct plugins *plugins, const char *path, uint64_t probe_ms,
                     char out_name[PLUGIN_GENERATION_NAME], struct berth_error *error) {
    (void)pthread_mutex_lock(&plugins->control);
    int32_t code = load(plugins, path, probe_ms, out_name, error);
    (void)pthread_mutex_unlock(&plugins->control);
    return code;
}

/* ---- retiring ---- */

/* Takes one out of a list. */
static void unlist(struct plugins *plugins, struct generation **list, struct generation *g) {
    (void)pthread_mutex_lock(&plugins->lock);
    while (*list != g) {
        list = &(*list)->next;
    }
    *list = g->next;
    g->next = NULL;
    (void)pthread_mutex_unlock(&plugins->lock);
}

bool plugins_retire(struct plugins *plugins, struct generation *g, uint64_t deadline_ms,
                    bool *out_is_gone) {
    char owner[sizeof g->owner];
    (void)snprintf(owner, sizeof owner, "%s", g->owner);
    if (generation_drain(g, deadline_ms)) {
        return false;
    }
    struct generation *heir = plugins_find(plugins, g->manifest.name);
    if (heir) {
        handover_rest(g, heir);
    }
    generation_stop(g);
    *out_is_gone = generation_unload(g);
    if (!*out_is_gone) {
        LOG(plugins->services->log, BERTH_LOG_ERROR, "plugin_still_mapped",
            LOG_FIELD("plugin", base_cstr(owner)));
    }
    return true;
}

void plugins_quarantine(struct plugins *plugins, struct generation *g) {
    LOG(plugins->services->log, BERTH_LOG_WARN, "plugin_quarantined",
        LOG_FIELD("plugin", base_cstr(g->owner)));
    (void)pthread_mutex_lock(&plugins->lock);
    g->next = plugins->quarantined;
    plugins->quarantined = g;
    (void)pthread_mutex_unlock(&plugins->lock);
}

/* Of those kept, retires who has ended; gives one of this name that has not. */
static const struct generation *retire_ended(struct plugins *plugins, struct berth_str name) {
    const struct generation *kept = NULL;
    struct generation *next = NULL;
    for (struct generation *g = plugins->quarantined; g; g = next) {
        bool is_gone = false;
        next = g->next;
        if (router_in_flight(plugins->services->router, &g->route_owner) > 0) {
            kept = base_str_eq(g->manifest.name, name) ? g : kept;
            continue;
        }
        unlist(plugins, &plugins->quarantined, g);
        (void)plugins_retire(plugins, g, 0, &is_gone);
    }
    return kept;
}

int32_t plugins_make_room(struct plugins *plugins, struct berth_str name, uint64_t deadline_ms,
                          struct berth_error *error) {
    uint64_t end = base_monotonic_ns() + deadline_ms * BASE_NS_PER_MS;
    const struct generation *kept;
    while ((kept = retire_ended(plugins, name))) {
        if (base_monotonic_ns() >= end) {
            return base_error(
                error, BERTH_E_UNAVAILABLE,
                "[%s] still has %llu requests in flight, and no more than two generations of a "
                "plugin live at once",
                kept->owner,
                (unsigned long long)router_in_flight(plugins->services->router,
                                                     &kept->route_owner));
        }
        (void)usleep(ROOM_LOOK_US);
    }
    return BERTH_OK;
}

/* ---- unloading ---- */

static int32_t unload(struct plugins *plugins, struct berth_str name, uint64_t deadline_ms,
                      struct plugins_unloaded *out, struct berth_error *error) {
    struct generation *g = plugins_find(plugins, name);
    if (!g) {
        return base_error(error, BERTH_E_NOT_FOUND, "there is no plugin [" BASE_FMT "]",
                          BASE_ARG(name));
    }
    int32_t code = plugins_make_room(plugins, name, deadline_ms, error);
    if (code) {
        return code;
    }
    unlist(plugins, &plugins->generations, g);
    code = plugins_publish(plugins, error);
    if (code) {
        (void)pthread_mutex_lock(&plugins->lock);
        g->next = plugins->generations;
        plugins->generations = g;
        (void)pthread_mutex_unlock(&plugins->lock);
        return code;
    }
    *out = (struct plugins_unloaded){.is_gone = true};
    (void)snprintf(out->generation, sizeof out->generation, "%s", g->owner);
    LOG(plugins->services->log, BERTH_LOG_INFO, "plugin_unloaded",
        LOG_FIELD("plugin", base_cstr(g->owner)));
    uint64_t began = base_monotonic_ns();
    if (!plugins_retire(plugins, g, deadline_ms, &out->is_gone)) {
        out->is_gone = false;
        plugins_quarantine(plugins, g);
    }
    out->drain_ms = (base_monotonic_ns() - began) / BASE_NS_PER_MS;
    return BERTH_OK;
}

int32_t plugins_unload(struct plugins *plugins, struct berth_str name, uint64_t deadline_ms,
                       struct plugins_unloaded *out, struct berth_error *error) {
    (void)pthread_mutex_lock(&plugins->control);
    int32_t code = unload(plugins, name, deadline_ms, out, error);
    (void)pthread_mutex_unlock(&plugins->control);
    return code;
}

/* ---- stopping ---- */

static void stop(struct plugins *plugins, struct generation **list, uint64_t deadline_ms) {
    while (*list) {
        struct generation *g = *list;
        bool is_gone = false;
        (void)pthread_mutex_lock(&plugins->lock);
        *list = g->next;
        (void)pthread_mutex_unlock(&plugins->lock);
        if (!plugins_retire(plugins, g, deadline_ms, &is_gone)) {
            /* Its requests would return into code that is gone: the process ends with it mapped. */
            LOG(plugins->services->log, BERTH_LOG_ERROR, "plugin_would_not_stop",
                LOG_FIELD("plugin", base_cstr(g->owner)));
        }
    }
}

void plugins_stop(struct plugins *plugins, uint64_t deadline_ms) {
    (void)pthread_mutex_lock(&plugins->control);
    (void)plugins_publish_list(plugins, NULL, NULL);
    stop(plugins, &plugins->generations, deadline_ms);
    stop(plugins, &plugins->quarantined, deadline_ms);
    (void)pthread_mutex_unlock(&plugins->control);
}
