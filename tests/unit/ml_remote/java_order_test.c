/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/java_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* The places are those of String.hashCode, computed by Java's definition outside of this code. */
static const char *const cases[][2] = {
    {"1.50", "1.50"},
    {"[ 1 , null , \"a\" ]", "[1,null,\"a\"]"},
    {"{}", "{}"},
    {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
    /* Places 10, 13, 8 and 5 of 16. */
    {"{\"model\":1,\"prompt\":2,\"temperature\":3,\"max_tokens\":4}",
     "{\"max_tokens\":4,\"temperature\":3,\"model\":1,\"prompt\":2}"},
    /* Equal hashes, 2112: as they were sent. */
    {"{\"BB\":1,\"Aa\":2}", "{\"BB\":1,\"Aa\":2}"},
    {"{\"Aa\":1,\"BB\":2}", "{\"Aa\":1,\"BB\":2}"},
    /* Places 14, 9 and, of two UTF-16 units, 8. */
    {"{\"content\":1,\"\xc3\xa9\":2,\"\xf0\x9f\x98\x80\":3}",
     "{\"\xf0\x9f\x98\x80\":3,\"\xc3\xa9\":2,\"content\":1}"},
    {"{\"content\":1,\"\\u00e9\":2,\"\\ud83d\\ude00\":3}",
     "{\"\\ud83d\\ude00\":3,\"\\u00e9\":2,\"content\":1}"},
    /* Every depth. */
    {"[{\"b\":{\"content\":1,\"role\":2},\"a\":[]}]",
     "[{\"a\":[],\"b\":{\"role\":2,\"content\":1}}]"},
    /* Twelve members fill 16 places, with thirteen there are 32. */
    {"{\"key0\":0,\"key1\":0,\"key2\":0,\"key3\":0,\"key4\":0,\"key5\":0,\"key6\":0,\"key7\":0,"
     "\"key8\":0,\"key9\":0,\"key10\":0,\"key11\":0}",
     "{\"key1\":0,\"key2\":0,\"key0\":0,\"key5\":0,\"key6\":0,\"key3\":0,\"key4\":0,\"key9\":0,"
     "\"key7\":0,\"key8\":0,\"key11\":0,\"key10\":0}"},
    /* Both in place 5 of 16; of 32, in 21 and 5. */
    {"{\"stream\":1,\"max_tokens\":2}", "{\"stream\":1,\"max_tokens\":2}"},
    {"{\"stream\":1,\"max_tokens\":2,\"key0\":0,\"key1\":0,\"key2\":0,\"key3\":0,\"key4\":0,"
     "\"key5\":0,\"key6\":0,\"key7\":0,\"key8\":0,\"key9\":0,\"key10\":0}",
     "{\"key1\":0,\"key2\":0,\"key0\":0,\"key5\":0,\"max_tokens\":2,\"key6\":0,\"key3\":0,"
     "\"key4\":0,\"key9\":0,\"key7\":0,\"key8\":0,\"key10\":0,\"stream\":1}"},
    /* Text as Gson writes it. */
    {"\"<a href='x'>&=\"", "\"\\u003ca href\\u003d\\u0027x\\u0027\\u003e\\u0026\\u003d\""},
    {"\"a\\/b\\\\/c\\\"d\\n\"", "\"a/b\\\\/c\\\"d\\n\""},
    {"{\"a<b\":1}", "{\"a\\u003cb\":1}"},
};

static void orders_as_a_java_hash_map_does(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        JSON_DOC_AUTO doc = {0};
        assert_true(json_parse(&doc, base_cstr(cases[i][0]), 0, NULL));
        FAULT_EACH_ALLOCATION({
            BASE_BUF_AUTO out;
            base_buf_init(&out, 4096);
            ml_put_java_ordered(json_root(&doc), &out);
            if (out.error ? out.error != BERTH_E_NO_MEMORY
                          : !base_str_is(base_buf_view(&out), cases[i][1])) {
                fail_msg("%s gave %.*s", cases[i][0], (int)out.len, out.ptr ? out.ptr : "");
            }
        });
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders_as_a_java_hash_map_does)};
    return cmocka_run_group_tests_name("ml_remote.java_order", tests, NULL, NULL);
}
