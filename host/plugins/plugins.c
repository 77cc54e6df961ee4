/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/plugins.h"

#include "host/plugins/capabilities.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Plugins of one process; more are refused. */
#define PLUGINS_MAX 64u

struct plugins {
    const struct plugin_services *services;
    struct route_set *host_routes;
    pthread_mutex_t control;        /* held while a plugin is loaded, replaced or stopped */
    pthread_mutex_t lock;           /* guards generations against listings */
    struct generation *generations; /* the last loaded first */
    struct generation *quarantined; /* replaced, and did not end in time; guarded likewise */
    uint64_t loaded;
    struct plugins_stats stats; /* guarded by lock */
};

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

/* Makes the routes of the host and of these generations the ones that are served. */
static int32_t publish(struct plugins *plugins, struct generation *first,
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
    return publish(plugins, plugins->generations, error);
}

static int32_t check_name(struct plugins *plugins, const struct generation *loaded,
                          struct berth_error *error) {
    for (struct generation *g = plugins->generations; g; g = g->next) {
        if (base_str_eq(g->manifest.name, loaded->manifest.name)) {
            return base_error(error, BERTH_E_EXISTS,
                              "a plugin [" BASE_FMT "] is loaded already, from [" BASE_FMT "]",
                              BASE_ARG(g->manifest.name), BASE_ARG(g->manifest.path));
        }
    }
    return BERTH_OK;
}

/* Loads and starts; on failure nothing is left. */
static int32_t bring_up(struct plugins *plugins, const char *path,
                        struct generation **out_generation, struct berth_error *error) {
    struct generation *g = NULL;
    int32_t code = generation_load(plugins->services, path, ++plugins->loaded, 0, &g, error);
    if (code) {
        return code;
    }
    code = check_name(plugins, g, error);
    code = code ? code : generation_start(g, error);
    if (code) {
        (void)generation_unload(g);
        return code;
    }
    *out_generation = g;
    return BERTH_OK;
}

static int32_t load(struct plugins *plugins, const char *path, struct berth_error *error) {
    struct generation *g = NULL;
    int32_t code = bring_up(plugins, path, &g, error);
    if (code) {
        return code;
    }
    code = generation_start_loops(g, error);
    if (!code) {
        g->next = plugins->generations;
        code = publish(plugins, g, error);
        if (code) {
            (void)generation_stop(g, 0);
        }
    }
    if (code) {
        (void)generation_unload(g);
        return code;
    }
    (void)pthread_mutex_lock(&plugins->lock);
    plugins->generations = g;
    (void)pthread_mutex_unlock(&plugins->lock);
    generation_serve(g);
    LOG(plugins->services->log, BERTH_LOG_INFO, "plugin_serving",
        LOG_FIELD("plugin", base_cstr(g->owner)), LOG_FIELD("version", g->manifest.version),
        LOG_FIELD("file", g->manifest.path), LOG_FIELD("sha256", base_cstr(g->manifest.sha256)));
    return BERTH_OK;
}

int32_t plugins_load(struct plugins *plugins, const char *path, struct berth_error *error) {
    (void)pthread_mutex_lock(&plugins->control);
    int32_t code = load(plugins, path, error);
    (void)pthread_mutex_unlock(&plugins->control);
    return code;
}

/* ---- replacing ---- */

static struct generation *find(struct plugins *plugins, struct berth_str name) {
    struct generation *g = plugins->generations;
    while (g && !base_str_eq(g->manifest.name, name)) {
        g = g->next;
    }
    return g;
}

/* Puts a generation into another's place in the list. */
static void replace(struct plugins *plugins, struct generation *old, struct generation *new) {
    (void)pthread_mutex_lock(&plugins->lock);
    struct generation **link = &plugins->generations;
    while (*link != old) {
        link = &(*link)->next;
    }
    new->next = old->next;
    *link = new;
    old->next = NULL;
    (void)pthread_mutex_unlock(&plugins->lock);
}

/* Stops what has no requests left. False: it has some. */
static bool retire(struct plugins *plugins, struct generation *g, uint64_t deadline_ms,
                   bool *out_is_gone) {
    char owner[sizeof g->owner];
    (void)snprintf(owner, sizeof owner, "%s", g->owner);
    if (generation_stop(g, deadline_ms)) {
        return false;
    }
    *out_is_gone = generation_unload(g);
    if (!*out_is_gone) {
        LOG(plugins->services->log, BERTH_LOG_ERROR, "plugin_still_mapped",
            LOG_FIELD("plugin", base_cstr(owner)));
    }
    return true;
}

/* Of those that did not end in time, stops who has ended since. */
static void retire_quarantined(struct plugins *plugins) {
    struct generation **link = &plugins->quarantined;
    while (*link) {
        struct generation *g = *link;
        bool is_gone = false;
        if (router_in_flight(plugins->services->router, &g->route_owner) > 0) {
            link = &g->next;
            continue;
        }
        (void)pthread_mutex_lock(&plugins->lock);
        *link = g->next;
        (void)pthread_mutex_unlock(&plugins->lock);
        (void)retire(plugins, g, 0, &is_gone);
    }
}

static void quarantine(struct plugins *plugins, struct generation *g) {
    LOG(plugins->services->log, BERTH_LOG_WARN, "plugin_quarantined",
        LOG_FIELD("plugin", base_cstr(g->owner)));
    (void)pthread_mutex_lock(&plugins->lock);
    g->next = plugins->quarantined;
    plugins->quarantined = g;
    (void)pthread_mutex_unlock(&plugins->lock);
}

/* A new generation of the plugin, started on every loop, that no request reaches yet. */
static int32_t prepare(struct plugins *plugins, const struct generation *old,
                       const struct plugins_reload *how, struct generation **out_new,
                       struct berth_error *error) {
    char path[PATH_MAX];
    struct generation *g = NULL;
    (void)snprintf(path, sizeof path, BASE_FMT, BASE_ARG(old->manifest.path));
    int32_t code = generation_load(plugins->services, how->path ? how->path : path,
                                   ++plugins->loaded, how->probe_ms, &g, error);
    if (code) {
        return code;
    }
    if (!base_str_eq(g->manifest.name, old->manifest.name)) {
        code = base_error(error, BERTH_E_INVALID,
                          "the file holds the plugin [" BASE_FMT "], not [" BASE_FMT "]",
                          BASE_ARG(g->manifest.name), BASE_ARG(old->manifest.name));
    }
    code = code ? code : generation_start(g, error);
    code = code ? code : generation_start_loops(g, error);
    if (code) {
        (void)generation_unload(g);
        return code;
    }
    *out_new = g;
    return BERTH_OK;
}

/* All requests come to the new one from here on; on failure none do. */
static int32_t swap(struct plugins *plugins, struct generation *old, struct generation *new,
                    struct plugins_reloaded *out, struct berth_error *error) {
    uint64_t began = base_monotonic_ns();
    replace(plugins, old, new);
    int32_t code = publish(plugins, plugins->generations, error);
    if (code) {
        replace(plugins, new, old);
        return code;
    }
    out->swap_us = (base_monotonic_ns() - began) / 1000;
    generation_serve(new);
    LOG(plugins->services->log, BERTH_LOG_INFO, "plugin_reloaded",
        LOG_FIELD("plugin", base_cstr(new->owner)), LOG_FIELD("from", base_cstr(old->owner)),
        LOG_FIELD("version", new->manifest.version), LOG_FIELD("file", new->manifest.path),
        LOG_FIELD("sha256", base_cstr(new->manifest.sha256)));
    return BERTH_OK;
}

static int32_t reload(struct plugins *plugins, struct berth_str name,
                      const struct plugins_reload *how, struct plugins_reloaded *out,
                      struct berth_error *error) {
    struct generation *old = find(plugins, name);
    struct generation *new = NULL;
    retire_quarantined(plugins);
    if (!old) {
        return base_error(error, BERTH_E_NOT_FOUND, "there is no plugin [" BASE_FMT "]",
                          BASE_ARG(name));
    }
    int32_t code = prepare(plugins, old, how, &new, error);
    if (code) {
        return code;
    }
    *out = (struct plugins_reloaded){.is_gone = true};
    (void)snprintf(out->from, sizeof out->from, "%s", old->owner);
    (void)snprintf(out->to, sizeof out->to, "%s", new->owner);
    (void)snprintf(out->version, sizeof out->version, BASE_FMT, BASE_ARG(new->manifest.version));
    code = how->dry_run ? BERTH_OK : swap(plugins, old, new, out, error);
    if (code || how->dry_run) {
        (void)generation_stop(new, 0);
        (void)generation_unload(new);
        return code;
    }
    uint64_t began = base_monotonic_ns();
    if (!retire(plugins, old, how->deadline_ms, &out->is_gone)) {
        out->is_gone = false;
        quarantine(plugins, old);
    }
    out->drain_ms = (base_monotonic_ns() - began) / BASE_NS_PER_MS;
    return BERTH_OK;
}

int32_t plugins_reload(struct plugins *plugins, struct berth_str name,
                       const struct plugins_reload *how, struct plugins_reloaded *out,
                       struct berth_error *error) {
    (void)pthread_mutex_lock(&plugins->control);
    int32_t code = reload(plugins, name, how, out, error);
    (void)pthread_mutex_lock(&plugins->lock);
    plugins->stats.reloads += !code && !how->dry_run;
    plugins->stats.refused += code != BERTH_OK;
    (void)pthread_mutex_unlock(&plugins->lock);
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
        if (!retire(plugins, g, deadline_ms, &is_gone)) {
            /* Its requests would return into code that is gone: the process ends with it mapped. */
            LOG(plugins->services->log, BERTH_LOG_ERROR, "plugin_would_not_stop",
                LOG_FIELD("plugin", base_cstr(g->owner)));
        }
    }
}

void plugins_stop(struct plugins *plugins, uint64_t deadline_ms) {
    (void)pthread_mutex_lock(&plugins->control);
    (void)publish(plugins, NULL, NULL);
    stop(plugins, &plugins->generations, deadline_ms);
    stop(plugins, &plugins->quarantined, deadline_ms);
    (void)pthread_mutex_unlock(&plugins->control);
}

/* ---- showing ---- */

void plugins_stats(struct plugins *plugins, struct plugins_stats *out) {
    (void)pthread_mutex_lock(&plugins->lock);
    *out = plugins->stats;
    for (const struct generation *g = plugins->quarantined; g; g = g->next) {
        out->quarantined++;
    }
    (void)pthread_mutex_unlock(&plugins->lock);
}

void plugins_each(struct plugins *plugins, void (*fn)(void *user, const struct plugin_info *info),
                  void *user) {
    (void)pthread_mutex_lock(&plugins->lock);
    for (const struct generation *g = plugins->generations; g; g = g->next) {
        const struct manifest *m = &g->manifest;
        struct plugin_info info = {
            .name = m->name,
            .version = m->version,
            .component = m->component.len ? m->component : m->name,
            .component_version = m->component_version.len ? m->component_version : m->version,
            .description = m->description,
        };
        fn(user, &info);
    }
    (void)pthread_mutex_unlock(&plugins->lock);
}

/* The next one that serves, as a job of it, so that it is not stopped meanwhile. */
static struct generation *next_serving(struct plugins *plugins, uint32_t skip) {
    (void)pthread_mutex_lock(&plugins->lock);
    struct generation *g = plugins->generations;
    while (g && (atomic_load(&g->state) != BERTH_STATE_SERVING || skip-- > 0)) {
        g = g->next;
    }
    if (g) {
        generation_job_begin(g);
    }
    (void)pthread_mutex_unlock(&plugins->lock);
    return g;
}

void plugins_put_metrics(struct plugins *plugins, struct base_buf *out) {
    struct generation *g;
    for (uint32_t i = 0; (g = next_serving(plugins, i)); i++) {
        capabilities_put_metrics(g, out);
        generation_job_end(g);
    }
}

static void describe_capabilities(const struct manifest *m, struct base_buf *out) {
    json_key(out, "capabilities");
    json_open_array(out);
    for (uint32_t i = 0; i < m->capability_count; i++) {
        json_open_object(out);
        json_member_string(out, "id", m->capabilities[i].id);
        json_member_bool(out, "required", m->capabilities[i].required);
        json_member_bool(out, "granted", m->capabilities[i].grant == GRANT_YES);
        json_member_cstr(out, "answer", manifest_grant_text(m->capabilities[i].grant));
        json_close_object(out);
    }
    json_close_array(out);
}

static void describe_routes(const struct generation *g, struct base_buf *out) {
    json_key(out, "routes");
    json_open_array(out);
    for (const struct route *route = g->routes.first; route; route = route->next) {
        json_open_object(out);
        json_member_string(out, "method", route->def.method);
        json_member_string(out, "path", route->def.path);
        json_member_cstr(out, "kind", route->def.kind == BERTH_ROUTE_LOOP ? "loop" : "worker");
        if (route->def.permission.len) {
            json_member_string(out, "permission", route->def.permission);
        }
        json_close_object(out);
    }
    json_close_array(out);
}

static void describe(const struct generation *g, struct base_buf *out) {
    const struct manifest *m = &g->manifest;
    json_open_object(out);
    json_member_string(out, "name", m->name);
    json_member_string(out, "version", m->version);
    json_member_string(out, "description", m->description);
    json_member_cstr(out, "generation", g->owner);
    json_member_cstr(out, "state", generation_state_name(g->state));
    json_member_string(out, "file", m->path);
    json_member_cstr(out, "sha256", m->sha256);
    json_key(out, "abi");
    json_open_object(out);
    base_buf_format(out, "\"built_for\":\"%u.%u\",\"needs\":\"%u.%u\",\"host\":\"%u.%u\"",
                    m->abi_major, m->abi_minor, m->abi_major, m->abi_minor_floor, BERTH_ABI_MAJOR,
                    BERTH_ABI_MINOR);
    json_close_object(out);
    json_member_u64(out, "serving_since", g->started_ms);
    json_member_u64(out, "requests_in_flight",
                    router_in_flight(g->services->router, &g->route_owner));
    json_member_u64(out, "refused_calls", g->refused_calls);
    describe_capabilities(m, out);
    describe_routes(g, out);
    json_key(out, "settings");
    settings_describe(g->services->settings, g->owner, out);
    json_close_object(out);
}

void plugins_describe(struct plugins *plugins, struct base_buf *out) {
    json_open_array(out);
    (void)pthread_mutex_lock(&plugins->lock);
    const struct generation *const lists[] = {plugins->generations, plugins->quarantined};
    for (size_t i = 0; i < BASE_COUNT(lists); i++) {
        for (const struct generation *g = lists[i]; g; g = g->next) {
            describe(g, out);
        }
    }
    (void)pthread_mutex_unlock(&plugins->lock);
    json_close_array(out);
}
