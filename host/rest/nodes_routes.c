/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _nodes and _nodes/stats.
 */
#include "base/clock.h"
#include "host/rest/node_facts.h"

#include <stdlib.h>

/* Metrics that _nodes takes as a path's last part; those of a JVM have nothing to show here. */
static const char *const metric_names[] = {
    "_all",      "settings", "os",      "process", "jvm",     "thread_pool",
    "transport", "http",     "plugins", "ingest",  "indices", "fs",
};

/* Ids, names, patterns, _local, _all; a role as ml:true. */
static bool node_matches(const struct berth_node *node, struct berth_str filter) {
    struct berth_str one;
    if (filter.len == 0) {
        return true;
    }
    while (base_str_split(&filter, ',', &one)) {
        uint64_t colon = base_str_find(one, ':');
        struct berth_str value = base_str_from(one, colon + 1);
        bool role = node_has_role(node, base_str_slice(one, 0, colon));
        if (base_str_is(one, "_all") || (node->is_local && base_str_is(one, "_local")) ||
            (node->is_elected &&
             (base_str_is(one, "_cluster_manager") || base_str_is(one, "_master"))) ||
            base_str_eq(one, node->id) || base_str_glob(one, node->name) ||
            (colon < one.len && (base_str_is(value, "true")    ? role
                                 : base_str_is(value, "false") ? !role
                                                               : false))) {
            return true;
        }
    }
    return false;
}

static void put_strings(struct base_buf *body, const char *name, const struct berth_str *texts,
                        uint32_t count) {
    json_key(body, name);
    json_put_strings(body, texts, count);
}

static void put_identity(const struct berth_node *node, struct base_buf *body) {
    struct berth_str host = rest_host_of(node->address);
    json_member_string(body, "name", node->name);
    json_member_string(body, "transport_address", node->address);
    json_member_string(body, "host", host);
    json_member_string(body, "ip", host);
    put_strings(body, "roles", node->roles, node->role_count);
    json_key(body, "attributes");
    json_open_object(body);
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        json_key_str(body, node->attributes[i].name);
        json_put_string(body, node->attributes[i].value);
    }
    json_close_object(body);
}

/* ---- what a node shows ---- */

/* One of those that are asked for. */
struct shown {
    const struct rest_context *context;
    struct berth_str metrics;
    const struct berth_node *node;
    const struct node_facts *facts;
};

static void put_members(struct json_value object, struct base_buf *body) {
    for (struct json_value key = json_first(object); json_present(key);) {
        struct json_value value = json_next(object, key);
        json_key_str(body, json_inner(key));
        json_put_raw(body, json_raw(value));
        key = json_next(object, value);
    }
}

/* Of a node that does not answer, what the cluster knows of it. */
static void put_known(const struct shown *s, struct base_buf *body) {
    if (!rest_wants(s->metrics, "plugins")) {
        return;
    }
    json_key(body, "plugins");
    json_open_array(body);
    for (uint32_t i = 0; i < s->node->plugin_count; i++) {
        json_open_object(body);
        json_member_string(body, "name", s->node->plugins[i].name);
        json_member_string(body, "version", s->node->plugins[i].value);
        json_close_object(body);
    }
    json_close_array(body);
}

static void put_info(const struct shown *s, struct base_buf *body) {
    put_identity(s->node, body);
    if (json_present(s->facts->root)) {
        put_members(s->facts->root, body);
    } else {
        put_known(s, body);
    }
}

static void put_stats(const struct shown *s, struct base_buf *body) {
    json_member_u64(body, "timestamp", base_wall_ms());
    put_identity(s->node, body);
    put_members(s->facts->root, body);
}

static const struct view {
    enum node_facts_kind kind;
    bool shows_silent; /* those as well that have not answered */
    void (*put)(const struct shown *s, struct base_buf *body);
} info_view = {NODE_INFO, true, put_info}, stats_view = {NODE_STATS, false, put_stats};

/* ---- all that are asked for ---- */

struct listing {
    const struct rest_context *context;
    const struct view *view;
    struct berth_str filter;
    struct berth_str metrics;
    struct base_buf *body;
};

static void put_failure(const struct berth_node *node, const struct node_facts *facts,
                        struct base_buf *body) {
    json_open_object(body);
    json_member_cstr(body, "type", "failed_node_exception");
    json_member_cstr(body, "reason", facts->reason);
    json_member_string(body, "node_id", node->id);
    json_close_object(body);
}

static void put_counts(const struct berth_node *const *nodes, const struct node_facts *facts,
                       uint32_t count, struct base_buf *body) {
    uint32_t failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        failed += !json_present(facts[i].root);
    }
    json_key(body, "_nodes");
    json_open_object(body);
    json_member_u64(body, "total", count);
    json_member_u64(body, "successful", count - failed);
    json_member_u64(body, "failed", failed);
    if (failed) {
        json_key(body, "failures");
        json_open_array(body);
        for (uint32_t i = 0; i < count; i++) {
            if (!json_present(facts[i].root)) {
                put_failure(nodes[i], &facts[i], body);
            }
        }
        json_close_array(body);
    }
    json_close_object(body);
}

static void put_chosen(const struct listing *l, const struct berth_node *const *nodes,
                       uint32_t count) {
    struct base_buf *body = l->body;
    struct node_facts *facts =
        node_facts_gather(l->context, l->view->kind, l->metrics, nodes, count);
    if (!facts) {
        body->error = BERTH_E_NO_MEMORY;
        return;
    }
    put_counts(nodes, facts, count, body);
    json_member_string(body, "cluster_name", l->context->cluster_name);
    json_key(body, "nodes");
    json_open_object(body);
    for (uint32_t i = 0; i < count; i++) {
        if (json_present(facts[i].root) || l->view->shows_silent) {
            const struct shown shown = {l->context, l->metrics, nodes[i], &facts[i]};
            json_key_str(body, nodes[i]->id);
            json_open_object(body);
            l->view->put(&shown, body);
            json_close_object(body);
        }
    }
    json_close_object(body);
    node_facts_free(facts, count);
}

static void put_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    const struct listing *l = user;
    const struct berth_node **chosen = malloc((count + 1u) * sizeof *chosen);
    uint32_t matches = 0;
    if (!chosen) {
        l->body->error = BERTH_E_NO_MEMORY;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (node_matches(&nodes[i], l->filter)) {
            chosen[matches++] = &nodes[i];
        }
    }
    put_chosen(l, chosen, matches);
    free(chosen);
}

static void reply_nodes(const struct rest_context *context, struct berth_request *request,
                        struct berth_str filter, struct berth_str metrics,
                        const struct view *view) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    struct listing listing = {context, view, filter, metrics, &body};
    json_open_object(&body);
    nodes_read(context->nodes, put_nodes, &listing);
    json_close_object(&body);
    router_reply_json(request, 200, &body);
}

static struct berth_str param(const struct berth_request_view *view, uint32_t index) {
    return index < view->param_count ? view->params[index] : base_str("", 0);
}

static void get_nodes(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct berth_str first = param(view, 0);
    struct berth_str list = param(view, 1);
    /* _nodes/http asks for a metric, _nodes/somebody for a node. */
    bool metric =
        list.len == 0 && first.len && rest_knows(first, metric_names, BASE_COUNT(metric_names));
    reply_nodes(user, request, metric ? base_str("", 0) : first, metric ? first : list, &info_view);
}

static void get_stats(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    reply_nodes(user, request, base_str("", 0), param(view, 0), &stats_view);
}

static void get_node_stats(void *user, struct berth_request *request,
                           const struct berth_request_view *view) {
    reply_nodes(user, request, param(view, 0), param(view, 1), &stats_view);
}

int32_t rest_add_nodes(struct route_set *set, struct rest_context *context,
                       struct berth_error *error) {
    static const char *const query[] = {"timeout",
                                        "flat_settings",
                                        "level",
                                        "types",
                                        "groups",
                                        "fields",
                                        "completion_fields",
                                        "fielddata_fields",
                                        "include_segment_file_sizes",
                                        NULL};
#define NODE_ROUTE(path, action, handle)                                                           \
    {"GET",  path, BERTH_ROUTE_WORKER, BERTH_BODY_NONE, "cluster:monitor/nodes/" action,           \
     handle, query}
    static const struct rest_route routes[] = {
        NODE_ROUTE("/_nodes", "info", get_nodes),
        NODE_ROUTE("/_nodes/{node_id}", "info", get_nodes),
        NODE_ROUTE("/_nodes/{node_id}/{metric}", "info", get_nodes),
        NODE_ROUTE("/_nodes/stats", "stats", get_stats),
        NODE_ROUTE("/_nodes/stats/{metric}", "stats", get_stats),
        NODE_ROUTE("/_nodes/{node_id}/stats", "stats", get_node_stats),
        NODE_ROUTE("/_nodes/{node_id}/stats/{metric}", "stats", get_node_stats),
    };
#undef NODE_ROUTE
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
