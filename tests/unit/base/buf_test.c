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
        cmocka_unit_test(refuses_what_passes_its_bound),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("base.buf", tests, NULL, NULL);
}
