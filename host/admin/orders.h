/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator orders of the plugins of a node that serves: load, reload, unload. One form for
 * the routes, the socket in the data directory, SIGHUP and watched files.
 */
#ifndef HOST_ADMIN_ORDERS_H
#define HOST_ADMIN_ORDERS_H

#include "base/json.h"
#include "host/plugins/plugins.h"

/* How long a generation may take to finish, and one to start in a child process. */
#define ORDER_DEADLINE_MS 30000u
#define ORDER_PROBE_MS 30000u
#define ORDER_TIME_MAX_MS 3600000

enum order_action { ORDER_LOAD, ORDER_RELOAD, ORDER_UNLOAD };

struct plugin_order {
    enum order_action action;
    struct berth_str plugin; /* its name; of none with load */
    struct plugins_reload how;
};

/* One with the usual times. */
struct plugin_order order_usual(enum order_action action);

/* Whether a text is a path from the root on, and a time within its bounds. */
int32_t order_check_path(struct berth_str path, struct berth_error *error);
int32_t order_check_time(struct berth_str text, const char *name, int64_t least, uint64_t *out_ms,
                         struct berth_error *error);

/*
 * Reads {"action": "reload", "plugin": "name", "path": "/...", "deadline_ms": 0, "probe_ms": 0,
 * "dry_run": false, "state": true}; texts are copied into the arena.
 */
int32_t order_read_json(struct json_value object, struct base_arena *arena,
                        struct plugin_order *out_order, struct berth_error *error);

/* Carries it out, and appends the members of the answer. Not on a loop. */
int32_t order_carry_out(struct plugins *plugins, const struct plugin_order *order,
                        struct base_buf *out, struct berth_error *error);

/* Reloads each plugin whose file is not the one that is loaded; logs what comes of it. */
void order_refresh(struct plugins *plugins, struct log *log);

#endif
