/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/authorization.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *header;
    enum authorization_scheme scheme;
    const char *credentials;
} headers[] = {
    {"", AUTHORIZATION_NONE, ""},
    {"Basic", AUTHORIZATION_BASIC, ""},
    {"Basic YTpi", AUTHORIZATION_BASIC, "YTpi"},
    {"basic   YTpi ", AUTHORIZATION_BASIC, "YTpi"},
    {"BASIC YTpi", AUTHORIZATION_BASIC, "YTpi"},
    {"Bearer a.b.c", AUTHORIZATION_BEARER, "a.b.c"},
    {"Basics YTpi", AUTHORIZATION_NONE, "YTpi"},
    {"Negotiate YTpi", AUTHORIZATION_NONE, "YTpi"},
};

static void finds_the_scheme(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(headers); i++) {
        struct berth_str credentials;
        assert_int_equal(authorization_scheme(base_cstr(headers[i].header), &credentials),
                         headers[i].scheme);
        assert_true(base_str_is(credentials, headers[i].credentials));
    }
}

static const struct {
    const char *credentials;
    const char *user; /* NULL: refused */
    const char *password;
} cases[] = {
    {"YWxpY2U6bm90LWl0", "alice", "not-it"},
    {"YTpi", "a", "b"},
    {"YTo=", "a", ""},
    {"YTpiOmM=", "a", "b:c"},
    {"w6k6w6k=", "\xc3\xa9", "\xc3\xa9"},
    {"YTpiYg==", "a", "bb"},
    {"", NULL, NULL},
    {"YQ==", NULL, NULL},     /* no colon */
    {"OmI=", NULL, NULL},     /* no user */
    {"YTpi=", NULL, NULL},    /* padding where none belongs */
    {"YTo", NULL, NULL},      /* no padding */
    {"YTp=", NULL, NULL},     /* bits beyond the last byte */
    {"YTpiYh==", NULL, NULL}, /* the same */
    {"YT pi", NULL, NULL},
    {"YT\npi", NULL, NULL},
    {"YTp-", NULL, NULL}, /* the alphabet of URLs */
    {"Y===", NULL, NULL},
    {"====", NULL, NULL},
    {"YTo=YTpi", NULL, NULL},
};

static void decodes_strictly(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct authorization_basic basic;
        bool ok = authorization_basic(base_cstr(cases[i].credentials), &basic);
        if (ok != (cases[i].user != NULL)) {
            fail_msg("[%s]: %d", cases[i].credentials, ok);
        }
        if (ok) {
            assert_true(base_str_is(basic.user, cases[i].user));
            assert_true(base_str_is(basic.password, cases[i].password));
        }
    }
}

static void refuses_what_is_too_long(void **state) {
    (void)state;
    static char text[AUTHORIZATION_BASIC_MAX / 3 * 4 + 4];
    memset(text, 'A', sizeof text);
    memcpy(text, "YTpi", 4);
    struct authorization_basic basic;
    assert_true(authorization_basic(base_str(text, sizeof text - 4), &basic));
    assert_int_equal(basic.password.len, AUTHORIZATION_BASIC_MAX - 2);
    assert_false(authorization_basic(base_str(text, sizeof text), &basic));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_scheme),
        cmocka_unit_test(decodes_strictly),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
