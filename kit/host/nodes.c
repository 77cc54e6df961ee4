/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

static const struct berth_str roles[] = {BERTH_STR_INIT("data"), BERTH_STR_INIT("ingest"),
                                         BERTH_STR_INIT("ml")};
static const struct berth_node_attribute attributes[] = {
    {BERTH_STR_INIT("box_type"), BERTH_STR_INIT("hot")}};

static const struct berth_node nodes[] = {
    {.size = sizeof(struct berth_node),
     .is_local = 1,
     .id = BERTH_STR_INIT("kit-node-00000000001"),
     .name = BERTH_STR_INIT("kit-1"),
     .address = BERTH_STR_INIT("127.0.0.1:9200"),
     .roles = roles,
     .attributes = attributes,
     .role_count = BASE_COUNT(roles),
     .attribute_count = BASE_COUNT(attributes)},
    {.size = sizeof(struct berth_node),
     .id = BERTH_STR_INIT(KIT_OTHER_NODE),
     .name = BERTH_STR_INIT("kit-2"),
     .address = BERTH_STR_INIT("127.0.0.2:9200")},
};

static int32_t read_nodes(const struct berth_host *face, berth_nodes_fn fn, void *user) {
    int32_t code = kit_enter(kit_host_of(face), KIT_FN_berth_nodes_v1_read);
    if (!code) {
        fn(user, nodes, 1);
    }
    return code;
}

static int32_t watch_nodes(const struct berth_host *face, berth_nodes_fn fn, void *user) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_nodes_v1_watch);
    if (!code && !fn) {
        code = BERTH_E_INVALID;
    }
    if (!code) {
        host->nodes_fn = fn;
        host->nodes_user = user;
    }
    return code;
}

/* A second node comes, and goes. */
void kit_nodes_change(struct kit_host *host) {
    if (!host->nodes_fn) {
        return;
    }
    enum kit_role before = kit_role_set(KIT_ROLE_FEED, 0);
    (void)pthread_mutex_lock(&host->feed);
    host->nodes_fn(host->nodes_user, nodes, BASE_COUNT(nodes));
    host->nodes_fn(host->nodes_user, nodes, 1);
    (void)pthread_mutex_unlock(&host->feed);
    (void)kit_role_set(before, 0);
}

const struct berth_nodes_v1 kit_nodes_v1 = {
    .size = sizeof kit_nodes_v1,
    .read = read_nodes,
    .watch = watch_nodes,
};
