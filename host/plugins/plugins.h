/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins of the process: loading them up to serving, listing them, stopping them.
 */
#ifndef HOST_PLUGINS_PLUGINS_H
#define HOST_PLUGINS_PLUGINS_H

#include "host/plugins/generation.h"
#include "host/plugins/handover.h"

struct plugins;

/* host_routes: the host's own, published together with those of the plugins. */
int32_t plugins_create(const struct plugin_services *services, struct route_set *host_routes,
                       struct plugins **out_plugins, struct berth_error *error);
void plugins_destroy(struct plugins *plugins);

/* Publishes the host's own routes; before the first plugin is loaded. */
int32_t plugins_publish(struct plugins *plugins, struct berth_error *error);

/*
 * Loads a file and brings it to SERVING; out_name takes its generation's name. probe_ms: how long
 * it may take to start in a process of its own first; 0: that is not tried. On failure nothing of
 * it is left. One change of plugins at a time; others wait. Not on a loop.
 */
int32_t plugins_load(struct plugins *plugins, const char *path, uint64_t probe_ms,
                     char out_name[PLUGIN_GENERATION_NAME], struct berth_error *error);

struct plugins_unloaded {
    char generation[PLUGIN_GENERATION_NAME];
    uint64_t drain_ms;
    bool is_gone; /* with its mapping; else it is quarantined */
};

/*
 * Takes a plugin's routes away, lets it finish what it has, stops and unloads it. What it stored
 * stays. NOT_FOUND: there is none of that name. Not on a loop.
 */
int32_t plugins_unload(struct plugins *plugins, struct berth_str name, uint64_t deadline_ms,
                       struct plugins_unloaded *out, struct berth_error *error);

/* How a plugin is replaced. */
struct plugins_reload {
    const char *path;     /* NULL: the file that it was loaded from */
    uint64_t deadline_ms; /* for the requests in flight of the old generation */
    uint64_t probe_ms;    /* for starting in a process of its own; 0: not tried */
    bool dry_run;         /* up to before publishing, and back */
    bool keeps_no_state;  /* nothing is handed over */
};

struct plugins_reloaded {
    char from[PLUGIN_GENERATION_NAME];
    char to[PLUGIN_GENERATION_NAME];
    char version[64]; /* of the new one */
    uint64_t swap_us; /* what publishing took */
    uint64_t drain_ms;
    struct handover handover;
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
    struct berth_str file;
    const char *sha256; /* of what is loaded */
};

/* Calls fn for each plugin. Any thread but a loop. */
void plugins_each(struct plugins *plugins, void (*fn)(void *user, const struct plugin_info *info),
                  void *user);

/* Appends their metrics in Prometheus' text format. On a worker. */
void plugins_put_metrics(struct plugins *plugins, struct base_buf *out);

/* Appends an array with all that is known of each. Any thread but a loop. */
void plugins_describe(struct plugins *plugins, struct base_buf *out);

#endif
