/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/support/fault.h"

static const struct path_case {
    const char *raw;
    const char *path; /* NULL: refused */
    uint32_t count;
    const char *segments[3];
} paths[] = {
    {"/", "/", 0, {NULL}},
    {"/a/b", "/a/b", 2, {"a", "b"}},
    {"/a/b/", "/a/b/", 2, {"a", "b"}},
    {"/a?b/c", "/a", 1, {"a"}},
    {"/a%20b/%C3%a9/%2F", "/a%20b/%C3%a9/%2F", 3, {"a b", "\xc3\xa9", "/"}},
    {"/a+b", "/a+b", 1, {"a+b"}},
    {"http://host:9200/a?x", "/a", 1, {"a"}},
    {"http://host", "/", 0, {NULL}},
    {"*", NULL, 0, {NULL}},
    {"", NULL, 0, {NULL}},
    {"host:9200", NULL, 0, {NULL}},
    {"/a%", NULL, 0, {NULL}},
    {"/a%2", NULL, 0, {NULL}},
    {"/a%zz", NULL, 0, {NULL}},
    {"/%ff", NULL, 0, {NULL}},
    {"/%ed%a0%80", NULL, 0, {NULL}},
    {"/a#b", NULL, 0, {NULL}},
};

static void takes_paths_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(paths); i++) {
        const struct path_case *c = &paths[i];
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 256);
        struct target target;
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = target_parse(base_cstr(c->raw), &arena, &target, &error);
        if (code != (c->path ? BERTH_OK : BERTH_E_INVALID)) {
            fail_msg("[%s] gave %d", c->raw, code);
        }
        if (code) {
            assert_int_equal(base_error_status(&error), 400);
            continue;
        }
        assert_true(base_str_is(target.path, c->path));
        assert_false(target.has_empty_segment);
        assert_int_equal(target.segment_count, c->count);
        for (uint32_t k = 0; k < c->count; k++) {
            assert_true(base_str_is(target.segments[k], c->segments[k]));
        }
    }
}

static void notes_empty_segments(void **state) {
    (void)state;
    static const char *const cases[] = {"//a", "/a//b", "/a//"};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 256);
        struct target target;
        assert_int_equal(target_parse(base_cstr(cases[i]), &arena, &target, NULL), BERTH_OK);
        assert_true(target.has_empty_segment);
    }
}

static const struct query_case {
    const char *raw;
    uint32_t count;
    struct {
        const char *name;
        const char *value; /* NULL: without one */
    } parameters[3];
} queries[] = {
    {"/a", 0, {{NULL, NULL}}},
    {"/a?", 0, {{NULL, NULL}}},
    {"/a?&&", 0, {{NULL, NULL}}},
    {"/a?pretty", 1, {{"pretty", NULL}}},
    {"/a?pretty=", 1, {{"pretty", ""}}},
    {"/a?x=1&y=a=b&x=2", 3, {{"x", "1"}, {"y", "a=b"}, {"x", "2"}}},
    {"/a?q=a+b%2Bc%26", 1, {{"q", "a b+c&"}}},
    {"/a?%70=%C3%A9", 1, {{"p", "\xc3\xa9"}}},
    {"/a?=v", 1, {{"", "v"}}},
    {"/a?u=/b?c", 1, {{"u", "/b?c"}}},
};

static void takes_queries_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(queries); i++) {
        const struct query_case *c = &queries[i];
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 256);
        struct target target;
        assert_int_equal(target_parse(base_cstr(c->raw), &arena, &target, NULL), BERTH_OK);
        if (target.parameter_count != c->count) {
            fail_msg("[%s] has %u parameters", c->raw, target.parameter_count);
        }
        for (uint32_t k = 0; k < c->count; k++) {
            const struct target_parameter *p = &target.parameters[k];
            const char *value = c->parameters[k].value;
            assert_true(base_str_is(p->name, c->parameters[k].name));
            assert_int_equal(p->has_value, value != NULL);
            assert_true(base_str_is(p->value, value ? value : ""));
        }
    }
    static const char *const refused[] = {"/a?x=%", "/a?%f", "/a?x=%ff", "/a?x=%0g"};
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 256);
        struct target target;
        assert_int_equal(target_parse(base_cstr(refused[i]), &arena, &target, NULL),
                         BERTH_E_INVALID);
    }
}

static void finds_the_first_of_a_name(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    struct target target;
    assert_int_equal(target_parse(BERTH_STR("/a?x=1&x=2"), &arena, &target, NULL), BERTH_OK);
    assert_true(base_str_is(target_find(&target, BERTH_STR("x"))->value, "1"));
    assert_null(target_find(&target, BERTH_STR("X")));
}

static void reads_booleans(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        int32_t code;
        bool value;
    } cases[] = {
        {"/?p", BERTH_OK, true},          {"/?p=", BERTH_OK, true},
        {"/?p=true", BERTH_OK, true},     {"/?p=false", BERTH_OK, false},
        {"/?p=TRUE", BERTH_E_INVALID, 0}, {"/?p=1", BERTH_E_INVALID, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 256);
        struct target target;
        bool value = false;
        assert_int_equal(target_parse(base_cstr(cases[i].raw), &arena, &target, NULL), BERTH_OK);
        assert_int_equal(target_bool(&target.parameters[0], &value, NULL), cases[i].code);
        assert_int_equal(value, cases[i].value);
    }
}

static void takes_so_many_segments_and_parameters(void **state) {
    (void)state;
    for (uint32_t over = 0; over <= 1; over++) {
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 256);
        struct target target;
        BASE_BUF_AUTO raw;
        base_buf_init(&raw, 1024);
        for (uint32_t i = 0; i < TARGET_SEGMENTS_MAX + over; i++) {
            base_buf_cstr(&raw, "/s");
        }
        assert_int_equal(target_parse(base_buf_view(&raw), &arena, &target, NULL),
                         over ? BERTH_E_INVALID : BERTH_OK);
        base_buf_clear(&raw);
        base_buf_cstr(&raw, "/?p");
        for (uint32_t i = 1; i < TARGET_PARAMETERS_MAX + over; i++) {
            base_buf_cstr(&raw, "&p");
        }
        assert_int_equal(target_parse(base_buf_view(&raw), &arena, &target, NULL),
                         over ? BERTH_E_INVALID : BERTH_OK);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 16);
        struct target target;
        int32_t code = target_parse(BERTH_STR("/a%20/b%20?c+=d%20&e"), &arena, &target, NULL);
        assert_true(code == BERTH_E_NO_MEMORY ||
                    (code == BERTH_OK && target.segment_count == 2 && target.parameter_count == 2));
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_paths_apart),
        cmocka_unit_test(notes_empty_segments),
        cmocka_unit_test(takes_queries_apart),
        cmocka_unit_test(finds_the_first_of_a_name),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(takes_so_many_segments_and_parameters),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.router.query", tests, NULL, NULL);
}
