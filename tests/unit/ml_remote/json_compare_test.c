/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/json_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json_write.h"

/* Groups of equal numbers, from the least to the greatest; NULL ends a group. */
static const char *const ascending[][5] = {
    {"-1e99999999999999999999"},
    {"-12.5", "-125e-1", "-0.125E+2"},
    {"-1", "-1.0"},
    {"-1e-400"},
    {"0", "-0", "0.0", "0e5", "-0.00E-9"},
    {"1e-99999999999999999999"},
    {"0.001", "1e-3", "1.000e-3", "100e-5"},
    {"0.0010000000000000000000000001"},
    {"0.1"},
    {"1", "1.0", "10e-1", "0.1e1"},
    {"9.99"},
    {"10", "1e1", "10.0", "0.10e2"},
    {"10.01"},
    {"9007199254740992"},
    {"9007199254740993", "9007199254740993.000"},
    {"123456789012345678901234567890"},
    {"123456789012345678901234567891"},
    {"1e400"},
};

static void orders_numbers_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(ascending); i++) {
        for (size_t j = 0; j < BASE_COUNT(ascending); j++) {
            for (size_t m = 0; m < BASE_COUNT(ascending[i]) && ascending[i][m]; m++) {
                for (size_t n = 0; n < BASE_COUNT(ascending[j]) && ascending[j][n]; n++) {
                    struct ml_decimal a = ml_decimal_read(base_cstr(ascending[i][m]));
                    struct ml_decimal b = ml_decimal_read(base_cstr(ascending[j][n]));
                    assert_int_equal(ml_decimal_compare(&a, &b), (i > j) - (i < j));
                }
            }
        }
    }
}

static void tells_integers_and_multiples(void **state) {
    (void)state;
    static const struct {
        const char *value;
        const char *divisor;
        bool integer;
        bool multiple;
    } numbers[] = {
        {"0", "7", true, true},
        {"21", "7", true, true},
        {"22", "7", true, false},
        {"2.10e1", "7", true, true},
        {"0.7", "0.1", false, true},
        {"0.75", "0.1", false, false},
        {"1e30", "7", true, false},
        {"7e30", "7", true, true},
        {"5", "10", true, false},
        {"30", "10", true, true},
        {"1e1000", "2.5", true, true},
        {"18446744073709551615", "18446744073709551615", true, true},
        {"-1e999999999999", "3", true, false},
    };
    for (size_t i = 0; i < BASE_COUNT(numbers); i++) {
        struct ml_decimal value = ml_decimal_read(base_cstr(numbers[i].value));
        struct ml_decimal divisor = ml_decimal_read(base_cstr(numbers[i].divisor));
        uint64_t digits = 0;
        assert_true(ml_decimal_divisor(&divisor, &digits));
        assert_int_equal(ml_decimal_is_integer(&value), numbers[i].integer);
        assert_int_equal(ml_decimal_is_multiple(&value, &divisor, digits), numbers[i].multiple);
    }
    uint64_t digits = 0;
    static const char *const no_divisors[] = {"0", "-2", "18446744073709551616"};
    for (size_t i = 0; i < BASE_COUNT(no_divisors); i++) {
        struct ml_decimal divisor = ml_decimal_read(base_cstr(no_divisors[i]));
        assert_false(ml_decimal_divisor(&divisor, &digits));
    }
}

static void is_spent_once_and_for_all(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    ML_BUDGET_AUTO budget;
    assert_true(json_parse(&doc, BERTH_STR("[[1,2,3],[1,2,3]]"), 0, NULL));
    struct json_value a = json_at(json_root(&doc), 0);
    struct json_value b = json_at(json_root(&doc), 1);
    ml_budget_init(&budget, 4);
    assert_true(ml_json_equal(&budget, a, b));
    assert_int_equal(budget.left, 0);
    assert_false(ml_json_equal(&budget, a, b));
    assert_int_equal(budget.error, BERTH_E_LIMIT);
}

static void finds_twins_in_many_items(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    ML_BUDGET_AUTO budget;
    BASE_BUF_AUTO text;
    size_t first = 0;
    size_t second = 0;
    const int count = 20000;
    base_buf_init(&text, 1u << 24);
    json_open_array(&text);
    for (int i = 0; i < count; i++) {
        json_put_i64(&text, i);
    }
    json_put_raw(&text, BERTH_STR("12345.0"));
    json_close_array(&text);
    assert_true(json_parse(&doc, base_buf_view(&text), 0, NULL));
    /* Linear: each item is looked at once, and again where another has the same hash. */
    ml_budget_init(&budget, 2 * (uint64_t)count);
    assert_true(ml_json_find_twins(&budget, json_root(&doc), &first, &second));
    assert_int_equal(first, 12345);
    assert_int_equal(second, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_numbers_exactly),
        cmocka_unit_test(tells_integers_and_multiples),
        cmocka_unit_test(is_spent_once_and_for_all),
        cmocka_unit_test(finds_twins_in_many_items),
    };
    return cmocka_run_group_tests_name("ml_remote.json_compare", tests, NULL, NULL);
}
