/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/client_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

static const struct {
    const char *given;
    const char *stored; /* NULL: refused */
    const char *type;   /* of the refusal */
} cases[] = {
    {"{}",
     "{\"max_connection\":30,\"connection_timeout\":30000,\"read_timeout\":30000,"
     "\"retry_backoff_millis\":200,\"retry_timeout_seconds\":30,\"max_retry_times\":0,"
     "\"retry_backoff_policy\":\"constant\"}",
     NULL},
    {"{\"max_connection\":10,\"connection_timeout\":11,\"read_timeout\":12,"
     "\"retry_backoff_millis\":13,\"retry_timeout_seconds\":14,\"max_retry_times\":2,"
     "\"retry_backoff_policy\":\"exponential_full_jitter\"}",
     "{\"max_connection\":10,\"connection_timeout\":11,\"read_timeout\":12,"
     "\"retry_backoff_millis\":13,\"retry_timeout_seconds\":14,\"max_retry_times\":2,"
     "\"retry_backoff_policy\":\"exponential_full_jitter\"}",
     NULL},
    {"{\"read_timeout\":5,\"colour\":\"red\"}",
     "{\"max_connection\":30,\"connection_timeout\":30000,\"read_timeout\":5,"
     "\"retry_backoff_millis\":200,\"retry_timeout_seconds\":30,\"max_retry_times\":0,"
     "\"retry_backoff_policy\":\"constant\"}",
     NULL},
    /* Numbers as text, null as absent, any number, the policy in any case. */
    {"{\"read_timeout\":\"7\",\"max_connection\":null,\"max_retry_times\":-1,"
     "\"retry_backoff_policy\":\"Exponential_Equal_JITTER\"}",
     "{\"max_connection\":30,\"connection_timeout\":30000,\"read_timeout\":7,"
     "\"retry_backoff_millis\":200,\"retry_timeout_seconds\":30,\"max_retry_times\":-1,"
     "\"retry_backoff_policy\":\"exponential_equal_jitter\"}",
     NULL},
    {"{\"read_timeout\":\"soon\"}", NULL, "number_format_exception"},
    {"{\"read_timeout\":1.5}", NULL, "number_format_exception"},
    {"{\"max_retry_times\":99999999999999999999}", NULL, "number_format_exception"},
    {"{\"read_timeout\":true}", NULL, "number_format_exception"},
    {"{\"read_timeout\":\"\"}", NULL, "number_format_exception"},
    {"{\"read_timeout\":[1]}", NULL, "parsing_exception"},
    {"{\"retry_backoff_policy\":\"sometimes\"}", NULL, "illegal_argument_exception"},
    {"{\"retry_backoff_policy\":\"\"}", NULL, "illegal_argument_exception"},
    {"{\"retry_backoff_policy\":{}}", NULL, "parsing_exception"},
};

static void normalises_by_table(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, cases[i].given);
        int32_t code = ml_client_config_normalise(&c.call, c.call.body, &c.call.out);
        base_buf_char(&c.call.out, '\0');
        if (cases[i].stored) {
            assert_int_equal(code, BERTH_OK);
            assert_string_equal(c.call.out.ptr, cases[i].stored);
        } else {
            assert_int_not_equal(code, BERTH_OK);
            assert_int_equal(base_error_status(&c.call.error), 400);
            assert_string_equal(base_error_type(&c.call.error), cases[i].type);
        }
    }
    fake_host_deinit(&host);
}

static const struct {
    const char *stored; /* NULL: a connector without client_config */
    struct ml_client_config expected;
} loads[] = {
    {NULL, {30, 30, 30, 200, 30, 0, false, false, BERTH_STR_INIT("constant"), 0, {0}}},
    {"{}", {30, 30, 30, 200, 30, 0, false, false, BERTH_STR_INIT("constant"), 0, {0}}},
    {"{\"max_connection\":1,\"connection_timeout\":2,\"read_timeout\":3,"
     "\"retry_backoff_millis\":4,\"retry_timeout_seconds\":5,\"max_retry_times\":6,"
     "\"retry_backoff_policy\":\"exponential_full_jitter\"}",
     {1, 2, 3, 4, 5, 6, false, false, BERTH_STR_INIT("exponential_full_jitter"), 0, {0}}},
    {"{\"read_timeout\":\"x\",\"retry_backoff_policy\":\"unheard of\"}",
     {30, 30, 30, 200, 30, 0, false, false, BERTH_STR_INIT("constant"), 0, {0}}},
};

static void loads_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(loads); i++) {
        JSON_DOC_AUTO doc = {0};
        struct ml_client_config config;
        if (loads[i].stored) {
            assert_true(json_parse(&doc, base_cstr(loads[i].stored), 0, NULL));
        }
        ml_client_config_load(json_root(&doc), &config);
        const struct ml_client_config *e = &loads[i].expected;
        assert_int_equal(config.max_connection, e->max_connection);
        assert_int_equal(config.connection_timeout, e->connection_timeout);
        assert_int_equal(config.read_timeout, e->read_timeout);
        assert_int_equal(config.retry_backoff_millis, e->retry_backoff_millis);
        assert_int_equal(config.retry_timeout_seconds, e->retry_timeout_seconds);
        assert_int_equal(config.max_retry_times, e->max_retry_times);
        assert_true(base_str_eq(config.retry_backoff_policy, e->retry_backoff_policy));
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    FAULT_EACH_ALLOCATION({
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, "{\"read_timeout\":\"\\u0037\"}");
        int32_t code = ml_client_config_normalise(&c.call, c.call.body, &c.call.out);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    });
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises_by_table),
        cmocka_unit_test(loads_by_table),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.client_config", tests, NULL, NULL);
}
