/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

#define USES ".berth-ml-connector-use"
#define ID BERTH_STR("c")

static int32_t write_one(struct fake_host *host, const struct berth_write *write) {
    return ml_store_write(&host->plugin, write, 1, NULL, NULL);
}

typedef int32_t (*reference_fn)(struct ml_call *call, struct berth_str id,
                                struct berth_write *out_write);

/* Of two that looked at the same time, one comes through, whatever the two are about to do. */
static void one_of_two_comes_through(void **state) {
    (void)state;
    static const struct {
        reference_fn first;
        reference_fn second;
        bool is_used; /* the connector has been referred to before */
    } cases[] = {
        {ml_reference_take, ml_reference_take, false}, {ml_reference_take, ml_reference_take, true},
        {ml_reference_end, ml_reference_take, false},  {ml_reference_end, ml_reference_take, true},
        {ml_reference_take, ml_reference_end, true},   {ml_reference_end, ml_reference_end, true},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct fake_host host;
        struct berth_write first;
        struct berth_write second;
        fake_host_init(&host);
        fake_host_start(&host);
        if (cases[i].is_used) {
            fake_host_put(&host, USES, "c", "{}");
        }
        FAKE_CALL_AUTO a;
        FAKE_CALL_AUTO b;
        fake_call_begin(&a, &host, "{}");
        fake_call_begin(&b, &host, "{}");
        assert_int_equal(cases[i].first(&a.call, ID, &first), BERTH_OK);
        assert_int_equal(cases[i].second(&b.call, ID, &second), BERTH_OK);
        assert_int_equal(write_one(&host, &first), BERTH_OK);
        assert_true(ml_is_meanwhile(write_one(&host, &second)));
        /* Who looks again comes through. */
        assert_int_equal(cases[i].second(&b.call, ID, &second), BERTH_OK);
        assert_int_equal(write_one(&host, &second), BERTH_OK);
        fake_host_deinit(&host);
    }
}

static void nothing_stays_of_a_connector_that_is_deleted(void **state) {
    (void)state;
    struct fake_host host;
    struct berth_write write;
    FAKE_CALL_AUTO c;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_call_begin(&c, &host, "{}");
    assert_int_equal(ml_reference_take(&c.call, ID, &write), BERTH_OK);
    assert_int_equal(write_one(&host, &write), BERTH_OK);
    assert_string_equal(fake_host_source(&host, USES, "c"), "{}");
    assert_int_equal(ml_reference_end(&c.call, ID, &write), BERTH_OK);
    assert_int_equal(write_one(&host, &write), BERTH_OK);
    assert_string_equal(fake_host_source(&host, USES, "c"), "");
    fake_host_deinit(&host);
}

static void says_when_the_store_fails(void **state) {
    (void)state;
    static const reference_fn functions[] = {ml_reference_take, ml_reference_end};
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    for (size_t i = 0; i < BASE_COUNT(functions); i++) {
        struct berth_write write;
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, "{}");
        host.store_fails = BERTH_E_UNAVAILABLE;
        assert_int_equal(functions[i](&c.call, ID, &write), BERTH_E_UNAVAILABLE);
        host.store_fails = BERTH_OK;
        assert_string_equal(fake_host_source(&host, USES, "c"), "");
    }
    fake_host_deinit(&host);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, USES, "c", "{}");
    FAULT_EACH_ALLOCATION({
        struct berth_write write;
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, "{}");
        int32_t code = ml_reference_end(&c.call, ID, &write);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    });
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_comes_through),
        cmocka_unit_test(nothing_stays_of_a_connector_that_is_deleted),
        cmocka_unit_test(says_when_the_store_fails),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.reference", tests, NULL, NULL);
}
