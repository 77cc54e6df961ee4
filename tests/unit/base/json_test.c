/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static const struct text_case {
    const char *text;
    uint32_t flags;
    enum json_fault fault;
    size_t offset;
} texts[] = {
    {"null", 0, JSON_FAULT_NONE, 0},
    {" [1 , {\"a\" : -0.5e+3}] \r\n\t", 0, JSON_FAULT_NONE, 0},
    {"\"\\u00e9\\\"\\/\\b\\f\\n\\r\\t\\\\\"", 0, JSON_FAULT_NONE, 0},
    {"{\"\":{}}", 0, JSON_FAULT_NONE, 0},
    {"{\"a\":1,\"a\":2}", 0, JSON_FAULT_NONE, 0},
    {"", 0, JSON_FAULT_END, 0},
    {"   ", 0, JSON_FAULT_END, 3},
    {"[1,", 0, JSON_FAULT_END, 3},
    {"{\"a\"", 0, JSON_FAULT_END, 4},
    {"[1,]", 0, JSON_FAULT_SYNTAX, 3},
    {"{,}", 0, JSON_FAULT_SYNTAX, 1},
    {"{\"a\":1,}", 0, JSON_FAULT_SYNTAX, 7},
    {"{1:2}", 0, JSON_FAULT_SYNTAX, 1},
    {"[1}", 0, JSON_FAULT_SYNTAX, 2},
    {"1 2", 0, JSON_FAULT_SYNTAX, 2},
    {"1 // x", 0, JSON_FAULT_SYNTAX, 2},
    {"NaN", 0, JSON_FAULT_SYNTAX, 0},
    {"'a'", 0, JSON_FAULT_SYNTAX, 0},
    {"1 2", JSON_TRAILING, JSON_FAULT_NONE, 0},
    {"{} ]", JSON_TRAILING, JSON_FAULT_NONE, 0},
    {"/* a */ [1, // b\n 2] // c", JSON_COMMENTS, JSON_FAULT_NONE, 0},
    {"[1, /* never ends", JSON_COMMENTS, JSON_FAULT_END, 17},
    {"{\"a\":1,\"\\u0061\":2}", JSON_UNIQUE_KEYS, JSON_FAULT_DUPLICATE, 7},
    {"[{\"a\":1},{\"a\":1}]", JSON_UNIQUE_KEYS, JSON_FAULT_NONE, 0},
    {"{\"a\":{\"a\":{\"b\":1,\"b\":1}}}", JSON_UNIQUE_KEYS, JSON_FAULT_DUPLICATE, 17},
};

static void accepts_and_refuses_texts(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        const struct text_case *c = &texts[i];
        JSON_DOC_AUTO doc = {0};
        struct json_error error = {.fault = JSON_FAULT_NONE};
        bool ok = json_parse(&doc, base_cstr(c->text), c->flags, &error);
        if (ok != (c->fault == JSON_FAULT_NONE)) {
            fail_msg("%s: parsed %d", c->text, ok);
        }
        if (!ok) {
            if (error.fault != c->fault || error.offset != c->offset) {
                fail_msg("%s: fault %d at %zu", c->text, (int)error.fault, error.offset);
            }
            assert_non_null(error.what);
        }
        /* The check without nodes agrees; it does not know duplicate keys. */
        bool checked = json_check(base_cstr(c->text), c->flags & ~JSON_UNIQUE_KEYS, NULL);
        assert_int_equal(checked, ok || c->fault == JSON_FAULT_DUPLICATE);
    }
}

static void knows_numbers_and_literals(void **state) {
    (void)state;
    static const char *const good[] = {"0", "-0", "10", "1.5", "1e5", "1E-5", "-1.25e+10", "true"};
    static const char *const bad[] = {"01",  "-",   "+1", ".5",   "1.",   "1e",  "1e+",
                                      "--1", "0x1", "1_", "True", "tru ", "nul0"};
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        assert_true(json_check(base_cstr(good[i]), 0, NULL));
    }
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (json_check(base_cstr(bad[i]), 0, NULL)) {
            fail_msg("%s was accepted", bad[i]);
        }
    }
}

static void checks_the_bytes_of_strings(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum json_fault fault;
    } cases[] = {
        {"\"\xc3\xa9\"", JSON_FAULT_NONE},
        {"\"\xf0\x9f\x98\x80\"", JSON_FAULT_NONE},
        {"\"\xc3\"", JSON_FAULT_UTF8},
        {"\"\x80\"", JSON_FAULT_UTF8},
        {"\"\xc0\xaf\"", JSON_FAULT_UTF8},
        {"\"\xed\xa0\x80\"", JSON_FAULT_UTF8},
        {"\"\xf4\x90\x80\x80\"", JSON_FAULT_UTF8},
        {"\"a\nb\"", JSON_FAULT_SYNTAX},
        {"\"\\x\"", JSON_FAULT_SYNTAX},
        {"\"\\u12g4\"", JSON_FAULT_SYNTAX},
        {"\"\\ud800\"", JSON_FAULT_NONE},
        {"\"0123456789abcdef\x1f\"", JSON_FAULT_SYNTAX},
        {"\"0123456789abcdef", JSON_FAULT_END},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct json_error error = {.fault = JSON_FAULT_NONE};
        bool ok = json_check(base_cstr(cases[i].text), 0, &error);
        if (ok != (cases[i].fault == JSON_FAULT_NONE) || (!ok && error.fault != cases[i].fault)) {
            fail_msg("case %zu: %d, fault %d", i, ok, (int)error.fault);
        }
    }
}

static void names_line_and_column(void **state) {
    (void)state;
    struct json_error error;
    assert_false(json_check(BERTH_STR("{\n  \"a\": 1,\n  \"b\": x\n}"), 0, &error));
    assert_int_equal(error.line, 3);
    assert_int_equal(error.column, 8);
    struct berth_error report = BASE_ERROR_INIT;
    assert_int_equal(json_report(&error, "the body", &report), BERTH_E_PARSE);
    assert_int_equal(report.status, 400);
    assert_string_equal(report.type, "json_parse_exception");
    assert_non_null(strstr(report.message, "the body is not valid JSON: "));
    assert_non_null(strstr(report.message, "at line 3, column 8"));

    assert_false(json_check(BERTH_STR("["), 0, &error));
    assert_int_equal(json_report(&error, "the body", &report), BERTH_E_PARSE);
    assert_string_equal(report.type, "json_e_o_f_exception");
    assert_int_equal(json_refuse(&error, BERTH_E_INTERNAL, "a row", &report), BERTH_E_INTERNAL);

    error.fault = JSON_FAULT_MEMORY;
    assert_int_equal(json_report(&error, "the body", NULL), BERTH_E_NO_MEMORY);
    assert_int_equal(json_refuse(&error, BERTH_E_INTERNAL, "a row", NULL), BERTH_E_NO_MEMORY);
}

static void nests_to_its_depth_and_no_further(void **state) {
    (void)state;
    char text[2 * (JSON_DEPTH_MAX + 1)];
    for (uint32_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        JSON_DOC_AUTO doc = {0};
        struct json_error error = {.fault = JSON_FAULT_NONE};
        bool ok = json_parse(&doc, base_str(text, (size_t)2 * depth), 0, &error);
        assert_int_equal(ok, depth == JSON_DEPTH_MAX);
        assert_int_equal(error.fault, ok ? JSON_FAULT_NONE : JSON_FAULT_DEPTH);
    }
}

static void walks_objects_and_arrays(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(
        &doc, BERTH_STR("{\"a\":[1,[2,3],{}],\"b\\n\":{\"c\":true},\"d\":\"x\",\"a\":null}"), 0,
        NULL));
    struct json_value root = json_root(&doc);
    assert_int_equal(json_type(root), JSON_OBJECT);
    assert_int_equal(json_count(root), 4);
    struct json_value a = json_get(root, "a");
    assert_int_equal(json_count(a), 3);
    assert_true(base_str_is(json_raw(json_at(a, 1)), "[2,3]"));
    assert_true(base_str_is(json_raw(json_at(json_at(a, 1), 1)), "3"));
    assert_int_equal(json_count(json_at(a, 2)), 0);
    assert_false(json_present(json_first(json_at(a, 2))));
    assert_false(json_present(json_at(a, 3)));
    assert_true(json_is(json_get(json_get(root, "b\n"), "c"), JSON_TRUE));
    assert_true(base_str_is(json_inner(json_get(root, "d")), "x"));
    assert_true(base_str_is(json_raw(json_get(root, "d")), "\"x\""));
    size_t seen = 0;
    for (struct json_value v = json_first(root); json_present(v); v = json_next(root, v)) {
        seen++;
    }
    assert_int_equal(seen, 8);
}

static void passes_absent_values_on(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    assert_false(json_present(json_root(&doc)));
    assert_true(json_parse(&doc, BERTH_STR("{\"n\":1}"), 0, NULL));
    struct json_value absent = json_get(json_get(json_get(json_root(&doc), "x"), "y"), "z");
    assert_false(json_present(absent));
    assert_int_equal(json_type(absent), JSON_ABSENT);
    assert_int_equal(json_count(absent), 0);
    assert_int_equal(json_raw(absent).len, 0);
    assert_int_equal(json_inner(json_root(&doc)).len, 0);
    assert_false(json_present(json_at(json_root(&doc), 0)));
    assert_false(json_present(json_get(json_get(json_root(&doc), "n"), "n")));
    assert_false(json_string_is(absent, BERTH_STR("")));
}

static const struct {
    const char *raw;
    const char *text;
} strings[] = {
    {"\"\"", ""},
    {"\"plain\"", "plain"},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    {"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac"},
    {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
    {"\"\\ud83d\"", "\xef\xbf\xbd"},
    {"\"\\ud83dx\"", "\xef\xbf\xbdx"},
    {"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    {"\"\\ud83d\\n\"", "\xef\xbf\xbd\n"},
};

static void resolves_escapes(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(strings); i++) {
        JSON_DOC_AUTO doc = {0};
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 64);
        assert_true(json_parse(&doc, base_cstr(strings[i].raw), 0, NULL));
        struct json_value root = json_root(&doc);
        struct berth_str text = {0};
        assert_true(json_string(root, &arena, &text));
        if (!base_str_is(text, strings[i].text)) {
            fail_msg("%s gave %.*s", strings[i].raw, (int)text.len, text.ptr);
        }
        assert_true(json_string_is(root, base_cstr(strings[i].text)));
        assert_false(json_string_is(root, BERTH_STR("another text")));
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 64);
        json_unescape(&buf, json_inner(root));
        assert_true(base_str_is(base_str(buf.ptr, buf.len), strings[i].text));
    }
}

static void compares_escaped_strings_to_their_end(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, BERTH_STR("\"a\\u0000b\""), 0, NULL));
    assert_true(json_string_is(json_root(&doc), base_str("a\0b", 3)));
    assert_false(json_string_is(json_root(&doc), base_str("a\0", 2)));
    assert_false(json_string_is(json_root(&doc), base_str("a\0bc", 4)));
    assert_false(json_string_is(json_root(&doc), base_str("", 0)));
}

static void reads_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        int64_t i64;
        double f64;
    } cases[] = {
        {"0", true, 0, 0},
        {"-12", true, -12, -12},
        {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", true, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", false, 0, 9223372036854775808.0},
        {"1.5", false, 0, 1.5},
        {"1e3", false, 0, 1000},
        {"-2.5E-1", false, 0, -0.25},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        JSON_DOC_AUTO doc = {0};
        assert_true(json_parse(&doc, base_cstr(cases[i].text), 0, NULL));
        int64_t whole = 0;
        double number = 0;
        assert_int_equal(json_i64(json_root(&doc), &whole), cases[i].whole);
        assert_int_equal(whole, cases[i].i64);
        assert_true(json_f64(json_root(&doc), &number));
        assert_true(number == cases[i].f64);
    }
    JSON_DOC_AUTO doc = {0};
    int64_t whole = 0;
    assert_true(json_parse(&doc, BERTH_STR("\"1\""), 0, NULL));
    assert_false(json_i64(json_root(&doc), &whole));
}

static void minifies(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {" { \"a b\" : [ 1 , 2 ] } ", "{\"a b\":[1,2]}"},
        {"[1,/* x */2 // \"y\n]", "[1,2]"},
        {"\" // \\\" /* \"", "\" // \\\" /* \""},
        {"1 // to the end", "1"},
        {"{}", "{}"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 1024);
        json_minify(&buf, base_cstr(cases[i][0]));
        if (!base_str_is(base_str(buf.ptr, buf.len), cases[i][1])) {
            fail_msg("%s gave %.*s", cases[i][0], (int)buf.len, buf.ptr);
        }
    }
}

/* Many keys take another way than few. */
static void finds_a_duplicate_among_many_keys(void **state) {
    (void)state;
    for (int twice = 0; twice <= 1; twice++) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 4096);
        base_buf_cstr(&buf, "{");
        for (int i = 0; i < 40; i++) {
            base_buf_format(&buf, "\"\\u006b%d\":%d,", i, i);
        }
        base_buf_format(&buf, "\"k%d\":0}", twice ? 7 : 40);
        FAULT_EACH_ALLOCATION({
            JSON_DOC_AUTO doc = {0};
            struct json_error error = {.fault = JSON_FAULT_NONE};
            bool ok = json_parse(&doc, base_str(buf.ptr, buf.len), JSON_UNIQUE_KEYS, &error);
            assert_true(error.fault == JSON_FAULT_MEMORY || ok == !twice);
            if (error.fault == JSON_FAULT_DUPLICATE) {
                assert_int_equal(error.offset, buf.len - strlen("\"k7\":0}"));
            }
        });
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        JSON_DOC_AUTO doc = {0};
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 64);
        struct json_error error = {.fault = JSON_FAULT_NONE};
        if (json_parse(&doc, BERTH_STR("{\"a\\n\":[1,2,3],\"\\u0061\\n\":\"b\\n\"}"), 0, &error)) {
            struct berth_str text = {0};
            struct json_value b = json_at(json_get(json_root(&doc), "a\n"), 2);
            assert_true(base_str_is(json_raw(b), "3"));
            struct json_value key = json_first(json_root(&doc));
            assert_true(!json_string(key, &arena, &text) || base_str_is(text, "a\n"));
        } else {
            assert_int_equal(error.fault, JSON_FAULT_MEMORY);
        }
    });
}

static void keeps_its_memory_between_texts(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, BERTH_STR("[1,2,3,4]"), 0, NULL));
    fault_fail_allocation(1);
    bool ok = json_parse(&doc, BERTH_STR("[5]"), 0, NULL);
    assert_false(fault_end());
    assert_true(ok);
    assert_true(base_str_is(json_raw(json_root(&doc)), "[5]"));
    assert_false(json_parse(&doc, BERTH_STR("[5"), 0, NULL));
    assert_false(json_present(json_root(&doc)));
}

/* Arrays of numbers alone, and others; long ones, since those are gone over in blocks. */
static const struct {
    const char *text;
    const char *element; /* once more so often */
    unsigned times;
    bool are_numbers;
} lists[] = {
    {"1", NULL, 0, true},         {" -1.5 , 2e5 ", NULL, 0, true}, {"", NULL, 0, false},
    {"1", ",0.25", 300, true},    {"1e5", ", -2.5E-7", 90, true},  {"1", ",\n  3", 90, true},
    {"[1]", ",0.25", 300, false}, {"1,\"a\"", ",1", 90, false},    {"null", NULL, 0, false},
    {"1,[2,3]", ",4", 90, false}, {"{\"a\":1}", NULL, 0, false},   {"1,true", ",1", 90, false},
};

static void packs_numbers(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    JSON_DOC_AUTO packed = {0};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        BASE_BUF_AUTO text;
        uint64_t count = 0;
        uint64_t packed_count = 0;
        base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
        base_buf_format(&text, "{\"list\":[%s", lists[i].text);
        for (unsigned n = 0; n < lists[i].times; n++) {
            base_buf_cstr(&text, lists[i].element);
        }
        base_buf_cstr(&text, "],\"behind\":2}");
        assert_true(json_parse(&doc, base_buf_view(&text), 0, NULL));
        assert_true(json_parse(&packed, base_buf_view(&text), JSON_PACK_NUMBERS, NULL));
        struct json_value list = json_get(json_root(&doc), "list");
        struct json_value whole = json_get(json_root(&packed), "list");
        assert_int_equal(json_numbers(list, &count), lists[i].are_numbers);
        assert_int_equal(json_numbers(whole, &packed_count), lists[i].are_numbers);
        assert_int_equal(packed_count, count);
        assert_int_equal(json_count(whole), lists[i].are_numbers ? 0 : json_count(list));
        assert_true(base_str_eq(json_raw(whole), json_raw(list)));
        assert_true(base_str_is(json_raw(json_get(json_root(&packed), "behind")), "2"));
    }
    /* Errors are told as without. */
    struct json_error error;
    struct json_error other;
    static const char *const wrong[] = {"[1,]", "[1 2]", "[01]", "[1,2", "[1.]", "[-]", "[1,2}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(json_parse(&doc, base_cstr(wrong[i]), JSON_PACK_NUMBERS, &error));
        assert_false(json_parse(&doc, base_cstr(wrong[i]), 0, &other));
        assert_int_equal(error.offset, other.offset);
        assert_string_equal(error.what, other.what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_refuses_texts),
        cmocka_unit_test(knows_numbers_and_literals),
        cmocka_unit_test(checks_the_bytes_of_strings),
        cmocka_unit_test(names_line_and_column),
        cmocka_unit_test(nests_to_its_depth_and_no_further),
        cmocka_unit_test(walks_objects_and_arrays),
        cmocka_unit_test(passes_absent_values_on),
        cmocka_unit_test(resolves_escapes),
        cmocka_unit_test(compares_escaped_strings_to_their_end),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(minifies),
        cmocka_unit_test(finds_a_duplicate_among_many_keys),
        cmocka_unit_test(survives_each_failed_allocation),
        cmocka_unit_test(keeps_its_memory_between_texts),
        cmocka_unit_test(packs_numbers),
    };
    return cmocka_run_group_tests_name("base.json", tests, NULL, NULL);
}
