/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_write.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static void write_document(struct base_buf *buf) {
    json_open_object(buf);
    json_member_cstr(buf, "text", "a\"b");
    json_member_i64(buf, "i", INT64_MIN);
    json_member_u64(buf, "u", UINT64_MAX);
    json_member_bool(buf, "t", true);
    json_member_raw(buf, "raw", BERTH_STR("{\"k\":1}"));
    json_key(buf, "list");
    json_open_array(buf);
    json_put_null(buf);
    json_put_bool(buf, false);
    json_open_array(buf);
    json_close_array(buf);
    json_open_object(buf);
    json_close_object(buf);
    json_put_f64(buf, 0.5);
    json_close_array(buf);
    json_member_string(buf, "", BERTH_STR(""));
    json_close_object(buf);
}

static const char document[] =
    "{\"text\":\"a\\\"b\",\"i\":-9223372036854775808,\"u\":18446744073709551615,\"t\":true,"
    "\"raw\":{\"k\":1},\"list\":[null,false,[],{},0.5],\"\":\"\"}";

static void puts_commas_by_itself(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 1024);
    write_document(&buf);
    assert_int_equal(buf.error, BERTH_OK);
    assert_true(base_str_is(base_buf_view(&buf), document));
}

/* A text that ends like something that takes no comma is still followed by one. */
static void separates_after_texts_that_look_like_punctuation(void **state) {
    (void)state;
    static const char *const texts[] = {"{", "[", ":", ","};
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 1024);
        json_open_array(&buf);
        json_put_cstr(&buf, texts[i]);
        json_put_i64(&buf, 1);
        json_close_array(&buf);
        assert_true(json_check(base_buf_view(&buf), 0, NULL));
    }
}

static void escapes_what_json_requires_and_no_more(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"plain / \xc3\xa9 \x7f", "plain / \xc3\xa9 \x7f"},
        {"\"\\", "\\\"\\\\"},
        {"\b\f\n\r\t", "\\b\\f\\n\\r\\t"},
        {"a\x01z\x1f", "a\\u0001z\\u001f"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 1024);
        json_escape(&buf, base_cstr(cases[i][0]));
        assert_true(base_str_is(base_buf_view(&buf), cases[i][1]));
    }
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 1024);
    json_escape(&buf, base_str("a\0b", 3));
    assert_true(base_str_is(base_buf_view(&buf), "a\\u0000b"));
}

static void writes_the_shortest_number_that_reads_back(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {1, "1.0"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e300, "1e+300"},
        {5e-324, "4.94065645841247e-324"},
        {HUGE_VAL, "null"},
        {-HUGE_VAL, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 1024);
        json_put_f64(&buf, cases[i].value);
        if (!base_str_is(base_buf_view(&buf), cases[i].text)) {
            fail_msg("%.17g became %.*s", cases[i].value, (int)buf.len, buf.ptr);
        }
        double back = 0;
        assert_true(!isfinite(cases[i].value) ||
                    (base_str_f64(base_buf_view(&buf), &back) && back == cases[i].value));
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 1024);
        write_document(&buf);
        assert_true(buf.error == BERTH_OK ? base_str_is(base_buf_view(&buf), document)
                                          : buf.error == BERTH_E_NO_MEMORY);
    });
}

/* What is not UTF-8, as a client may send it in a header, must not make of JSON what is none. */
static void replaces_what_is_no_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"\xc3\xa4\xe4\xb8\x96\xf0\x9f\x98\x80", "\"\xc3\xa4\xe4\xb8\x96\xf0\x9f\x98\x80\""},
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xe4\xb8\"", "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 100);
        json_put_string(&buf, base_cstr(cases[i].text));
        assert_true(base_str_is(base_buf_view(&buf), cases[i].json));
        assert_true(json_check(base_buf_view(&buf), 0, NULL));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_what_is_no_utf8),
        cmocka_unit_test(puts_commas_by_itself),
        cmocka_unit_test(separates_after_texts_that_look_like_punctuation),
        cmocka_unit_test(escapes_what_json_requires_and_no_more),
        cmocka_unit_test(writes_the_shortest_number_that_reads_back),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("base.json_write", tests, NULL, NULL);
}
