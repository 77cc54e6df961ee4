/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void orders_by_bytes(void **state) {
    (void)state;
    static const char *const sorted[] = {"", "A", "a", "aa", "ab", "b", "\xc3\xa9"};
    for (size_t i = 0; i < BASE_COUNT(sorted); i++) {
        for (size_t k = 0; k < BASE_COUNT(sorted); k++) {
            int order = base_str_cmp(base_cstr(sorted[i]), base_cstr(sorted[k]));
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
            assert_int_equal(base_str_eq(base_cstr(sorted[i]), base_cstr(sorted[k])), i == k);
        }
    }
    assert_true(base_str_eq(base_cstr(NULL), BERTH_STR("")));
}

static void compares_without_case(void **state) {
    (void)state;
    assert_true(base_str_eq_nocase(BERTH_STR("Content-Type"), BERTH_STR("cONTENT-tYPE")));
    assert_false(base_str_eq_nocase(BERTH_STR("a"), BERTH_STR("ab")));
    assert_false(base_str_eq_nocase(BERTH_STR("@"), BERTH_STR("`")));
    assert_false(base_str_eq_nocase(BERTH_STR("["), BERTH_STR("{")));
}

static void finds_parts(void **state) {
    (void)state;
    struct berth_str s = BERTH_STR("model/one");
    assert_true(base_str_starts(s, BERTH_STR("model")));
    assert_true(base_str_starts(s, BERTH_STR("")));
    assert_false(base_str_starts(s, BERTH_STR("model/one/two")));
    assert_true(base_str_ends(s, BERTH_STR("/one")));
    assert_false(base_str_ends(s, BERTH_STR("a model/one")));
    assert_true(base_str_contains(s, BERTH_STR("l/o")));
    assert_true(base_str_contains(s, BERTH_STR("")));
    assert_false(base_str_contains(s, BERTH_STR("two")));
    assert_false(base_str_contains(base_cstr(NULL), BERTH_STR("x")));
    assert_int_equal(base_str_find(s, '/'), 5);
    assert_int_equal(base_str_find(s, '?'), s.len);
    assert_int_equal(base_str_find(base_cstr(NULL), '?'), 0);
}

static void slices_within_its_bounds(void **state) {
    (void)state;
    struct berth_str s = BERTH_STR("abc");
    assert_true(base_str_is(base_str_from(s, 1), "bc"));
    assert_int_equal(base_str_from(s, 7).len, 0);
    assert_true(base_str_is(base_str_slice(s, 1, 2), "b"));
    assert_true(base_str_is(base_str_slice(s, 1, 9), "bc"));
    assert_int_equal(base_str_slice(s, 2, 1).len, 0);
}

static void trims_white_space(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a", "a"}, {" \t a b\r\n", "a b"}, {" \v\f ", ""}, {"", ""}, {"\xc2\xa0", "\xc2\xa0"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_true(base_str_is(base_str_trim(base_cstr(cases[i][0])), cases[i][1]));
    }
}

static void splits_at_separators(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t count;
        const char *pieces[4];
    } cases[] = {
        {"a,b,c", 3, {"a", "b", "c"}}, {"a", 1, {"a"}}, {"", 1, {""}}, {",", 2, {"", ""}},
        {"a,,b", 3, {"a", "", "b"}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str rest = base_cstr(cases[i].text);
        struct berth_str piece;
        uint32_t count = 0;
        while (base_str_split(&rest, ',', &piece)) {
            assert_in_range(count, 0, cases[i].count - 1);
            assert_true(base_str_is(piece, cases[i].pieces[count]));
            count++;
        }
        assert_int_equal(count, cases[i].count);
    }
}

static void matches_globs(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool match;
    } cases[] = {
        {"", "", true},          {"", "a", false},          {"*", "", true},
        {"*", "anything", true}, {"a*", "a", true},         {"a*c", "abbc", true},
        {"a*c", "abcd", false},  {"*b*", "abc", true},      {"*ab", "aab", true},
        {"a**b", "ab", true},    {"*a*a*", "a", false},     {"abc", "abcd", false},
        {"abcd", "abc", false},  {"*aab*", "aaab", true},   {"a?c", "abc", false},
        {"*.b", "a.b.b", true},  {"a*b*c", "aXbXb", false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (base_str_glob(base_cstr(cases[i].pattern), base_cstr(cases[i].text)) !=
            cases[i].match) {
            fail_msg("[%s] on [%s]", cases[i].pattern, cases[i].text);
        }
    }
}

static void reads_whole_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-7", true, -7},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        int64_t value = 0;
        if (base_str_i64(base_cstr(cases[i].text), &value) != cases[i].ok ||
            value != cases[i].value) {
            fail_msg("[%s] gave %lld", cases[i].text, (long long)value);
        }
    }
    int64_t value = 0;
    assert_false(base_str_i64(base_str("1\0", 2), &value));
}

static void reads_floating_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double value;
    } cases[] = {
        {"0.5", true, 0.5},
        {"-2e3", true, -2000},
        {"1E-2", true, 0.01},
        {".5", true, 0.5},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.2.3", false, 0},
        {"inf", false, 0},
        {"nan", false, 0},
        {"0x1p3", false, 0},
        {"e", false, 0},
        {"1e-400", true, 0},
        {"-", false, 0},
        {"1,5", false, 0},
        {"1e999", false, 0},
        {"-1e999", false, 0},
        /* As long as a program writes them that knows no exponents. */
        {"0.1000000000000000055511151231257827021181583404541015625000000000000000", true, 0.1},
        {"100000000000000000000000000000000000000000000000000000000000000000000000", true, 1e71},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        double value = 0;
        if (base_str_f64(base_cstr(cases[i].text), &value) != cases[i].ok ||
            value != cases[i].value) {
            fail_msg("[%s] gave %g", cases[i].text, value);
        }
    }
    char longest[BASE_NUMBER_MAX + 1];
    double value = 0;
    memset(longest, '0', sizeof longest);
    longest[1] = '.';
    longest[2] = '5';
    assert_true(base_str_f64(base_str(longest, BASE_NUMBER_MAX), &value));
    assert_true(value == 0.5);
    assert_false(base_str_f64(base_str(longest, sizeof longest), &value));
}

static void hashes_equal_texts_alike(void **state) {
    (void)state;
    char copy[] = "key";
    assert_true(base_str_hash(BERTH_STR("key")) == base_str_hash(base_cstr(copy)));
    assert_true(base_str_hash(BERTH_STR("key")) != base_str_hash(BERTH_STR("yek")));
    assert_true(base_str_hash(BERTH_STR("")) == base_str_hash(base_cstr(NULL)));
}

static void writes_bytes_as_hexadecimal(void **state) {
    (void)state;
    static const unsigned char bytes[] = {0x00, 0x0f, 0xa5, 0xff};
    char out[2 * sizeof bytes + 1];
    base_hex(bytes, sizeof bytes, out);
    assert_string_equal(out, "000fa5ff");
    base_hex(bytes, 0, out);
    assert_string_equal(out, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_by_bytes),
        cmocka_unit_test(compares_without_case),
        cmocka_unit_test(finds_parts),
        cmocka_unit_test(slices_within_its_bounds),
        cmocka_unit_test(trims_white_space),
        cmocka_unit_test(splits_at_separators),
        cmocka_unit_test(matches_globs),
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(reads_floating_numbers),
        cmocka_unit_test(writes_bytes_as_hexadecimal),
        cmocka_unit_test(hashes_equal_texts_alike),
    };
    return cmocka_run_group_tests_name("base.str", tests, NULL, NULL);
}
