/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of the plugins: listings, metrics, GET /_berth/plugins. */
#include "host/plugins/plugins_internal.h"

#include "host/plugins/capabilities.h"

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
            .file = m->path,
            .sha256 = m->sha256,
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
