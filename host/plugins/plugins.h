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

/* How a plugin is replaced. */
struct plugins_reload {
    const char *path;     /* NULL: the file that it was loaded from */
    uint64_t deadline_ms; /* for the requests in flight of the old generation */
    uint64_t probe_ms;    /* for starting in a process of its own; 0: not tried */
    bool dry_run;         /* up to before publishing, and back */
};

struct plugins_reloaded {
    char from[96]; /* generations */
    char to[96];
    char version[64]; /* of the new one */
    uint64_t swap_us; /* what publishing took */
    uint64_t drain_ms;
    bool is_gone; /* the old one, and its mapping; else it is quarantined */
};

/*
 * Replaces a serving plugin by what its file, or another, holds now: the new generation is started
 * beside the old, then all requests come to it at once, then the old one finishes and goes. On
 * failure the old one serves on, and nothing is left of the new. NOT_FOUND: there is none of that
 * name. One change of plugins at a time; others wait. Not on a loop.
 */
int32_t plugins_reload(struct plugins *plugins, struct berth_str name,
                       const struct plugins_reload *how, struct plugins_reloaded *out,
                       struct berth_error *error);

struct plugins_stats {
    uint64_t reloads; /* that were carried out */
    uint64_t refused; /* after which the old generation served on */
    uint32_t quarantined;
};

void plugins_stats(struct plugins *plugins, struct plugins_stats *out);

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
