/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/gzip.h"

#include "tests/support/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BUF_MAX ((size_t)4 << 20)

/* Text of a length that neither packs to nothing nor not at all. */
static void make_text(struct base_buf *buf, size_t len) {
    for (size_t i = 0; i < len; i++) {
        base_buf_char(buf, (char)('a' + i * i % 23));
    }
    assert_int_equal(buf->error, BERTH_OK);
}

static void unpacks_what_it_packed(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 100, 16383, 16384, 16385, 1000000};
    for (size_t i = 0; i < BASE_COUNT(lengths); i++) {
        BASE_BUF_AUTO text;
        BASE_BUF_AUTO packed;
        base_buf_init(&text, BUF_MAX);
        base_buf_init(&packed, BUF_MAX);
        make_text(&text, lengths[i]);
        base_buf_cstr(&packed, "");
        assert_int_equal(gzip_pack(base_buf_view(&text), &packed), BERTH_OK);
        assert_int_equal(gzip_unpack(&packed, BUF_MAX), BERTH_OK);
        assert_int_equal(packed.len, text.len);
        assert_true(base_str_eq(base_buf_view(&packed), base_buf_view(&text)));
        assert_int_equal(packed.max, BUF_MAX);
    }
}

static void packs_behind_what_is_there(void **state) {
    (void)state;
    BASE_BUF_AUTO packed;
    base_buf_init(&packed, BUF_MAX);
    base_buf_cstr(&packed, "head");
    assert_int_equal(gzip_pack(BERTH_STR("text"), &packed), BERTH_OK);
    assert_memory_equal(packed.ptr, "head\x1f\x8b", 6);
}

/* A body of exactly the bound passes, one byte more does not, and neither does a bomb. */
static void keeps_its_bound(void **state) {
    (void)state;
    static const struct {
        size_t len;
        uint64_t max;
        int32_t code;
    } cases[] = {
        {1, 1, BERTH_OK},
        {2, 1, BERTH_E_TOO_LARGE},
        {16384, 16384, BERTH_OK},
        {16385, 16384, BERTH_E_TOO_LARGE},
        {16385, 16385, BERTH_OK},
        {1000000, 1000, BERTH_E_TOO_LARGE},
        {1000000, 999999, BERTH_E_TOO_LARGE},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO text;
        BASE_BUF_AUTO packed;
        base_buf_init(&text, BUF_MAX);
        base_buf_init(&packed, BUF_MAX);
        make_text(&text, cases[i].len);
        assert_int_equal(gzip_pack(base_buf_view(&text), &packed), BERTH_OK);
        size_t before = packed.len;
        assert_int_equal(gzip_unpack(&packed, cases[i].max), cases[i].code);
        assert_int_equal(packed.len, cases[i].code ? before : cases[i].len);
    }
}

static void refuses_what_is_damaged(void **state) {
    (void)state;
    BASE_BUF_AUTO text;
    BASE_BUF_AUTO packed;
    base_buf_init(&text, BUF_MAX);
    base_buf_init(&packed, BUF_MAX);
    make_text(&text, 300);
    assert_int_equal(gzip_pack(base_buf_view(&text), &packed), BERTH_OK);
    for (size_t len = 1; len < packed.len; len++) {
        BASE_BUF_AUTO cut;
        base_buf_init(&cut, BUF_MAX);
        base_buf_append(&cut, packed.ptr, len);
        assert_int_equal(gzip_unpack(&cut, BUF_MAX), BERTH_E_PARSE);
    }
    /* The sum at the end is of the text: a bit that is changed anywhere behind the head shows. */
    for (size_t at = 10; at < packed.len; at++) {
        BASE_BUF_AUTO changed;
        base_buf_init(&changed, BUF_MAX);
        base_buf_append(&changed, packed.ptr, packed.len);
        changed.ptr[at] = (char)(changed.ptr[at] ^ 0x10);
        assert_int_not_equal(gzip_unpack(&changed, BUF_MAX), BERTH_OK);
    }
    BASE_BUF_AUTO plain;
    base_buf_init(&plain, BUF_MAX);
    base_buf_cstr(&plain, "{\"plain\": true}");
    assert_int_equal(gzip_unpack(&plain, BUF_MAX), BERTH_E_PARSE);
    assert_true(base_str_is(base_buf_view(&plain), "{\"plain\": true}"));
}

static void pack_and_unpack(void) {
    BASE_BUF_AUTO packed;
    base_buf_init(&packed, BUF_MAX);
    int32_t code = gzip_pack(BERTH_STR("some text, some text"), &packed);
    code = code ? code : gzip_unpack(&packed, BUF_MAX);
    assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION(pack_and_unpack());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_what_it_packed),
        cmocka_unit_test(packs_behind_what_is_there),
        cmocka_unit_test(keeps_its_bound),
        cmocka_unit_test(refuses_what_is_damaged),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.http.gzip", tests, NULL, NULL);
}
