/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins.c (load, unload, stop), plugins_reload.c and plugins_show.c share.
 */
#ifndef HOST_PLUGINS_PLUGINS_INTERNAL_H
#define HOST_PLUGINS_PLUGINS_INTERNAL_H

#include "host/plugins/plugins.h"

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

/* Makes the routes of the host and of these generations the ones that are served. */
int32_t plugins_publish_list(struct plugins *plugins, struct generation *first,
                             struct berth_error *error);

/* Who serves under a name; NULL: nobody. Under control. */
struct generation *plugins_find(struct plugins *plugins, struct berth_str name);

/*
 * Drains a generation that gets no more requests, gives what it still knows to the one that serves
 * under its name, stops and unloads it. False: it has requests after deadline_ms, and is left as it
 * is. out_is_gone: its code is not mapped any more. Under control.
 */
bool plugins_retire(struct plugins *plugins, struct generation *generation, uint64_t deadline_ms,
                    bool *out_is_gone);

/* Keeps one that could not be retired, until it can. */
void plugins_quarantine(struct plugins *plugins, struct generation *generation);

/*
 * Retires those kept who have ended since, and waits up to deadline_ms for those of this name, so
 * that no more than two generations of a plugin live.
 */
int32_t plugins_make_room(struct plugins *plugins, struct berth_str name, uint64_t deadline_ms,
                          struct berth_error *error);

#endif
