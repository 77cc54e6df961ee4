/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static const struct shape_case {
    const char *body;
    struct shape shape;
    const char *result;
} cases[] = {
    /* filter_path */
    {"{\"a\":1,\"b\":2}", {.filter_path = BERTH_STR_INIT("a")}, "{\"a\":1}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", {.filter_path = BERTH_STR_INIT("a, c")}, "{\"a\":1,\"c\":3}"},
    {"{\"a\":{\"b\":1,\"c\":2}}", {.filter_path = BERTH_STR_INIT("a.b")}, "{\"a\":{\"b\":1}}"},
    {"{\"a\":{\"b\":1,\"c\":2}}",
     {.filter_path = BERTH_STR_INIT("a")},
     "{\"a\":{\"b\":1,\"c\":2}}"},
    {"{\"a\":{\"b\":1}}", {.filter_path = BERTH_STR_INIT("a.x")}, "{}"},
    {"{\"a\":1}", {.filter_path = BERTH_STR_INIT("a.b")}, "{}"},
    {"{\"ab\":1,\"ac\":2,\"b\":3}", {.filter_path = BERTH_STR_INIT("a*")}, "{\"ab\":1,\"ac\":2}"},
    {"{\"x\":{\"k\":1},\"y\":{\"k\":2,\"l\":3}}",
     {.filter_path = BERTH_STR_INIT("*.k")},
     "{\"x\":{\"k\":1},\"y\":{\"k\":2}}"},
    {"{\"x\":{\"y\":{\"k\":1}},\"k\":2,\"z\":3}",
     {.filter_path = BERTH_STR_INIT("**.k")},
     "{\"x\":{\"y\":{\"k\":1}},\"k\":2}"},
    {"{\"l\":[{\"a\":1,\"b\":2},{\"b\":3},{\"a\":4}]}",
     {.filter_path = BERTH_STR_INIT("l.a")},
     "{\"l\":[{\"a\":1},{\"a\":4}]}"},
    {"[{\"a\":1},{\"b\":2}]", {.filter_path = BERTH_STR_INIT("a")}, "[{\"a\":1}]"},
    {"[{\"b\":2}]", {.filter_path = BERTH_STR_INIT("a")}, "[]"},
    {"{\"a\":1,\"b\":{\"c\":1,\"d\":2}}",
     {.filter_path = BERTH_STR_INIT("-b.c")},
     "{\"a\":1,\"b\":{\"d\":2}}"},
    {"{\"a\":1,\"b\":{\"c\":1,\"d\":2}}",
     {.filter_path = BERTH_STR_INIT("b,-b.c")},
     "{\"b\":{\"d\":2}}"},
    {"{\"a.b\":1,\"a\":{\"b\":2,\"c\":3}}",
     {.filter_path = BERTH_STR_INIT("a.b")},
     "{\"a.b\":1,\"a\":{\"b\":2}}"},
    {"{\"\\u0061\":1,\"b\":2}", {.filter_path = BERTH_STR_INIT("a")}, "{\"\\u0061\":1}"},
    {"{\"a\":1e5,\"b\":\"\\u00e9\"}",
     {.filter_path = BERTH_STR_INIT("**")},
     "{\"a\":1e5,\"b\":\"\\u00e9\"}"},
    {"{\"a\":1}", {.filter_path = BERTH_STR_INIT(",")}, "{\"a\":1}"},
    /* pretty */
    {"{}", {.pretty = true}, "{ }\n"},
    {"{\"a\":[1,{\"b\":null}],\"c\":[],\"d\":{}}",
     {.pretty = true},
     "{\n  \"a\" : [\n    1,\n    {\n      \"b\" : null\n    }\n  ],\n  \"c\" : [ ],\n"
     "  \"d\" : { }\n}\n"},
    {"[\"[\",\"{\",1]", {.pretty = true}, "[\n  \"[\",\n  \"{\",\n  1\n]\n"},
    {"\"x\"", {.pretty = true}, "\"x\"\n"},
    {"{\"a\":1,\"b\":2}",
     {.filter_path = BERTH_STR_INIT("b"), .pretty = true},
     "{\n  \"b\" : 2\n}\n"},
    /* YAML */
    {"{\"a\":1,\"b c\":\"x\",\"l\":[true,{\"k\":\"v\"}],\"e\":{}}",
     {.yaml = true},
     "---\na: 1\n\"b c\": \"x\"\nl:\n  - true\n  -\n    k: \"v\"\ne: {}\n"},
    {"1.50", {.yaml = true}, "--- 1.50\n"},
    {"{\"true\":1,\"No\":2,\"truth\":3}",
     {.yaml = true},
     "---\n\"true\": 1\n\"No\": 2\ntruth: 3\n"},
    {"{\"k\":\"\\ud83d\\ude00 \\u2028 \\n \\u0000\"}",
     {.yaml = true},
     "---\nk: \"\xf0\x9f\x98\x80 \\u2028 \\n \\u0000\"\n"},
    /* Not JSON: as it is. */
    {"no json", {.pretty = true}, "no json"},
    {"", {.yaml = true}, ""},
};

static void shapes_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        assert_int_equal(shape_apply(&cases[i].shape, base_cstr(cases[i].body), &out), BERTH_OK);
        if (!base_str_is(base_buf_view(&out), cases[i].result)) {
            fail_msg("case %zu, %s, gave:\n%.*s", i, cases[i].body, (int)out.len,
                     out.ptr ? out.ptr : "");
        }
    }
}

static void knows_a_plain_shape(void **state) {
    (void)state;
    assert_true(shape_is_plain(&(struct shape){.pretty = false}));
    assert_false(shape_is_plain(&(struct shape){.pretty = true}));
    assert_false(shape_is_plain(&(struct shape){.yaml = true}));
    assert_false(shape_is_plain(&(struct shape){.filter_path = BERTH_STR("a")}));
}

static void walks_the_deepest_nesting(void **state) {
    (void)state;
    BASE_BUF_AUTO body;
    base_buf_init(&body, 8192);
    for (uint32_t i = 0; i < JSON_DEPTH_MAX - 1; i++) {
        base_buf_cstr(&body, "{\"a\":");
    }
    base_buf_cstr(&body, "[]");
    for (uint32_t i = 0; i < JSON_DEPTH_MAX - 1; i++) {
        base_buf_cstr(&body, "}");
    }
    static const struct shape shapes[] = {
        {.filter_path = BERTH_STR_INIT("**.a")}, {.pretty = true}, {.yaml = true}};
    for (size_t i = 0; i < BASE_COUNT(shapes); i++) {
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4u << 20);
        assert_int_equal(shape_apply(&shapes[i], base_buf_view(&body), &out), BERTH_OK);
        assert_true(out.len >= body.len - 2 * JSON_DEPTH_MAX);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAULT_EACH_ALLOCATION({
            BASE_BUF_AUTO out;
            base_buf_init(&out, 4096);
            int32_t code = shape_apply(&cases[i].shape, base_cstr(cases[i].body), &out);
            if (code == BERTH_OK ? !base_str_is(base_buf_view(&out), cases[i].result)
                                 : code != BERTH_E_NO_MEMORY) {
                fail_msg("case %zu, allocation %u: code %d", i, fault_n, code);
            }
        });
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_answers),
        cmocka_unit_test(knows_a_plain_shape),
        cmocka_unit_test(walks_the_deepest_nesting),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.router.shape", tests, NULL, NULL);
}
