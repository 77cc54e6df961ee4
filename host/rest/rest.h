/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own routes: /, _cluster, _nodes, _cat and _berth.
 *
 * One file a family, each with its table of routes. Handlers are written against the same
 * interface as those of plugins.
 */
#ifndef HOST_REST_REST_H
#define HOST_REST_REST_H

#include "host/cluster/cluster.h"
#include "host/peers/peers.h"
#include "host/plugins/control.h"
#include "host/plugins/plugins.h"
#include "host/store/stored_users.h"

/* What the handlers show; lives as long as the server. */
struct rest_context {
    struct settings *settings;
    struct nodes *nodes;
    struct cluster *cluster; /* NULL: this node is alone; likewise the next */
    struct peers *peers;
    struct store *store;
    struct plugins *plugins;
    struct control *control;
    struct http_server *server;
    struct worker_pool *workers;
    struct router *router;
    struct security *security; /* NULL: there are no users */
    struct stored_users *stored_users;
    struct berth_str cluster_name;
    const char *cluster_uuid;
    struct berth_str compatibility_version;
    uint64_t max_content_length;
    uint64_t started_ms;
};

/* Where a node asks others to have a revision: {"revision": N}. */
#define REST_CATCH_UP_PATH "/_berth/nodes/_catch_up"

/* Adds all of them to the set. */
int32_t rest_add_routes(struct route_set *set, struct rest_context *context,
                        struct berth_error *error);

/* ---- for the files of this folder ---- */

/* Metrics of a path, with commas between: whether all are of these names. */
bool rest_knows(struct berth_str metrics, const char *const *names, size_t count);
/* Whether they have one of them, or are empty or _all, which means each. */
bool rest_wants(struct berth_str metrics, const char *metric);

struct rest_route {
    const char *method;
    const char *path;
    uint32_t kind;
    uint32_t body;
    const char *permission; /* as OpenSearch names the action; NULL: whoever is known */
    berth_route_fn handle;
    const char *const *query; /* names, up to a NULL; NULL: none */
};

int32_t rest_add_table(struct route_set *set, const struct rest_route *table, size_t count,
                       struct rest_context *context, struct berth_error *error);

int32_t rest_add_main(struct route_set *set, struct rest_context *context,
                      struct berth_error *error);
int32_t rest_add_cluster(struct route_set *set, struct rest_context *context,
                         struct berth_error *error);
int32_t rest_add_nodes(struct route_set *set, struct rest_context *context,
                       struct berth_error *error);
int32_t rest_add_cat(struct route_set *set, struct rest_context *context,
                     struct berth_error *error);
int32_t rest_add_berth(struct route_set *set, struct rest_context *context,
                       struct berth_error *error);

int32_t rest_add_plugins(struct route_set *set, struct rest_context *context,
                         struct berth_error *error);
int32_t rest_add_peers(struct route_set *set, struct rest_context *context,
                       struct berth_error *error);
int32_t rest_add_security(struct route_set *set, struct rest_context *context,
                          struct berth_error *error);
int32_t rest_add_users(struct route_set *set, struct rest_context *context,
                       struct berth_error *error);

/* "ip:port" without the port. */
struct berth_str rest_host_of(struct berth_str address);

#endif
