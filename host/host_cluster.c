/* SPDX-License-Identifier: Apache-2.0 */
/* What of a host is of the cluster that it belongs to. */
#include "host/host_internal.h"

#include <stdio.h>

static void put_plugin(void *user, const struct plugin_info *info) {
    struct base_buf *out = user;
    json_open_object(out);
    json_member_string(out, "name", info->name);
    json_member_string(out, "version", info->version);
    json_close_object(out);
}

/* What the node's key in the cluster says of its plugins. */
static void describe_plugins(void *user, struct base_buf *out) {
    struct host *host = user;
    json_key(out, "plugins");
    json_open_array(out);
    plugins_each(host->plugins, put_plugin, out);
    json_close_array(out);
}

void host_settings_applied(void *user, uint64_t seq_no) {
    struct host *host = user;
    if (host->cluster) {
        cluster_settings_applied(host->cluster, seq_no);
    }
}

/* /berth/<name of the cluster>/, or what is set, with a slash at the end. */
static void make_prefix(struct host *host) {
    struct berth_str given = host->node.cluster_prefix;
    const char *slash = given.len && given.ptr[given.len - 1] != '/' ? "/" : "";
    if (given.len) {
        (void)snprintf(host->prefix, sizeof host->prefix, BASE_FMT "%s", BASE_ARG(given), slash);
    } else {
        (void)snprintf(host->prefix, sizeof host->prefix, "/berth/" BASE_FMT "/",
                       BASE_ARG(host->node.cluster_name));
    }
}

int32_t host_start_cluster(struct host *host, struct berth_error *error) {
    const struct node_settings *node = &host->node;
    if (!node->in_cluster) {
        return BERTH_OK;
    }
    make_prefix(host);
    struct etcd_options etcd = {.endpoints = node->etcd_endpoints,
                                .endpoint_count = node->etcd_endpoint_count,
                                .ca = node->etcd_ca,
                                .certificate = node->etcd_certificate,
                                .key = node->etcd_key,
                                .user = node->etcd_user,
                                .password = node->etcd_password,
                                .timeout_ms = node->etcd_timeout_ms,
                                .log = host->log};
    int32_t code = etcd_create(&etcd, &host->etcd, error);
    struct cluster_options options = {.etcd = host->etcd,
                                      .log = host->log,
                                      .prefix = base_cstr(host->prefix),
                                      .lease_ms = node->lease_ms,
                                      .describe = describe_plugins,
                                      .user = host};
    return code ? code : cluster_create(&options, &host->cluster, error);
}

struct others {
    struct berth_peer_question *questions;
    struct base_arena arena;
    struct berth_str body;
    uint32_t count;
};

static void question_others(void *user, const struct berth_node *nodes, uint32_t count) {
    struct others *others = user;
    others->questions = base_arena_array(&others->arena, count, sizeof *others->questions);
    for (uint32_t i = 0; i < count && others->questions; i++) {
        struct berth_str id =
            nodes[i].is_local ? base_str(NULL, 0) : base_arena_dup(&others->arena, nodes[i].id);
        if (id.ptr && others->count < BERTH_PEER_QUESTIONS_MAX) {
            others->questions[others->count++] =
                (struct berth_peer_question){.size = sizeof *others->questions,
                                             .node_id = id,
                                             .path = BERTH_STR(REST_CATCH_UP_PATH),
                                             .body = others->body};
        }
    }
}

static void note_behind(void *user, uint32_t question, const struct berth_peer_answer *answer) {
    uint32_t *behind = user;
    (void)question;
    *behind += answer->status != 200;
}

void host_settle(void *user, int64_t revision) {
    struct host *host = user;
    struct others others = {0};
    uint32_t behind = 0;
    char body[48];
    int len = snprintf(body, sizeof body, "{\"revision\":%lld}", (long long)revision);
    if (!host->peers) {
        return; /* the node is not among the others yet */
    }
    others.body = base_str(body, (size_t)len);
    base_arena_init(&others.arena, 2048);
    nodes_read(host->nodes, question_others, &others);
    if (others.count && peers_ask(host->peers, others.questions, others.count, SETTLE_MS,
                                  note_behind, &behind, NULL)) {
        behind = others.count;
    }
    base_arena_deinit(&others.arena);
    if (behind) {
        LOG(host->log, BERTH_LOG_WARN, "nodes_behind",
            LOG_FIELD("reason",
                      BERTH_STR("a write was acknowledged that they had not said to have")));
    }
}

bool host_is_stale(void *user) {
    const struct host *host = user;
    return !etcd_is_up(host->etcd);
}

int32_t host_start_peers(struct host *host, struct berth_error *error) {
    struct peers_options options = {.loops = host->loops,
                                    .nodes = host->nodes,
                                    .secrets = host->secrets,
                                    .log = host->log,
                                    .tls = host->node.tls,
                                    .ca = host->node.tls_ca,
                                    .certificate = host->node.tls_certificate,
                                    .key = host->node.tls_key,
                                    .key_password = host->node.tls_key_password};
    return host->etcd ? peers_create(&options, &host->peers, error) : BERTH_OK;
}
