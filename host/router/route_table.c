/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/route_table.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 4096

/* A place in the tree of segments: literal children, at most one placeholder, routes that end. */
struct node {
    struct berth_str segment;
    struct node *children; /* siblings through next */
    struct node *next;
    struct node *param;
    struct route **routes; /* one a method */
    uint32_t route_count;
};

struct route_table {
    struct node root;
    struct base_arena arena;
};

void route_set_init(struct route_set *set, struct route_owner *owner) {
    *set = (struct route_set){.owner = owner};
    set->last = &set->first;
    base_arena_init(&set->arena, ARENA_CHUNK);
}

void route_set_deinit(struct route_set *set) {
    base_arena_deinit(&set->arena);
    route_set_init(set, set->owner);
}

static bool is_method(struct berth_str method) {
    static const char *const known[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"};
    for (size_t i = 0; i < BASE_COUNT(known); i++) {
        if (base_str_is(method, known[i])) {
            return true;
        }
    }
    return false;
}

static int32_t check_route(const struct berth_route *def, struct berth_error *error) {
    if (!is_method(def->method)) {
        return base_error(error, BERTH_E_INVALID,
                          "route [" BASE_FMT "]: method [" BASE_FMT
                          "], allowed are GET, POST, PUT, DELETE, HEAD and PATCH",
                          BASE_ARG(def->path), BASE_ARG(def->method));
    }
    if (!base_str_starts(def->path, BERTH_STR("/"))) {
        return base_error(error, BERTH_E_INVALID, "route [" BASE_FMT "]: a path begins with /",
                          BASE_ARG(def->path));
    }
    if (def->kind != BERTH_ROUTE_LOOP && def->kind != BERTH_ROUTE_WORKER) {
        return base_error(error, BERTH_E_INVALID, "route [" BASE_FMT "]: kind %u is unknown",
                          BASE_ARG(def->path), def->kind);
    }
    if (def->body != BERTH_BODY_NONE && def->body != BERTH_BODY_ALLOWED) {
        return base_error(error, BERTH_E_INVALID, "route [" BASE_FMT "]: body %u is unknown",
                          BASE_ARG(def->path), def->body);
    }
    if (!def->handle) {
        return base_error(error, BERTH_E_INVALID, "route [" BASE_FMT "] has no handler",
                          BASE_ARG(def->path));
    }
    return BERTH_OK;
}

static int32_t split_path(struct route *route, struct berth_error *error) {
    struct berth_str rest = base_str_from(route->def.path, 1);
    struct berth_str segment;
    uint32_t params = 0;
    while (rest.len && base_str_split(&rest, '/', &segment)) {
        bool param =
            segment.len > 2 && segment.ptr[0] == '{' && base_str_ends(segment, BERTH_STR("}"));
        if (route->segment_count == ROUTE_SEGMENTS_MAX || params + param > ROUTE_PARAMS_MAX ||
            segment.len == 0) {
            return base_error(error, BERTH_E_INVALID,
                              "route [" BASE_FMT "]: empty segments, more than %u segments or more "
                              "than %u placeholders are not allowed",
                              BASE_ARG(route->def.path), ROUTE_SEGMENTS_MAX, ROUTE_PARAMS_MAX);
        }
        params += param;
        route->is_param[route->segment_count] = param;
        route->segments[route->segment_count++] = segment;
    }
    return BERTH_OK;
}

/* Copies the texts of a definition; false without memory. */
static bool copy_def(struct route *route, const struct berth_route *def, struct base_arena *arena) {
    struct berth_str *query = base_arena_array(arena, def->query_count + 1u, sizeof *query);
    if (!query) {
        return false;
    }
    for (uint32_t i = 0; i < def->query_count; i++) {
        query[i] = base_arena_dup(arena, def->query[i]);
        if (!query[i].ptr) {
            return false;
        }
    }
    route->def = *def;
    route->def.query = query;
    route->def.method = base_arena_dup(arena, def->method);
    route->def.path = base_arena_dup(arena, def->path);
    route->def.permission = base_arena_dup(arena, def->permission);
    return route->def.method.ptr && route->def.path.ptr && route->def.permission.ptr;
}

/* The one of a set with the same method and path, whatever its placeholders are called. */
static const struct route *find_same(const struct route_set *set, const struct route *route) {
    for (const struct route *r = set->first; r; r = r->next) {
        bool same = r->segment_count == route->segment_count &&
                    base_str_eq(r->def.method, route->def.method);
        for (uint32_t i = 0; same && i < r->segment_count; i++) {
            same = r->is_param[i] == route->is_param[i] &&
                   (r->is_param[i] || base_str_eq(r->segments[i], route->segments[i]));
        }
        if (same) {
            return r;
        }
    }
    return NULL;
}

int32_t route_set_add(struct route_set *set, const struct berth_route *def,
                      struct berth_error *error) {
    int32_t code = check_route(def, error);
    if (code) {
        return code;
    }
    struct route *route = base_arena_array(&set->arena, 1, sizeof *route);
    if (!route || !copy_def(route, def, &set->arena)) {
        return base_error_memory(error);
    }
    route->owner = set->owner;
    code = split_path(route, error);
    const struct route *same = code ? NULL : find_same(set, route);
    if (same) {
        code = base_error(error, BERTH_E_EXISTS,
                          "route [" BASE_FMT " " BASE_FMT "] is there already: [" BASE_FMT "]",
                          BASE_ARG(def->method), BASE_ARG(def->path), BASE_ARG(same->def.path));
    }
    if (code) {
        return code;
    }
    *set->last = route;
    set->last = &route->next;
    set->count++;
    return BERTH_OK;
}

static struct node *child_of(struct route_table *table, struct node *node,
                             const struct route *route, uint32_t i) {
    struct node **link = &node->children;
    if (route->is_param[i]) {
        link = &node->param;
    } else {
        while (*link && !base_str_eq((*link)->segment, route->segments[i])) {
            link = &(*link)->next;
        }
    }
    if (!*link) {
        *link = base_arena_array(&table->arena, 1, sizeof **link);
        if (*link) {
            (*link)->segment = route->segments[i];
        }
    }
    return *link;
}

static int32_t insert(struct route_table *table, struct route *route, struct berth_error *error) {
    struct node *node = &table->root;
    for (uint32_t i = 0; i < route->segment_count; i++) {
        node = child_of(table, node, route, i);
        if (!node) {
            return base_error_memory(error);
        }
    }
    for (uint32_t i = 0; i < node->route_count; i++) {
        if (base_str_eq(node->routes[i]->def.method, route->def.method)) {
            return base_error(error, BERTH_E_EXISTS,
                              "route [" BASE_FMT " " BASE_FMT
                              "] of [%s] is there already: [" BASE_FMT "] of [%s]",
                              BASE_ARG(route->def.method), BASE_ARG(route->def.path),
                              route->owner->name, BASE_ARG(node->routes[i]->def.path),
                              node->routes[i]->owner->name);
        }
    }
    struct route **routes =
        base_arena_array(&table->arena, node->route_count + 1u, sizeof(struct route *));
    if (!routes) {
        return base_error_memory(error);
    }
    for (uint32_t i = 0; i < node->route_count; i++) {
        routes[i] = node->routes[i];
    }
    routes[node->route_count++] = route;
    node->routes = routes;
    return BERTH_OK;
}

int32_t route_table_create(struct route_set *const *sets, uint32_t count,
                           struct route_table **out_table, struct berth_error *error) {
    struct route_table *table = calloc(1, sizeof *table);
    if (!table) {
        return base_error_memory(error);
    }
    base_arena_init(&table->arena, ARENA_CHUNK);
    for (uint32_t i = 0; i < count; i++) {
        for (struct route *route = sets[i]->first; route; route = route->next) {
            int32_t code = insert(table, route, error);
            if (code) {
                route_table_destroy(table);
                return code;
            }
        }
    }
    *out_table = table;
    return BERTH_OK;
}

void route_table_destroy(struct route_table *table) {
    if (table) {
        base_arena_deinit(&table->arena);
        free(table);
    }
}

struct search {
    const struct target *target;
    struct berth_str method;
    struct route_match *match;
};

/* The path is matched: takes the route of the method, and notes what other methods there are. */
static void take_node(struct search *search, const struct node *node) {
    char *allow = search->match->allow;
    size_t size = sizeof search->match->allow;
    size_t len = 0;
    for (uint32_t i = 0; i < node->route_count; i++) {
        const struct berth_str method = node->routes[i]->def.method;
        if (base_str_eq(method, search->method)) {
            search->match->route = node->routes[i];
        }
        if (len + method.len + 2 <= size) {
            len += (size_t)snprintf(allow + len, size - len, "%s" BASE_FMT, len ? "," : "",
                                    BASE_ARG(method));
        }
    }
}

/*
 * A path that matches literally does not match by placeholder, whatever its methods are: DELETE
 * things/_create is a wrong method, not the deletion of a thing called _create. Depth is bounded
 * by TARGET_SEGMENTS_MAX.
 */
static bool find(struct search *search, const struct node *node, uint32_t depth) {
    struct route_match *match = search->match;
    if (depth == search->target->segment_count) {
        if (node->route_count) {
            take_node(search, node);
        }
        return node->route_count > 0;
    }
    struct berth_str segment = search->target->segments[depth];
    for (const struct node *child = node->children; child; child = child->next) {
        if (base_str_eq(child->segment, segment) && find(search, child, depth + 1)) {
            return true;
        }
    }
    if (!node->param) {
        return false;
    }
    match->params[match->param_count++] = segment;
    if (find(search, node->param, depth + 1)) {
        return true;
    }
    match->param_count--;
    return false;
}

void route_table_match(const struct route_table *table, const struct target *target,
                       struct berth_str method, struct route_match *out_match) {
    struct search search = {.target = target, .method = method, .match = out_match};
    out_match->route = NULL;
    out_match->param_count = 0;
    out_match->allow[0] = '\0';
    if (!target->has_empty_segment) {
        (void)find(&search, &table->root, 0);
    }
}

bool route_has_parameter(const struct route *route, struct berth_str name) {
    for (uint32_t i = 0; i < route->def.query_count; i++) {
        if (base_str_eq(name, route->def.query[i])) {
            return true;
        }
    }
    return false;
}
