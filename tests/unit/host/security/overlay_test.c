/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What overlays make of the entries of the files.
 */
#include "host/security/security_config.h"

#include "tests/support/fault.h"
#include "tests/support/temp.h"

#define HASH "$2y$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
#define FIELDS "{\"hash\":\"" HASH "\",\"description\":\"new\"}"

static char folder[TEMP_MAX];

static int setup(void **state) {
    (void)state;
    char path[TEMP_MAX];
    static const char users[] = "a: {hash: '" HASH "'}\nb: {hash: '" HASH "'}\n"
                                "c: {hash: '" HASH "'}\nr: {hash: '" HASH "', reserved: true}\n";
    temp_create(folder);
    temp_write(temp_path(path, folder, "internal_users.yml"), users, sizeof users - 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    temp_remove(folder);
    return 0;
}

/* Steps: "+x" puts x, "-x" drops it. */
static int32_t apply_steps(void *user, struct security_config *config, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (const char *at = user; *at && !code; at += 2) {
        struct berth_str name = base_str(at + 1, 1);
        if (*at == '+') {
            code = security_config_put(config, SECURITY_USERS, name, BERTH_STR(FIELDS), error);
        } else {
            security_config_drop(config, SECURITY_USERS, name);
        }
    }
    return code;
}

/* Names in order; then "*" for one that is stored, "'" for one that shadows another. */
static void describe(const struct security_config *config, char *out, size_t size) {
    out[0] = '\0';
    for (const struct security_entry *e = config->tables[SECURITY_USERS].first; e; e = e->next) {
        (void)snprintf(out + strlen(out), size - strlen(out), BASE_FMT "%s%s", BASE_ARG(e->name),
                       e->is_stored ? "*" : "", e->is_shadow ? "'" : "");
        assert_ptr_equal(security_config_entry(config, SECURITY_USERS, e->name), e);
        assert_int_equal(base_str_is(e->description, "new"), e->is_stored);
    }
}

static void puts_and_drops(void **state) {
    (void)state;
    static const struct {
        const char *first;
        const char *second;
        const char *result;
    } cases[] = {
        {"", "", "abcr"},         {"+d", "", "abcrd*"},    {"+a", "", "a*'bcr"},
        {"+a", "+a", "a*'bcr"},   {"+d", "+d", "abcrd*"},  {"+d", "-d", "abcr"},
        {"+d-d+d", "", "abcrd*"}, {"-a", "", "bcr"},       {"-b", "", "acr"},
        {"-a", "+a", "bcra*"},    {"-a-b-c", "+d", "rd*"}, {"-c+d", "-d+e", "abre*"},
        {"+r-r", "-r", "abcr"},   {"-x", "", "abcr"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        const struct security_overlay overlays[] = {
            {apply_steps, (void *)(uintptr_t)cases[i].first},
            {apply_steps, (void *)(uintptr_t)cases[i].second},
        };
        FAULT_EACH_ALLOCATION({
            struct security_config *config = NULL;
            char result[64];
            int32_t code = security_config_read(folder, overlays, 2, &config, NULL);
            assert_int_equal(code, config ? BERTH_OK : BERTH_E_NO_MEMORY);
            if (config) {
                describe(config, result, sizeof result);
                assert_string_equal(result, cases[i].result);
            }
            security_config_unref(config);
        });
    }
}

static int32_t apply_bad(void *user, struct security_config *config, struct berth_error *error) {
    return security_config_put(config, SECURITY_USERS, BERTH_STR("x"), base_cstr(user), error);
}

static void refuses_what_does_not_hold(void **state) {
    (void)state;
    static const struct {
        const char *fields;
        const char *message;
    } cases[] = {
        {"{}", "no bcrypt hash"},
        {"{\"hash\":\"" HASH "\",\"hsah\":\"x\"}", "[hsah] is no field"},
        {"[]", "holds fields"},
        {"{\"hash\":7}", "no bcrypt hash"},
        {"{\"hash\":\"" HASH "\",\"description\":\"a\\u0001\"}", "control characters"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        const struct security_overlay overlay = {apply_bad, (void *)(uintptr_t)cases[i].fields};
        struct security_config *config = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(security_config_read(folder, &overlay, 1, &config, &error),
                         BERTH_E_INVALID);
        if (!strstr(error.message, cases[i].message)) {
            fail_msg("case %zu: %s", i, error.message);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_and_drops),
        cmocka_unit_test(refuses_what_does_not_hold),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
