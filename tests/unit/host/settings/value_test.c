/* SPDX-License-Identifier: Apache-2.0 */
#include "host/settings/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* A declaration that takes any number; the caller destroys it. */
static struct setting_def *define(uint32_t type, const char *default_text, double min, double max) {
    struct berth_str text = base_cstr(default_text);
    struct berth_setting setting = {.size = sizeof setting,
                                    .type = type,
                                    .default_count = 1,
                                    .key = BERTH_STR("a.key"),
                                    .description = BERTH_STR("What it is."),
                                    .default_values = &text,
                                    .min = min,
                                    .max = max};
    struct setting_def *def = NULL;
    assert_int_equal(setting_def_create(&setting, "owner", &def, NULL), BERTH_OK);
    return def;
}

static const struct value_case {
    uint32_t type;
    const char *text;
    bool ok;
    int64_t number;
} values[] = {
    {BERTH_SETTING_BOOL, "true", true, 1},
    {BERTH_SETTING_BOOL, "false", true, 0},
    {BERTH_SETTING_BOOL, "TRUE", false, 0},
    {BERTH_SETTING_BOOL, "1", false, 0},
    {BERTH_SETTING_BOOL, "", false, 0},
    {BERTH_SETTING_INT, "0", true, 0},
    {BERTH_SETTING_INT, "-1000", true, -1000},
    {BERTH_SETTING_INT, "9007199254740993", true, 9007199254740993},
    {BERTH_SETTING_INT, "9223372036854775807", true, INT64_MAX},
    {BERTH_SETTING_INT, "-9223372036854775808", true, INT64_MIN},
    {BERTH_SETTING_INT, "9223372036854775808", false, 0},
    {BERTH_SETTING_INT, "1.0", false, 0},
    {BERTH_SETTING_INT, "ten", false, 0},
    {BERTH_SETTING_TIME, "250ms", true, 250},
    {BERTH_SETTING_TIME, "2s", true, 2000},
    {BERTH_SETTING_TIME, "1.5m", true, 90000},
    {BERTH_SETTING_TIME, "1h", true, 3600000},
    {BERTH_SETTING_TIME, "1D", true, 86400000},
    {BERTH_SETTING_TIME, "3 s", true, 3000},
    {BERTH_SETTING_TIME, "0", true, 0},
    {BERTH_SETTING_TIME, "10", false, 0},
    {BERTH_SETTING_TIME, "s", false, 0},
    {BERTH_SETTING_TIME, "1w", false, 0},
    {BERTH_SETTING_TIME, "infs", false, 0},
    {BERTH_SETTING_BYTES, "1b", true, 1},
    {BERTH_SETTING_BYTES, "2KB", true, 2048},
    {BERTH_SETTING_BYTES, "0.5mb", true, 524288},
    {BERTH_SETTING_BYTES, "1gb", true, 1073741824},
    {BERTH_SETTING_BYTES, "10", false, 0},
    {BERTH_SETTING_BYTES, "kb", false, 0},
};

static void reads_values_by_type(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(values); i++) {
        const struct value_case *c = &values[i];
        bool has_unit = c->type == BERTH_SETTING_TIME || c->type == BERTH_SETTING_BYTES;
        struct setting_def *def = define(c->type, c->type == BERTH_SETTING_BOOL ? "true" : "0",
                                         has_unit ? 0 : -1e300, 1e300);
        struct berth_str text = base_cstr(c->text);
        struct setting_value value = {.key = def->setting.key, .count = 1, .texts = &text};
        int64_t number = 0;
        int32_t checked = setting_check(def, &value, NULL);
        int32_t read = setting_read_int(def, &value, &number);
        setting_def_destroy(def);
        if (checked != (c->ok ? BERTH_OK : BERTH_E_INVALID) || read != checked ||
            number != c->number) {
            fail_msg("[%s] of type %u: %d, %d, %lld", c->text, c->type, checked, read,
                     (long long)number);
        }
    }
}

static void reads_floating_numbers(void **state) {
    (void)state;
    static const struct {
        uint32_t type;
        const char *text;
        bool ok;
        double number;
    } cases[] = {
        {BERTH_SETTING_FLOAT, "0.25", true, 0.25}, {BERTH_SETTING_FLOAT, "-1e3", true, -1000},
        {BERTH_SETTING_FLOAT, "7", true, 7},       {BERTH_SETTING_FLOAT, "1e999", false, 0},
        {BERTH_SETTING_FLOAT, "nan", false, 0},    {BERTH_SETTING_FLOAT, "", false, 0},
        {BERTH_SETTING_INT, "7", true, 7},         {BERTH_SETTING_TIME, "7s", false, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct setting_def *def = define(cases[i].type, "0", -1e300, 1e300);
        struct berth_str text = base_cstr(cases[i].text);
        struct setting_value value = {.key = def->setting.key, .count = 1, .texts = &text};
        double number = 0;
        int32_t code = setting_read_float(def, &value, &number);
        setting_def_destroy(def);
        assert_int_equal(code, cases[i].ok ? BERTH_OK : BERTH_E_INVALID);
        assert_true(code || number == cases[i].number);
    }
}

static void keeps_both_bounds(void **state) {
    (void)state;
    static const struct {
        uint32_t type;
        const char *text;
        bool ok;
    } cases[] = {
        {BERTH_SETTING_INT, "5", true},        {BERTH_SETTING_INT, "10", true},
        {BERTH_SETTING_INT, "4", false},       {BERTH_SETTING_INT, "11", false},
        {BERTH_SETTING_FLOAT, "10.01", false}, {BERTH_SETTING_TIME, "10ms", true},
        {BERTH_SETTING_TIME, "1s", false},     {BERTH_SETTING_BYTES, "1kb", false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        static const char *const defaults[] = {
            [BERTH_SETTING_INT] = "7",
            [BERTH_SETTING_FLOAT] = "7",
            [BERTH_SETTING_TIME] = "7ms",
            [BERTH_SETTING_BYTES] = "7b",
        };
        struct setting_def *def = define(cases[i].type, defaults[cases[i].type], 5, 10);
        struct berth_str text = base_cstr(cases[i].text);
        struct setting_value value = {.key = def->setting.key, .count = 1, .texts = &text};
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(setting_check(def, &value, &error),
                         cases[i].ok ? BERTH_OK : BERTH_E_INVALID);
        assert_true(cases[i].ok || strstr(error.message, "allowed is 5 to 10"));
        setting_def_destroy(def);
    }
}

static void takes_lists_for_lists_alone(void **state) {
    (void)state;
    struct berth_str texts[] = {BERTH_STR("1"), BERTH_STR("2")};
    struct setting_value list = {.is_list = true, .count = 2, .texts = texts};
    struct setting_value single = {.is_list = true, .count = 1, .texts = texts};
    static const uint32_t types[] = {BERTH_SETTING_INT, BERTH_SETTING_TEXT};
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        struct setting_def *def = define(types[i], "0", 0, 10);
        assert_int_equal(setting_check(def, &list, NULL), BERTH_E_INVALID);
        assert_int_equal(setting_check(def, &single, NULL), BERTH_E_INVALID);
        setting_def_destroy(def);
    }
    struct setting_def *def = define(BERTH_SETTING_LIST, "0", 0, 0);
    assert_int_equal(setting_check(def, &list, NULL), BERTH_OK);
    setting_def_destroy(def);
}

static void does_not_show_what_is_sensitive(void **state) {
    (void)state;
    struct setting_def *def = define(BERTH_SETTING_INT, "0", 0, 10);
    def->setting.flags = BERTH_SETTING_SENSITIVE;
    static const char *const texts[] = {"s3cret", "4711"};
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct berth_str text = base_cstr(texts[i]);
        struct setting_value value = {.count = 1, .texts = &text};
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(setting_check(def, &value, &error), BERTH_E_INVALID);
        assert_null(strstr(error.message, texts[i]));
    }
    setting_def_destroy(def);
}

static void refuses_bad_declarations(void **state) {
    (void)state;
    struct berth_str one = BERTH_STR("5");
    struct berth_setting good = {.size = sizeof good,
                                 .type = BERTH_SETTING_INT,
                                 .default_count = 1,
                                 .key = BERTH_STR("a.b_2"),
                                 .default_values = &one,
                                 .max = 10};
    static const char *const keys[] = {"", ".a", "a.", "A", "a b", "a-b", "a*"};
    struct setting_def *def = NULL;
    assert_int_equal(setting_def_create(&good, "o", &def, NULL), BERTH_OK);
    setting_def_destroy(def);
    for (size_t i = 0; i < BASE_COUNT(keys); i++) {
        struct berth_setting bad = good;
        bad.key = base_cstr(keys[i]);
        if (setting_def_create(&bad, "o", &def, NULL) != BERTH_E_INVALID) {
            fail_msg("the key [%s] was taken", keys[i]);
        }
    }
    struct berth_setting bad = good;
    bad.type = 99;
    assert_int_equal(setting_def_create(&bad, "o", &def, NULL), BERTH_E_INVALID);
    bad = good;
    bad.default_count = 0;
    assert_int_equal(setting_def_create(&bad, "o", &def, NULL), BERTH_E_INVALID);
    bad = good;
    bad.max = 4;
    assert_int_equal(setting_def_create(&bad, "o", &def, NULL), BERTH_E_INVALID);
    bad = good;
    bad.type = BERTH_SETTING_TIME;
    assert_int_equal(setting_def_create(&bad, "o", &def, NULL), BERTH_E_INVALID);
}

static void describes_itself(void **state) {
    (void)state;
    struct setting_def *def = define(BERTH_SETTING_TIME, "1s", 0, 1e6);
    BASE_BUF_AUTO out;
    base_buf_init(&out, 1024);
    setting_def_write(def, &out);
    assert_true(base_str_is(base_buf_view(&out),
                            "{\"type\":\"time\",\"default\":\"1s\",\"dynamic\":false,"
                            "\"description\":\"What it is.\"}"));
    setting_def_destroy(def);
    def = define(BERTH_SETTING_LIST, "x", 0, 0);
    def->setting.flags = BERTH_SETTING_DYNAMIC;
    base_buf_clear(&out);
    setting_def_write(def, &out);
    assert_true(base_str_is(base_buf_view(&out),
                            "{\"type\":\"list\",\"default\":[\"x\"],\"dynamic\":true,"
                            "\"description\":\"What it is.\"}"));
    setting_def_destroy(def);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct berth_str list[] = {BERTH_STR("one"), BERTH_STR("two")};
    struct berth_setting setting = {.size = sizeof setting,
                                    .type = BERTH_SETTING_LIST,
                                    .default_count = 2,
                                    .key = BERTH_STR("a.b"),
                                    .default_values = list};
    FAULT_EACH_ALLOCATION({
        struct setting_def *def = NULL;
        int32_t code = setting_def_create(&setting, "o", &def, NULL);
        assert_true(code == BERTH_OK ? def != NULL : code == BERTH_E_NO_MEMORY && !def);
        setting_def_destroy(def);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values_by_type),
        cmocka_unit_test(reads_floating_numbers),
        cmocka_unit_test(keeps_both_bounds),
        cmocka_unit_test(takes_lists_for_lists_alone),
        cmocka_unit_test(does_not_show_what_is_sensitive),
        cmocka_unit_test(refuses_bad_declarations),
        cmocka_unit_test(describes_itself),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.settings.value", tests, NULL, NULL);
}
