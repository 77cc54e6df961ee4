/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/route_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static void handle(void *user, struct berth_request *request,
                   const struct berth_request_view *view) {
    (void)user;
    (void)request;
    (void)view;
}

static struct berth_route route_of(const char *method, const char *path) {
    return (struct berth_route){.size = sizeof(struct berth_route),
                                .kind = BERTH_ROUTE_LOOP,
                                .body = BERTH_BODY_NONE,
                                .method = base_cstr(method),
                                .path = base_cstr(path),
                                .handle = handle};
}

static const char *const routes[][2] = {
    {"GET", "/"},
    {"GET", "/things"},
    {"POST", "/things"},
    {"GET", "/things/{id}"},
    {"DELETE", "/things/{id}"},
    {"POST", "/things/_create"},
    {"GET", "/things/_all/parts"},
    {"GET", "/things/{id}/parts/{part}"},
    {"PUT", "/{index}/_doc/{id}"},
};

struct rig {
    struct route_owner owner;
    struct route_set set;
    struct route_table *table;
    struct base_arena arena;
};

static int build(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->owner.name = "host";
    route_set_init(&rig->set, &rig->owner);
    base_arena_init(&rig->arena, 256);
    for (size_t i = 0; i < BASE_COUNT(routes); i++) {
        struct berth_route route = route_of(routes[i][0], routes[i][1]);
        if (route_set_add(&rig->set, &route, NULL)) {
            return -1;
        }
    }
    struct route_set *sets[] = {&rig->set};
    *state = rig;
    return route_table_create(sets, 1, &rig->table, NULL);
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    route_table_destroy(rig->table);
    route_set_deinit(&rig->set);
    base_arena_deinit(&rig->arena);
    free(rig);
    return 0;
}

static const struct match_case {
    const char *method;
    const char *target;
    const char *path; /* of the route; NULL: none */
    const char *params[2];
    const char *allow;
} matches[] = {
    {"GET", "/", "/", {NULL}, "GET"},
    {"GET", "/things", "/things", {NULL}, "GET,POST"},
    {"GET", "/things/", "/things", {NULL}, "GET,POST"},
    {"PUT", "/things", NULL, {NULL}, "GET,POST"},
    {"GET", "/things/a%2Fb", "/things/{id}", {"a/b"}, "GET,DELETE"},
    {"POST", "/things/_create", "/things/_create", {NULL}, "POST"},
    /* Literally matched, it is a wrong method and not a thing called _create. */
    {"DELETE", "/things/_create", NULL, {NULL}, "POST"},
    {"GET", "/things/_all/parts", "/things/_all/parts", {NULL}, "GET"},
    /* The literal way ends nowhere: back to the placeholder. */
    {"GET", "/things/_all/parts/7", "/things/{id}/parts/{part}", {"_all", "7"}, "GET"},
    {"GET", "/things/_all/other", NULL, {NULL}, ""},
    {"PUT", "/things/_doc/1", "/{index}/_doc/{id}", {"things", "1"}, "PUT"},
    {"PUT", "/x/_doc/1", "/{index}/_doc/{id}", {"x", "1"}, "PUT"},
    {"GET", "/nothing", NULL, {NULL}, ""},
    {"GET", "/things//parts", NULL, {NULL}, ""},
    {"GET", "/Things", NULL, {NULL}, ""},
    {"get", "/things", NULL, {NULL}, "GET,POST"},
};

static void finds_routes(void **state) {
    struct rig *rig = *state;
    for (size_t i = 0; i < BASE_COUNT(matches); i++) {
        const struct match_case *c = &matches[i];
        struct target target;
        struct route_match match;
        assert_int_equal(target_parse(base_cstr(c->target), &rig->arena, &target, NULL), BERTH_OK);
        route_table_match(rig->table, &target, base_cstr(c->method), &match);
        if ((match.route != NULL) != (c->path != NULL) || strcmp(match.allow, c->allow) != 0) {
            fail_msg("%s %s: allow [%s]", c->method, c->target, match.allow);
        }
        if (!c->path) {
            continue;
        }
        assert_true(base_str_is(match.route->def.path, c->path));
        assert_ptr_equal(match.route->owner, &rig->owner);
        uint32_t count = 0;
        for (; count < 2 && c->params[count]; count++) {
            assert_true(base_str_is(match.params[count], c->params[count]));
        }
        assert_int_equal(match.param_count, count);
    }
}

static void refuses_bad_definitions(void **state) {
    (void)state;
    struct route_owner owner = {.name = "host"};
    struct route_set set;
    route_set_init(&set, &owner);
    static const char *const cases[][2] = {
        {"get", "/a"},
        {"TRACE", "/a"},
        {"", "/a"},
        {"GET", "a"},
        {"GET", ""},
        {"GET", "/a//b"},
        {"GET", "//a"},
        {"GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"},
        {"GET", "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_route route = route_of(cases[i][0], cases[i][1]);
        if (route_set_add(&set, &route, NULL) != BERTH_E_INVALID) {
            fail_msg("%s %s was taken", cases[i][0], cases[i][1]);
        }
    }
    struct berth_route route = route_of("GET", "/a");
    route.kind = 7;
    assert_int_equal(route_set_add(&set, &route, NULL), BERTH_E_INVALID);
    route = route_of("GET", "/a");
    route.body = 7;
    assert_int_equal(route_set_add(&set, &route, NULL), BERTH_E_INVALID);
    route = route_of("GET", "/a");
    route.handle = NULL;
    assert_int_equal(route_set_add(&set, &route, NULL), BERTH_E_INVALID);
    assert_int_equal(set.count, 0);
    assert_null(set.first);
    route_set_deinit(&set);
}

static void copies_what_it_is_given(void **state) {
    (void)state;
    struct route_owner owner = {.name = "host"};
    struct route_set set;
    route_set_init(&set, &owner);
    char path[] = "/a/{b}";
    char name[] = "size";
    struct berth_str query[] = {base_cstr(name)};
    struct berth_route route = route_of("GET", path);
    route.query = query;
    route.query_count = 1;
    assert_int_equal(route_set_add(&set, &route, NULL), BERTH_OK);
    memset(path, 'x', strlen(path));
    memset(name, 'x', strlen(name));
    query[0] = base_cstr(NULL);
    assert_true(base_str_is(set.first->def.path, "/a/{b}"));
    assert_true(base_str_is(set.first->segments[1], "{b}"));
    assert_true(set.first->is_param[1]);
    assert_true(base_str_is(set.first->def.query[0], "size"));
    route_set_deinit(&set);
}

/* Placeholders of other names are the same path; two owners cannot have it. */
static void refuses_a_route_twice(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"/a/{b}", "/a/{c}"}, {"/a", "/a/"}, {"/", "/"}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct route_owner owners[2] = {{.name = "one"}, {.name = "two"}};
        struct route_set set[2];
        struct route_set *sets[] = {&set[0], &set[1]};
        for (int k = 0; k < 2; k++) {
            route_set_init(&set[k], &owners[k]);
            struct berth_route route = route_of("GET", cases[i][k]);
            assert_int_equal(route_set_add(&set[k], &route, NULL), BERTH_OK);
        }
        struct route_table *table = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(route_table_create(sets, 2, &table, &error), BERTH_E_EXISTS);
        assert_null(table);
        assert_non_null(strstr(error.message, "[one]"));
        assert_non_null(strstr(error.message, "[two]"));
        route_set_deinit(&set[0]);
        route_set_deinit(&set[1]);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct route_owner owner = {.name = "host"};
        struct route_set set;
        struct route_set *sets[] = {&set};
        struct route_table *table = NULL;
        route_set_init(&set, &owner);
        int32_t code = BERTH_OK;
        for (int round = 0; round < 40 && !code; round++) {
            char path[32];
            (void)snprintf(path, sizeof path, "/a%d/{b}/c", round);
            struct berth_route route = route_of("GET", path);
            code = route_set_add(&set, &route, NULL);
        }
        if (!code) {
            code = route_table_create(sets, 1, &table, NULL);
        }
        assert_true(code == BERTH_OK ? table != NULL : code == BERTH_E_NO_MEMORY && !table);
        route_table_destroy(table);
        route_set_deinit(&set);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_routes, build, tear_down),
        cmocka_unit_test(refuses_bad_definitions),
        cmocka_unit_test(copies_what_it_is_given),
        cmocka_unit_test(refuses_a_route_twice),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.router.route_table", tests, NULL, NULL);
}
