/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

static int32_t read_nodes(const struct berth_host *host, berth_nodes_fn fn, void *user) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(LOADED) | IN_ALIVE, "nodes.read", NULL);
    if (!code) {
        nodes_read(g->services->nodes, fn, user);
    }
    return code;
}

static int32_t watch(const struct berth_host *host, berth_nodes_fn fn, void *user) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(CREATED), "nodes.watch", NULL);
    if (!code && !fn) {
        code = BERTH_E_INVALID;
    }
    return code ? code : nodes_watch(g->services->nodes, g->owner, fn, user, NULL);
}

const struct berth_nodes_v1 cap_nodes = {
    .size = sizeof cap_nodes,
    .read = read_nodes,
    .watch = watch,
};
