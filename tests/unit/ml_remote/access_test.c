/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"

static const struct {
    const char *body;
    const char *refused; /* the member that is; NULL: none */
} cases[] = {
    {"{}", NULL},
    {"{\"name\":\"n\"}", NULL},
    {"{\"access_mode\":null,\"backend_roles\":null,\"add_all_backend_roles\":null}", NULL},
    {"{\"backend_roles\":[]}", NULL},
    {"{\"access_mode\":\"public\"}", "access_mode"},
    {"{\"access_mode\":\"private\"}", "access_mode"},
    {"{\"access_mode\":\"unheard of\"}", "access_mode"},
    {"{\"backend_roles\":[\"eng\"]}", "backend_roles"},
    {"{\"backend_roles\":\"eng\"}", "backend_roles"},
    {"{\"add_all_backend_roles\":true}", "add_all_backend_roles"},
    {"{\"add_all_backend_roles\":false}", "add_all_backend_roles"},
};

static void refuses_what_has_no_effect(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, cases[i].body);
        int32_t code = ml_access_check_inactive(&c.call, c.call.body, "connector", "the_setting");
        assert_int_equal(code, cases[i].refused ? BERTH_E_INVALID : BERTH_OK);
        if (cases[i].refused) {
            assert_int_equal(base_error_status(&c.call.error), 400);
            assert_string_equal(base_error_type(&c.call.error), "illegal_argument_exception");
            assert_non_null(strstr(c.call.error.message, cases[i].refused));
            assert_non_null(strstr(c.call.error.message, "plugins.ml_commons.the_setting"));
        }
    }
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_has_no_effect),
    };
    return cmocka_run_group_tests_name("ml_remote.access", tests, NULL, NULL);
}
