/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _cat/nodes and _cat/plugins.
 */
#include "base/clock.h"
#include "host/rest/cat_table.h"
#include "host/rest/node_facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

static struct berth_str text_of(struct cat_table *table, struct json_value plugin,
                                const char *name) {
    struct berth_str text = {"", 0};
    struct json_value member = json_get(plugin, name);
    if (json_is(member, JSON_STRING) && !json_string(member, &table->arena, &text)) {
        table->failed = true;
    }
    return text;
}

static void add_plugins(struct cat_table *table, const struct berth_node *node,
                        const struct node_facts *facts) {
    struct json_value list = json_get(facts->root, "plugins");
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        const struct berth_str cells[] = {node->id, node->name, text_of(table, v, "name"),
                                          text_of(table, v, "version"),
                                          text_of(table, v, "description")};
        cat_table_row(table, cells);
    }
    /* Of a node that does not answer, what the cluster knows of it. */
    for (uint32_t i = 0; i < node->plugin_count && !json_present(facts->root); i++) {
        const struct berth_str cells[] = {node->id, node->name, node->plugins[i].name,
                                          node->plugins[i].value, base_str("", 0)};
        cat_table_row(table, cells);
    }
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

#define FIGURES 7

/* What a node tells of itself; of one that does not answer the cells are empty. */
struct figures {
    char texts[FIGURES][32];
    struct berth_str cells[FIGURES];
};

static double value_of(struct json_value object, const char *name) {
    double value = 0;
    (void)json_f64(json_get(object, name), &value);
    return value;
}

static void read_figures(struct json_value stats, struct figures *f) {
    static const char *const loads[] = {"1m", "5m", "15m"};
    struct json_value process = json_get(stats, "process");
    struct json_value os = json_get(stats, "os");
    struct json_value memory = json_get(os, "mem");
    struct json_value load = json_get(json_get(os, "cpu"), "load_average");
    double total = value_of(memory, "total_in_bytes");
    double used = total - value_of(memory, "free_in_bytes");
    double resident = value_of(json_get(process, "mem"), "resident_in_bytes");
    for (size_t i = 0; i < FIGURES; i++) {
        f->cells[i] = base_str("", 0);
    }
    if (!json_present(stats)) {
        return;
    }
    f->cells[0] = number(f->texts[0], "%.0f", value_of(process, "id"));
    f->cells[1] = number(f->texts[1], "%d", total > 0 ? (int)(used * 100 / total) : 0);
    f->cells[2] = number(f->texts[2], "%.1f", resident / 1048576);
    for (size_t i = 0; i < BASE_COUNT(loads); i++) {
        f->cells[3 + i] = number(f->texts[3 + i], "%.2f", value_of(load, loads[i]));
    }
    f->cells[6] =
        number(f->texts[6], "%d", (int)(value_of(process, "uptime_in_millis") / BASE_MS_PER_S));
}

static void add_node(const struct rest_context *context, struct cat_table *table,
                     const struct berth_node *node, const struct node_facts *facts) {
    struct figures f = {0};
    BASE_BUF_AUTO letters;
    BASE_BUF_AUTO names;
    base_buf_init(&letters, 4096);
    base_buf_init(&names, 4096);
    read_figures(facts->root, &f);
    join_roles(node, &letters, &names);
    struct berth_str host = rest_host_of(node->address);
    const struct berth_str cells[] = {
        node->id,
        f.cells[0],
        host,
        base_str_from(node->address, host.len + 1),
        context->compatibility_version,
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
    cat_table_row(table, cells);
}

/* ---- tables of all nodes ---- */

struct rows {
    const struct rest_context *context;
    struct cat_table *table;
    bool plugins; /* of the nodes, not the nodes themselves */
};

static void add_rows(void *user, const struct berth_node *nodes, uint32_t count) {
    const struct rows *rows = user;
    const struct berth_node **list = malloc((count + 1u) * sizeof *list);
    for (uint32_t i = 0; list && i < count; i++) {
        list[i] = &nodes[i];
    }
    struct node_facts *facts =
        list ? node_facts_gather(rows->context, rows->plugins ? NODE_INFO : NODE_STATS,
                                 rows->plugins ? BERTH_STR("plugins") : BERTH_STR("os,process"),
                                 list, count)
             : NULL;
    rows->table->failed |= !facts;
    for (uint32_t i = 0; facts && i < count; i++) {
        if (rows->plugins) {
            add_plugins(rows->table, &nodes[i], &facts[i]);
        } else {
            add_node(rows->context, rows->table, &nodes[i], &facts[i]);
        }
    }
    node_facts_free(facts, count);
    free(list);
}

static void reply_table(const struct rest_context *context, struct berth_request *request,
                        const struct cat_column *columns, uint32_t count, bool plugins) {
    struct cat_table table;
    cat_table_init(&table, columns, count);
    struct rows rows = {context, &table, plugins};
    nodes_read(context->nodes, add_rows, &rows);
    cat_table_reply(&table, request);
    cat_table_deinit(&table);
}

static void get_plugins(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    (void)view;
    reply_table(user, request, plugin_columns, BASE_COUNT(plugin_columns), true);
}

static void get_nodes(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    (void)view;
    reply_table(user, request, node_columns, BASE_COUNT(node_columns), false);
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
