/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins of the process: loading them up to serving, listing them, stopping them.
 */
#ifndef HOST_PLUGINS_PLUGINS_H
#define HOST_PLUGINS_PLUGINS_H

#include "host/plugins/generation.h"

struct plugins;

/* host_routes: the host's own, published together with those of the plugins. */
int32_t plugins_create(const struct plugin_services *services, struct route_set *host_routes,
                       struct plugins **out_plugins, struct berth_error *error);
void plugins_destroy(struct plugins *plugins);

/* Publishes the host's own routes; before the first plugin is loaded. */
int32_t plugins_publish(struct plugins *plugins, struct berth_error *error);

/* Loads a file and brings it to SERVING. On failure nothing of it is left. Control thread. */
int32_t plugins_load(struct plugins *plugins, const char *path, struct berth_error *error);

/* Unpublishes and stops all, the last loaded first. Control thread, with the loops running. */
void plugins_stop(struct plugins *plugins, uint64_t deadline_ms);

/* What a listing shows of a plugin; texts live as long as the plugin is loaded. */
struct plugin_info {
    struct berth_str name;
    struct berth_str version;
    struct berth_str component;
    struct berth_str component_version;
    struct berth_str description;
};

/* Calls fn for each plugin. Any thread but a loop. */
void plugins_each(struct plugins *plugins, void (*fn)(void *user, const struct plugin_info *info),
                  void *user);

/* Appends their metrics in Prometheus' text format. On a worker. */
void plugins_put_metrics(struct plugins *plugins, struct base_buf *out);

/* Appends an array with all that is known of each. Any thread but a loop. */
void plugins_describe(struct plugins *plugins, struct base_buf *out);

#endif
