/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

static void has_the_length_and_the_alphabet(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, ID_DOCUMENT_LENGTH, ID_NODE_LENGTH, 64, 65, 200};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char id[202];
        memset(id, '!', sizeof id);
        id_generate(id, lengths[i]);
        assert_int_equal(strlen(id), lengths[i]);
        assert_int_equal(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_"),
                         lengths[i]);
        assert_int_equal(id[lengths[i] + 1], '!');
    }
}

/* That one of 64 is missing among 20000 has odds of less than 1 to 10^130. */
static void uses_the_whole_alphabet(void **state) {
    (void)state;
    bool seen[256] = {false};
    int kinds = 0;
    for (int i = 0; i < 100; i++) {
        char id[201];
        id_generate(id, 200);
        for (size_t k = 0; k < 200; k++) {
            kinds += !seen[(unsigned char)id[k]];
            seen[(unsigned char)id[k]] = true;
        }
    }
    assert_int_equal(kinds, 64);
}

static void does_not_repeat(void **state) {
    (void)state;
    char ids[100][ID_DOCUMENT_LENGTH + 1];
    for (int i = 0; i < 100; i++) {
        id_generate(ids[i], ID_DOCUMENT_LENGTH);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_length_and_the_alphabet),
        cmocka_unit_test(uses_the_whole_alphabet),
        cmocka_unit_test(does_not_repeat),
    };
    return cmocka_run_group_tests_name("host.base.id", tests, NULL, NULL);
}
