/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

static size_t length(const char *bytes, size_t len) {
    return base_utf8_length((const unsigned char *)bytes, (const unsigned char *)bytes + len);
}

static bool is_scalar(uint32_t c) {
    return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* Every character there is: written, it is well-formed, and not when its last byte is missing. */
static void writes_what_it_checks(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char bytes[4];
        size_t len = base_utf8_encode(c, bytes);
        size_t wanted = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (len != wanted || length(bytes, len) != (is_scalar(c) ? len : 0) ||
            (len > 1 && length(bytes, len - 1) != 0)) {
            fail_msg("U+%04X", c);
        }
    }
}

static void refuses_malformed_bytes(void **state) {
    (void)state;
    static const char *const cases[] = {
        "\x80",          "\xbf\x80",      "\xc0\x80",         "\xc1\xbf",
        "\xc3(",         "\xe0\x80\x80",  "\xe0\x9f\xbf",     "\xe2(\xa1",
        "\xe2\x82(",     "\xed\xbf\xbf",  "\xf0\x8f\xbf\xbf", "\xf0(\x8c\xbc",
        "\xf0\x90(\xbc", "\xf0\x90\x8c(", "\xf5\x80\x80\x80", "\xff\xff\xff\xff",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (length(cases[i], strlen(cases[i])) != 0) {
            fail_msg("case %zu", i);
        }
    }
}

static void finds_the_place_to_cut(void **state) {
    (void)state;
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t floors[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t at = 0; at < sizeof floors / sizeof *floors; at++) {
        assert_int_equal(base_utf8_floor(text, sizeof text - 1, at), floors[at]);
    }
    assert_int_equal(base_utf8_floor("", 0, 5), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_checks),
        cmocka_unit_test(refuses_malformed_bytes),
        cmocka_unit_test(finds_the_place_to_cut),
    };
    return cmocka_run_group_tests_name("base.utf8", tests, NULL, NULL);
}
