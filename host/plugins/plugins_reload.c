/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing a plugin while it serves. */
#include "host/plugins/plugins_internal.h"

#include "host/plugins/handover.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>

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

/* A new generation of the plugin, started on every loop, that no request reaches yet. */
static int32_t start_beside(struct plugins *plugins, const struct generation *old,
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

static int32_t hand_over(struct generation *old, struct generation *new,
                         const struct plugins_reload *how, struct plugins_reloaded *out,
                         struct berth_error *error) {
    if (how->keeps_no_state) {
        (void)snprintf(out->handover.reason, sizeof out->handover.reason, "it was not asked for");
        return BERTH_OK;
    }
    return handover_all(old, new, &out->handover, error);
}

/* All requests come to the new one from here on; on failure none do. */
static int32_t swap(struct plugins *plugins, struct generation *old, struct generation *new,
                    struct plugins_reloaded *out, struct berth_error *error) {
    uint64_t began = base_monotonic_ns();
    replace(plugins, old, new);
    int32_t code = plugins_publish(plugins, error);
    if (code) {
        replace(plugins, new, old);
        return code;
    }
    out->swap_us = (base_monotonic_ns() - began) / 1000;
    generation_serve(new);
    LOG(plugins->services->log, BERTH_LOG_INFO, "plugin_reloaded",
        LOG_FIELD("plugin", base_cstr(new->owner)), LOG_FIELD("from", base_cstr(old->owner)),
        LOG_FIELD("version", new->manifest.version), LOG_FIELD("file", new->manifest.path),
        LOG_FIELD("sha256", base_cstr(new->manifest.sha256)),
        LOG_FIELD("state",
                  base_cstr(out->handover.is_done ? "handed over" : out->handover.reason)));
    return BERTH_OK;
}

static int32_t reload(struct plugins *plugins, struct berth_str name,
                      const struct plugins_reload *how, struct plugins_reloaded *out,
                      struct berth_error *error) {
    struct generation *old = plugins_find(plugins, name);
    struct generation *new = NULL;
    if (!old) {
        return base_error(error, BERTH_E_NOT_FOUND, "there is no plugin [" BASE_FMT "]",
                          BASE_ARG(name));
    }
    int32_t code = plugins_make_room(plugins, name, how->deadline_ms, error);
    code = code ? code : start_beside(plugins, old, how, &new, error);
    if (code) {
        return code;
    }
    *out = (struct plugins_reloaded){.is_gone = true};
    (void)snprintf(out->from, sizeof out->from, "%s", old->owner);
    (void)snprintf(out->to, sizeof out->to, "%s", new->owner);
    (void)snprintf(out->version, sizeof out->version, BASE_FMT, BASE_ARG(new->manifest.version));
    code = hand_over(old, new, how, out, error);
    code = code || how->dry_run ? code : swap(plugins, old, new, out, error);
    if (code || how->dry_run) {
        generation_stop(new);
        (void)generation_unload(new);
        return code;
    }
    uint64_t began = base_monotonic_ns();
    if (!plugins_retire(plugins, old, how->deadline_ms, &out->is_gone)) {
        out->is_gone = false;
        plugins_quarantine(plugins, old);
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
