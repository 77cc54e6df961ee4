/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const int32_t codes[] = {
#define CODE(name, code, status, type, meaning) (code),
    BERTH_ERROR_LIST(CODE)
#undef CODE
};

static void knows_every_code(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(codes); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(base_error(&error, codes[i], "x"), codes[i]);
        assert_in_range(base_error_status(&error), 400, 599);
        assert_true(base_error_type(&error)[0] != '\0');
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(codes[i], codes[k]);
            assert_string_not_equal(base_error_name(codes[i]), base_error_name(codes[k]));
        }
    }
    assert_string_equal(base_error_name(BERTH_OK), "OK");
}

static void takes_an_unknown_code_for_an_internal_one(void **state) {
    (void)state;
    struct berth_error unknown = BASE_ERROR_INIT;
    struct berth_error internal = BASE_ERROR_INIT;
    assert_int_equal(base_error(&unknown, 12345, "x"), 12345);
    assert_int_equal(base_error(&internal, BERTH_E_INTERNAL, "x"), BERTH_E_INTERNAL);
    assert_int_equal(base_error_status(&unknown), base_error_status(&internal));
    assert_string_equal(base_error_type(&unknown), base_error_type(&internal));
    assert_string_equal(base_error_name(12345), base_error_name(BERTH_E_INTERNAL));
}

static void returns_the_code_without_an_object(void **state) {
    (void)state;
    assert_int_equal(base_error(NULL, BERTH_E_INVALID, "%d", 1), BERTH_E_INVALID);
    assert_int_equal(base_error_rest(NULL, BERTH_E_PARSE, 400, "t", "%d", 1), BERTH_E_PARSE);
    assert_int_equal(base_error_memory(NULL), BERTH_E_NO_MEMORY);
}

static void prefers_a_status_and_type_of_its_own(void **state) {
    (void)state;
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error_rest(&error, BERTH_E_INVALID, 418, "teapot_exception", "%s %d", "cup", 2);
    assert_int_equal(base_error_status(&error), 418);
    assert_string_equal(base_error_type(&error), "teapot_exception");
    assert_string_equal(error.message, "cup 2");
    /* The next error does not inherit them. */
    (void)base_error(&error, BERTH_E_INTERNAL, "y");
    assert_int_equal(base_error_status(&error), 500);
    assert_string_not_equal(base_error_type(&error), "teapot_exception");
}

/* For each character, every place where the border can fall within it. */
static void cuts_between_characters(void **state) {
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < BASE_COUNT(characters); i++) {
        size_t width = strlen(characters[i]);
        for (size_t lead = 0; lead < 4; lead++) {
            char text[2 * sizeof((struct berth_error *)0)->message];
            memset(text, 'x', lead);
            size_t len = lead;
            while (len + width < sizeof text) {
                memcpy(text + len, characters[i], width);
                len += width;
            }
            text[len] = '\0';
            struct berth_error error = BASE_ERROR_INIT;
            (void)base_error(&error, BERTH_E_INVALID, "%s", text);
            size_t room = sizeof error.message - 1 - lead;
            assert_int_equal(strlen(error.message), lead + room / width * width);
            assert_memory_equal(error.message, text, strlen(error.message));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_code),
        cmocka_unit_test(takes_an_unknown_code_for_an_internal_one),
        cmocka_unit_test(returns_the_code_without_an_object),
        cmocka_unit_test(prefers_a_status_and_type_of_its_own),
        cmocka_unit_test(cuts_between_characters),
    };
    return cmocka_run_group_tests_name("base.error", tests, NULL, NULL);
}
