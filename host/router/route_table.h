/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: sets of them, each of one owner, and the table in which they are looked up.
 *
 * A table does not change once it is made; a change makes a new one, which is swapped in whole. A
 * request keeps its route, which lives as long as the owner's set: an owner goes when its count of
 * requests in flight is zero on every loop.
 */
#ifndef HOST_ROUTER_ROUTE_TABLE_H
#define HOST_ROUTER_ROUTE_TABLE_H

#include <berth/routes.h>

#include "base/arena.h"
#include "base/error.h"
#include "host/loop/loop.h"
#include "host/router/query.h"

/* Placeholders in one path. */
#define ROUTE_PARAMS_MAX 8u
#define ROUTE_SEGMENTS_MAX TARGET_SEGMENTS_MAX

/* Whose routes they are: the host itself, or a generation of a plugin. */
struct route_owner {
    const char *name;
    /* What the owner's routes are given as loop_context; written before the loop serves them. */
    void *loop_contexts[LOOPS_MAX];
    /* Requests that are not replied to; each element belongs to its loop. */
    _Atomic uint64_t in_flight[LOOPS_MAX];
};

struct route {
    struct route *next;
    struct route_owner *owner;
    struct berth_route def; /* its texts are in the set's arena */
    struct berth_str segments[ROUTE_SEGMENTS_MAX];
    bool is_param[ROUTE_SEGMENTS_MAX];
    uint32_t segment_count;
};

struct route_set {
    struct route_owner *owner;
    struct route *first;
    struct route **last;
    uint32_t count;
    struct base_arena arena;
};

void route_set_init(struct route_set *set, struct route_owner *owner);
void route_set_deinit(struct route_set *set);

/* Checks a route and adds a copy of it. */
int32_t route_set_add(struct route_set *set, const struct berth_route *route,
                      struct berth_error *error);

struct route_table;

/* Makes a table of all routes of the sets. EXISTS when two have the same method and path. */
int32_t route_table_create(struct route_set *const *sets, uint32_t count,
                           struct route_table **out_table, struct berth_error *error);
void route_table_destroy(struct route_table *table);

struct route_match {
    struct route *route; /* NULL: no route for this method */
    struct berth_str params[ROUTE_PARAMS_MAX];
    uint32_t param_count;
    /* Methods that the path has, joined by commas; "" when no route has the path. */
    char allow[64];
};

/* Literal segments win over placeholders. */
void route_table_match(const struct route_table *table, const struct target *target,
                       struct berth_str method, struct route_match *out_match);

/* Whether it registered a query parameter of that name. */
bool route_has_parameter(const struct route *route, struct berth_str name);

#endif
