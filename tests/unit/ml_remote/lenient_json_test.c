/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/lenient_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void tells_lenient_json(void **state) {
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        "{\"a\":1}",
        "{'a':'b\\'c'}",
        "{a:b,c:-1.5}",
        "{a=b;c=>d}",
        "[a,'b',\"c\";1,]",
        " {a:[{b:{}}]} ",
        "// x\n{a:1} # y",
        "/* x */[1]/* y */",
        "{a # x\n:1}",
        "{\"a b\":c-d}",
    };
    static const char *const bad[] = {
        "",       "a",    "\"a\"",     "1",     "{",       "[",       "}",      "{a}",   "{a:}",
        "{a:1,}", "{:1}", "{a:1 b:2}", "[1 2]", "[,]",     "{}{}",    "{} x",   "{'a:1", "[\"a]",
        "{a:1]",  "[1}",  "/* x",      "{/* x", "{a:b c}", "{a:'b\\", "{a:1}/",
    };
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        if (!ml_is_lenient_json(base_cstr(good[i]))) {
            fail_msg("%s was refused", good[i]);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (ml_is_lenient_json(base_cstr(bad[i]))) {
            fail_msg("%s was taken", bad[i]);
        }
    }
    assert_false(ml_is_lenient_json(base_str("{}\0", 3)));
    assert_false(ml_is_lenient_json(base_str("{a:\0}", 5)));
}

/* Exactly as long as the text, so that reading beyond its end is seen. */
static void does_not_read_beyond_the_end(void **state) {
    (void)state;
    static const char text[] = "/*x*/{'a\\'b':\"c\\\"d\",e=>[f;/*y*/g],h:#z\ni}//";
    for (size_t len = 0; len < sizeof text; len++) {
        char *copy = malloc(len + 1);
        char *from = copy + 1;
        memcpy(from, text, len);
        assert_int_equal(ml_is_lenient_json(base_str(from, len)),
                         len == sizeof text - 3 || len == sizeof text - 1);
        free(copy);
    }
}

static void nests_to_a_depth(void **state) {
    (void)state;
    char text[2 * 129];
    for (size_t depth = 128; depth <= 129; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(ml_is_lenient_json(base_str(text, 2 * depth)), depth == 128);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_lenient_json),
        cmocka_unit_test(does_not_read_beyond_the_end),
        cmocka_unit_test(nests_to_a_depth),
    };
    return cmocka_run_group_tests_name("ml_remote.lenient_json", tests, NULL, NULL);
}
