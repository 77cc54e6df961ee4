/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _nodes and _nodes/stats.
 */
#include "base/clock.h"
#include "host/base/process.h"
#include "host/rest/rest.h"
#include "host/version.h"

#include <sys/utsname.h>
#include <unistd.h>

/* Metrics that _nodes takes as a path's last part; those of a JVM have nothing to show here. */
static const char *const metrics[] = {
    "_all",      "settings", "os",      "process", "jvm",     "thread_pool",
    "transport", "http",     "plugins", "ingest",  "indices", "fs",
};

static bool is_metric_list(struct berth_str text) {
    struct berth_str name;
    while (base_str_split(&text, ',', &name)) {
        bool known = false;
        for (size_t i = 0; i < BASE_COUNT(metrics); i++) {
            known |= base_str_is(name, metrics[i]);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

/* Whether a comma-separated list of metrics asks for one; empty asks for all. */
static bool wants(struct berth_str list, const char *metric) {
    struct berth_str name;
    if (list.len == 0) {
        return true;
    }
    while (base_str_split(&list, ',', &name)) {
        if (base_str_is(name, metric) || base_str_is(name, "_all")) {
            return true;
        }
    }
    return false;
}

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

static void put_count(struct base_buf *body, uint32_t count) {
    json_key(body, "_nodes");
    json_open_object(body);
    json_member_u64(body, "total", count);
    json_member_u64(body, "successful", count);
    json_member_u64(body, "failed", 0);
    json_close_object(body);
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

static void put_plugin(void *user, const struct plugin_info *info) {
    struct base_buf *body = user;
    json_open_object(body);
    json_member_string(body, "name", info->component);
    json_member_string(body, "version", info->component_version);
    json_member_string(body, "description", info->description);
    json_close_object(body);
}

static void put_os(struct base_buf *body) {
    struct utsname name;
    struct machine_info machine;
    machine_read(&machine);
    json_key(body, "os");
    json_open_object(body);
    if (uname(&name) == 0) {
        json_member_cstr(body, "name", name.sysname);
        json_member_cstr(body, "version", name.release);
        json_member_cstr(body, "arch", name.machine);
    }
    json_member_u64(body, "available_processors", machine.processors);
    json_member_u64(body, "allocated_processors", machine.processors);
    json_close_object(body);
}

/* What this node knows of itself alone. */
static void put_own(struct berth_str list, struct base_buf *body) {
    if (wants(list, "os")) {
        put_os(body);
    }
    if (wants(list, "process")) {
        json_key(body, "process");
        json_open_object(body);
        json_member_i64(body, "id", getpid());
        json_close_object(body);
    }
}

static void put_plugins(const struct rest_context *context, const struct berth_node *node,
                        struct base_buf *body) {
    json_key(body, "plugins");
    json_open_array(body);
    if (node->is_local) {
        plugins_each(context->plugins, put_plugin, body);
    }
    for (uint32_t i = 0; i < node->plugin_count && !node->is_local; i++) {
        json_open_object(body);
        json_member_string(body, "name", node->plugins[i].name);
        json_member_string(body, "version", node->plugins[i].value);
        json_close_object(body);
    }
    json_close_array(body);
}

static void put_node(const struct rest_context *context, const struct berth_node *node,
                     struct berth_str list, struct base_buf *body) {
    json_key_str(body, node->id);
    json_open_object(body);
    put_identity(node, body);
    json_member_string(body, "version", context->compatibility_version);
    json_member_cstr(body, "build_type", "native");
    json_member_cstr(body, "build_hash", BERTH_BUILD_HASH);
    if (node->is_local) {
        put_own(list, body);
    }
    if (wants(list, "http")) {
        json_key(body, "http");
        json_open_object(body);
        put_strings(body, "bound_address", &node->address, 1);
        json_member_string(body, "publish_address", node->address);
        json_member_u64(body, "max_content_length_in_bytes", context->max_content_length);
        json_close_object(body);
    }
    if (wants(list, "plugins")) {
        put_plugins(context, node, body);
    }
    json_close_object(body);
}

static void put_process_stats(struct base_buf *body) {
    struct process_info process;
    process_read(&process);
    json_key(body, "process");
    json_open_object(body);
    json_member_u64(body, "timestamp", base_wall_ms());
    json_member_u64(body, "open_file_descriptors", process.open_fds);
    json_member_u64(body, "max_file_descriptors", process.max_fds);
    json_member_u64(body, "threads", process.threads);
    json_key(body, "cpu");
    json_open_object(body);
    json_member_u64(body, "total_in_millis", (uint64_t)(process.cpu_seconds * 1000));
    json_close_object(body);
    json_key(body, "mem");
    json_open_object(body);
    json_member_u64(body, "resident_in_bytes", process.rss_bytes);
    json_member_u64(body, "total_virtual_in_bytes", process.virtual_bytes);
    json_close_object(body);
    json_close_object(body);
}

static void put_os_stats(struct base_buf *body) {
    static const char *const names[] = {"1m", "5m", "15m"};
    struct machine_info machine;
    machine_read(&machine);
    json_key(body, "os");
    json_open_object(body);
    json_member_u64(body, "timestamp", base_wall_ms());
    json_key(body, "cpu");
    json_open_object(body);
    json_key(body, "load_average");
    json_open_object(body);
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        json_key(body, names[i]);
        json_put_f64(body, machine.load[i]);
    }
    json_close_object(body);
    json_close_object(body);
    json_key(body, "mem");
    json_open_object(body);
    json_member_u64(body, "total_in_bytes", machine.memory_bytes);
    json_member_u64(body, "free_in_bytes", machine.memory_available_bytes);
    json_close_object(body);
    json_close_object(body);
}

static void put_http_stats(const struct rest_context *context, struct base_buf *body) {
    struct http_stats http;
    http_server_stats(context->server, &http);
    json_key(body, "http");
    json_open_object(body);
    json_member_u64(body, "current_open", http.connections_open);
    json_member_u64(body, "total_opened", http.connections_opened);
    json_member_u64(body, "requests", http.requests);
    json_member_u64(body, "bad_requests", http.bad_requests);
    json_member_u64(body, "in_flight", http.in_flight);
    json_close_object(body);
}

static void put_pool_stats(const struct rest_context *context, struct base_buf *body) {
    struct worker_stats workers;
    worker_pool_stats(context->workers, &workers);
    json_key(body, "thread_pool");
    json_open_object(body);
    json_key(body, "worker");
    json_open_object(body);
    json_member_u64(body, "threads", workers.threads);
    json_member_u64(body, "queue", workers.queued);
    json_member_u64(body, "active", workers.active);
    json_member_u64(body, "rejected", workers.rejected);
    json_member_u64(body, "completed", workers.completed);
    json_close_object(body);
    json_close_object(body);
}

/* Of another node nothing is known here but who it is. */
static void put_node_stats(const struct rest_context *context, const struct berth_node *node,
                           struct berth_str list, struct base_buf *body) {
    json_key_str(body, node->id);
    json_open_object(body);
    json_member_u64(body, "timestamp", base_wall_ms());
    put_identity(node, body);
    if (!node->is_local) {
        json_close_object(body);
        return;
    }
    if (wants(list, "os")) {
        put_os_stats(body);
    }
    if (wants(list, "process")) {
        put_process_stats(body);
    }
    if (wants(list, "thread_pool")) {
        put_pool_stats(context, body);
    }
    if (wants(list, "http")) {
        put_http_stats(context, body);
    }
    json_close_object(body);
}

typedef void (*put_fn)(const struct rest_context *, const struct berth_node *, struct berth_str,
                       struct base_buf *);

struct listing {
    const struct rest_context *context;
    struct berth_str filter;
    struct berth_str list;
    put_fn put;
    struct base_buf *body;
};

static void put_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    const struct listing *listing = user;
    struct base_buf *body = listing->body;
    uint32_t matches = 0;
    for (uint32_t i = 0; i < count; i++) {
        matches += node_matches(&nodes[i], listing->filter);
    }
    put_count(body, matches);
    json_member_string(body, "cluster_name", listing->context->cluster_name);
    json_key(body, "nodes");
    json_open_object(body);
    for (uint32_t i = 0; i < count; i++) {
        if (node_matches(&nodes[i], listing->filter)) {
            listing->put(listing->context, &nodes[i], listing->list, body);
        }
    }
    json_close_object(body);
}

static void reply_nodes(const struct rest_context *context, struct berth_request *request,
                        struct berth_str filter, struct berth_str list, put_fn put) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    struct listing listing = {context, filter, list, put, &body};
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
    bool metric = list.len == 0 && first.len && is_metric_list(first);
    reply_nodes(user, request, metric ? base_str("", 0) : first, metric ? first : list, put_node);
}

static void get_stats(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    reply_nodes(user, request, base_str("", 0), param(view, 0), put_node_stats);
}

static void get_node_stats(void *user, struct berth_request *request,
                           const struct berth_request_view *view) {
    reply_nodes(user, request, param(view, 0), param(view, 1), put_node_stats);
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
