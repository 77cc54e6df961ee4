/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/http_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void keeps_copies_of_the_lines(void **state) {
    (void)state;
    char first[] = "Authorization: Bearer abcdef";
    char second[] = "X-Empty:";
    struct berth_str lines[] = {base_cstr(first), base_cstr(second)};
    struct berth_str secrets[] = {BERTH_STR("abcdef")};
    struct ml_http_headers *headers = NULL;
    assert_int_equal(ml_http_headers_create(NULL, lines, 2, secrets, 1, &headers), BERTH_OK);
    memset(first, 'x', sizeof first - 1);
    memset(second, 'x', sizeof second - 1);
    assert_string_equal(headers->list->data, "Authorization: Bearer abcdef");
    assert_string_equal(headers->list->next->data, "X-Empty:");
    assert_null(headers->list->next->next);
    ml_http_headers_destroy(headers);
    ml_http_headers_destroy(NULL);
}

static void can_be_empty(void **state) {
    (void)state;
    struct ml_http_headers *headers = NULL;
    char text[] = "nothing to hide";
    assert_int_equal(ml_http_headers_create(NULL, NULL, 0, NULL, 0, &headers), BERTH_OK);
    assert_null(headers->list);
    ml_http_headers_scrub(headers, text, sizeof text - 1);
    assert_string_equal(text, "nothing to hide");
    ml_http_headers_destroy(headers);
}

static const struct {
    const char *secrets[3];
    const char *text;
    const char *scrubbed;
} cases[] = {
    {{"s3cr3t"}, "the key s3cr3t is wrong", "the key ****** is wrong"},
    {{"s3cr3t"}, "s3cr3ts3cr3t", "************"},
    {{"s3cr3t"}, "s3cr3", "*****"}, /* a text that was cut within it */
    {{"s3cr3t"}, "you sent s3cr", "you sent ****"},
    {{"s3cr3t"}, "not a secret: s3c", "not a secret: s3c"},
    {{"s3cr3t"}, "s3cr3 is another word", "s3cr3 is another word"},
    {{"s3cr3t"}, "S3CR3T", "S3CR3T"},
    {{"one", "four", "fiveee"}, "one four fiveee", "one **** ******"},
    {{"abc"}, "abc is too short to be told from a word", "abc is too short to be told from a word"},
    {{"inner", "an inner part"}, "an inner part", "*************"},
    {{"s3cr3t"}, "", ""},
};

static void scrubs_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str secrets[3];
        uint32_t count = 0;
        while (count < 3 && cases[i].secrets[count]) {
            secrets[count] = base_cstr(cases[i].secrets[count]);
            count++;
        }
        struct ml_http_headers *headers = NULL;
        char text[64];
        (void)strcpy(text, cases[i].text);
        assert_int_equal(ml_http_headers_create(NULL, NULL, 0, secrets, count, &headers), BERTH_OK);
        ml_http_headers_scrub(headers, text, strlen(text));
        assert_string_equal(text, cases[i].scrubbed);
        ml_http_headers_destroy(headers);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_copies_of_the_lines),
        cmocka_unit_test(can_be_empty),
        cmocka_unit_test(scrubs_by_table),
    };
    return cmocka_run_group_tests_name("ml_remote.http_headers", tests, NULL, NULL);
}
