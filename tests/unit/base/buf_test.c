/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static void grows_and_ends_with_zero(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 1024);
    for (int i = 0; i < 100; i++) {
        base_buf_format(&buf, "%d,", i % 10);
    }
    assert_int_equal(buf.error, BERTH_OK);
    assert_int_equal(buf.len, 200);
    assert_memory_equal(buf.ptr, "0,1,2,", 6);
}

static void writes_numbers(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 1024);
    base_buf_u64(&buf, 0);
    base_buf_char(&buf, ' ');
    base_buf_u64(&buf, 1090);
    base_buf_char(&buf, ' ');
    base_buf_u64(&buf, UINT64_MAX);
    assert_true(base_str_is(base_buf_view(&buf), "0 1090 18446744073709551615"));
}

static void refuses_what_passes_its_bound(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 4);
    base_buf_cstr(&buf, "12345");
    assert_int_not_equal(buf.error, BERTH_OK);
    size_t len = buf.len;
    base_buf_cstr(&buf, "1");
    assert_int_equal(buf.len, len);
}

/* Bytes up to the bound fit, whatever the steps in which they come. */
static void holds_its_bound_exactly(void **state) {
    (void)state;
    static const size_t bounds[] = {0, 1, 255, 256, 257, 511, 512, 513, 1000};
    static const size_t steps[] = {1, 7, 256, 1000};
    static const char bytes[1000];
    for (size_t i = 0; i < BASE_COUNT(bounds); i++) {
        for (size_t k = 0; k < BASE_COUNT(steps); k++) {
            BASE_BUF_AUTO buf;
            base_buf_init(&buf, bounds[i]);
            while (buf.len < bounds[i]) {
                size_t left = bounds[i] - buf.len;
                base_buf_append(&buf, bytes, left < steps[k] ? left : steps[k]);
                assert_int_equal(buf.error, BERTH_OK);
                assert_true(buf.len <= buf.cap && buf.cap <= buf.max);
            }
            base_buf_char(&buf, 'x');
            assert_int_equal(buf.error, BERTH_E_TOO_LARGE);
            assert_int_equal(buf.len, bounds[i]);
        }
    }
}

static void a_failed_buffer_stays_failed_until_cleared(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 4);
    base_buf_cstr(&buf, "ab");
    base_buf_cstr(&buf, "cde");
    base_buf_char(&buf, 'c');
    base_buf_format(&buf, "%d", 1);
    assert_null(base_buf_reserve(&buf, 1));
    assert_int_equal(buf.error, BERTH_E_TOO_LARGE);
    assert_true(base_str_is(base_buf_view(&buf), "ab"));
    base_buf_clear(&buf);
    base_buf_cstr(&buf, "wxyz");
    assert_int_equal(buf.error, BERTH_OK);
    assert_true(base_str_is(base_buf_view(&buf), "wxyz"));
}

static void nothing_is_appended_without_memory(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 4);
    base_buf_append(&buf, NULL, 0);
    base_buf_str(&buf, (struct berth_str){NULL, 0});
    base_buf_cstr(&buf, "");
    assert_null(buf.ptr);
    assert_int_equal(buf.error, BERTH_OK);
}

static void sizes_that_overflow_are_too_large(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, SIZE_MAX);
    base_buf_char(&buf, 'x');
    assert_null(base_buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(buf.error, BERTH_E_TOO_LARGE);
    assert_int_equal(buf.len, 1);
}

static void memory_can_be_taken(void **state) {
    (void)state;
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, 100);
    base_buf_cstr(&buf, "abc");
    char *taken = base_buf_take(&buf);
    assert_memory_equal(taken, "abc", 3);
    free(taken);
    assert_null(buf.ptr);
    assert_int_equal(buf.max, 100);
    base_buf_deinit(&buf);
    base_buf_cstr(&buf, "def");
    base_buf_deinit(&buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.len + buf.cap, 0);
    assert_int_equal(buf.max, 100);
}

static void private_memory_is_overwritten(void **state) {
    (void)state;
    for (int is_private = 0; is_private < 2; is_private++) {
        struct base_buf buf;
        (is_private ? base_buf_init_private : base_buf_init)(&buf, 100000);
        fault_watch_freed("a secret");
        base_buf_cstr(&buf, "this is a secret");
        base_buf_clear(&buf);
        assert_int_equal(buf.ptr[0] == '\0', is_private);
        base_buf_cstr(&buf, "this is a secret");
        assert_non_null(base_buf_reserve(&buf, 50000));
        buf.len = 0;
        base_buf_deinit(&buf);
        assert_int_equal(fault_found_freed() == 0, is_private);
        fault_watch_freed(NULL);
        assert_int_equal(buf.is_private, is_private);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, 1u << 20);
        for (int i = 0; i < 1000; i++) {
            base_buf_cstr(&buf, "0123456789");
        }
        assert_true(buf.error == BERTH_OK ? buf.len == 10000 : buf.error == BERTH_E_NO_MEMORY);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_ends_with_zero),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(refuses_what_passes_its_bound),
        cmocka_unit_test(holds_its_bound_exactly),
        cmocka_unit_test(a_failed_buffer_stays_failed_until_cleared),
        cmocka_unit_test(nothing_is_appended_without_memory),
        cmocka_unit_test(sizes_that_overflow_are_too_large),
        cmocka_unit_test(memory_can_be_taken),
        cmocka_unit_test(private_memory_is_overwritten),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("base.buf", tests, NULL, NULL);
}
