/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/distinguished_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static const struct {
    const char *a;
    const char *b;
    bool same;
} pairs[] = {
    {"CN=admin", "CN=admin", true},
    {"CN=admin", "cn = admin", true},
    {"CN=admin,OU=ops,O=Example", "CN=admin, OU=ops , O=Example", true},
    {"CN=admin", "CN=Admin", false},
    {"CN=admin", "CN=admin2", false},
    {"CN=admin", "OU=admin", false},
    {"CN=admin,O=Example", "O=Example,CN=admin", false},
    {"CN=admin,O=Example", "CN=admin", false},
    {"CN=admin", "CN=admin,O=Example", false},
    /* An escaped comma does not begin a part. */
    {"CN=admin\\,O=Example", "CN=admin,O=Example", false},
    {"CN=a\\,b", "CN=a\\,b", true},
    {"CN=a\\ ", "CN=a", false},
    {"CN=a\\", "CN=a", false},
    {"CN=admin", "", false},
    {"", "", true},
};

static void compares_part_by_part(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(pairs); i++) {
        if (distinguished_name_same(base_cstr(pairs[i].a), base_cstr(pairs[i].b)) !=
            pairs[i].same) {
            fail_msg("[%s] and [%s]", pairs[i].a, pairs[i].b);
        }
    }
}

static const struct {
    const char *name;
    const char *type;
    const char *value;
} values[] = {
    {"CN=alice,O=Example", "CN", "alice"},
    {"O=Example,cn=alice", "CN", "alice"},
    {"O=Example", "CN", ""},
    {"CN=a,CN=b", "CN", "a"},
    {"CN=a\\,O\\=b,O=c", "CN", "a,O=b"},
    {"CN=M\\C3\\BCller", "CN", "M\xc3\xbcller"},
    {"OU=CN\\=x,CN=y", "CN", "y"},
    {"", "CN", ""},
    {"CN", "CN", ""},
    {"CN=a\\", "CN", "a\\"},
};

static void gives_values_without_escapes(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(values); i++) {
        FAULT_EACH_ALLOCATION({
            BASE_ARENA_AUTO arena;
            base_arena_init(&arena, 256);
            struct berth_str got =
                distinguished_name_value(base_cstr(values[i].name), values[i].type, &arena);
            if (got.ptr && !base_str_is(got, values[i].value)) {
                fail_msg("[%s]: [%.*s]", values[i].name, BASE_ARG(got));
            }
            assert_true(got.ptr || got.len == 0);
        });
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_part_by_part),
        cmocka_unit_test(gives_values_without_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
