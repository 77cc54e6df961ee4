/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _cat/nodes and _cat/plugins.
 */
#include "base/clock.h"
#include "host/base/process.h"
#include "host/rest/cat_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* A number as text in memory of the caller's. */
__attribute__((format(printf, 2, 3))) static struct berth_str number(char out[32],
                                                                     const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out, 32, format, args);
    va_end(args);
    return base_str(out, len > 0 ? (size_t)len : 0);
}

/* ---- plugins ---- */

static const struct cat_column plugin_columns[] = {
    {"id", "", "id of the node", false},
    {"name", "n", "name of the node", true},
    {"component", "c", "name that clients know the plugin by", true},
    {"version", "v", "version that clients know", true},
    {"description", "d", "what the plugin does", false},
};

struct plugin_rows {
    struct cat_table *table;
    const struct berth_node *node;
};

static void add_plugin(void *user, const struct plugin_info *info) {
    struct plugin_rows *rows = user;
    const struct berth_str cells[] = {rows->node->id, rows->node->name, info->component,
                                      info->component_version, info->description};
    cat_table_row(rows->table, cells);
}

static void get_plugins(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    struct cat_table table;
    cat_table_init(&table, plugin_columns, BASE_COUNT(plugin_columns));
    struct plugin_rows rows = {&table, nodes_local(context->nodes)};
    plugins_each(context->plugins, add_plugin, &rows);
    cat_table_reply(&table, request);
    cat_table_deinit(&table);
}

/* ---- nodes ---- */

static const struct cat_column node_columns[] = {
    {"id", "nodeId", "id of the node", false},
    {"pid", "p", "process id", false},
    {"ip", "i", "address", true},
    {"port", "po", "port of the HTTP service", false},
    {"version", "v", "version that clients know", false},
    {"ram.percent", "rp", "memory of the machine in use", true},
    {"ram.current", "rc", "memory of this process, MiB", false},
    {"load_1m", "l", "load average of 1 minute", true},
    {"load_5m", "", "load average of 5 minutes", true},
    {"load_15m", "", "load average of 15 minutes", true},
    {"uptime", "u", "since the node started, seconds", false},
    {"node.role", "r,role", "first letters of the roles", true},
    {"node.roles", "rs,all.roles", "the roles", true},
    {"cluster_manager", "m,master", "* for the elected one", true},
    {"name", "n", "name of the node", true},
};

static void join_roles(const struct berth_node *node, struct base_buf *letters,
                       struct base_buf *names) {
    for (uint32_t i = 0; i < node->role_count; i++) {
        base_buf_append(letters, node->roles[i].ptr, 1);
        base_buf_format(names, "%s" BASE_FMT, i ? "," : "", BASE_ARG(node->roles[i]));
    }
    if (node->role_count == 0) {
        base_buf_char(letters, '-');
        base_buf_char(names, '-');
    }
}

struct node_rows {
    const struct rest_context *context;
    struct cat_table *table;
};

/* Figures of this node; of another one they are not known here, and a cell is empty. */
struct figures {
    char texts[7][32];
    struct berth_str cells[7];
};

static void read_figures(const struct rest_context *context, struct figures *f) {
    struct process_info process;
    struct machine_info machine;
    process_read(&process);
    machine_read(&machine);
    uint64_t used = machine.memory_bytes - machine.memory_available_bytes;
    uint64_t up_ms = base_wall_ms() - context->started_ms;
    f->cells[0] = number(f->texts[0], "%d", (int)getpid());
    f->cells[1] = number(f->texts[1], "%u",
                         machine.memory_bytes ? (unsigned)(used * 100 / machine.memory_bytes) : 0);
    f->cells[2] = number(f->texts[2], "%.1f", (double)process.rss_bytes / 1048576);
    for (int i = 0; i < 3; i++) {
        f->cells[3 + i] = number(f->texts[3 + i], "%.2f", machine.load[i]);
    }
    f->cells[6] = number(f->texts[6], "%llu", (unsigned long long)(up_ms / BASE_MS_PER_S));
}

static void add_node(const struct node_rows *rows, const struct berth_node *node) {
    struct figures f = {0};
    BASE_BUF_AUTO letters;
    BASE_BUF_AUTO names;
    base_buf_init(&letters, 4096);
    base_buf_init(&names, 4096);
    for (size_t i = 0; i < BASE_COUNT(f.cells); i++) {
        f.cells[i] = base_str("", 0);
    }
    if (node->is_local) {
        read_figures(rows->context, &f);
    }
    join_roles(node, &letters, &names);
    struct berth_str host = rest_host_of(node->address);
    const struct berth_str cells[] = {
        node->id,
        f.cells[0],
        host,
        base_str_from(node->address, host.len + 1),
        rows->context->compatibility_version,
        f.cells[1],
        f.cells[2],
        f.cells[3],
        f.cells[4],
        f.cells[5],
        f.cells[6],
        base_buf_view(&letters),
        base_buf_view(&names),
        node->is_elected ? BERTH_STR("*") : BERTH_STR("-"),
        node->name,
    };
    _Static_assert(BASE_COUNT(cells) == BASE_COUNT(node_columns), "each column has its cell");
    cat_table_row(rows->table, cells);
}

static void add_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        add_node(user, &nodes[i]);
    }
}

static void get_nodes(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    struct cat_table table;
    cat_table_init(&table, node_columns, BASE_COUNT(node_columns));
    struct node_rows rows = {context, &table};
    nodes_read(context->nodes, add_nodes, &rows);
    cat_table_reply(&table, request);
    cat_table_deinit(&table);
}

int32_t rest_add_cat(struct route_set *set, struct rest_context *context,
                     struct berth_error *error) {
    static const struct rest_route routes[] = {
        {"GET", "/_cat/nodes", BERTH_ROUTE_WORKER, BERTH_BODY_NONE, "cluster:monitor/nodes/info",
         get_nodes, cat_query},
        {"GET", "/_cat/plugins", BERTH_ROUTE_WORKER, BERTH_BODY_NONE, "cluster:monitor/nodes/info",
         get_plugins, cat_query},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
