/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

#define GROUPS ".plugins-ml-model-group"
#define NAMES ".berth-ml-group-name"

static void names_have_ids_of_one_length(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *id;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char id[ML_NAME_ID_LENGTH + 1];
        assert_int_equal(ml_group_name_id(base_cstr(cases[i].name), id, NULL), BERTH_OK);
        assert_string_equal(id, cases[i].id);
    }
}

/* A registration as its handler makes it: take the version, and write. */
static int32_t take(struct fake_host *host, const char *group_id, const char *name,
                    struct ml_group_use *use, struct berth_error *error) {
    FAKE_CALL_AUTO c;
    fake_call_begin(&c, host, "{}");
    int32_t code = ml_group_take_version(&c.call, base_cstr(group_id), base_cstr(name),
                                         BERTH_STR("about"), use);
    code = code ? code
                : ml_store_write(&host->plugin, use->writes, use->write_count, NULL, &c.call.error);
    *error = c.call.error;
    return code;
}

static int64_t latest_version(const struct fake_host *host, const char *id) {
    JSON_DOC_AUTO doc = {0};
    int64_t version = -1;
    assert_true(json_parse(&doc, base_cstr(fake_host_source(host, GROUPS, id)), 0, NULL));
    assert_true(json_i64(json_get(json_root(&doc), "latest_version"), &version));
    return version;
}

static void makes_a_group_of_the_models_name_once(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_group_use use;
    struct berth_error error;
    char name_id[ML_NAME_ID_LENGTH + 1];
    fake_host_init(&host);
    fake_host_start(&host);
    for (int64_t version = 1; version <= 3; version++) {
        assert_int_equal(take(&host, NULL, "chat \"x\"", &use, &error), BERTH_OK);
        assert_int_equal(use.version, version);
        assert_string_equal(use.id, "id-1");
        assert_int_equal(latest_version(&host, "id-1"), version);
    }
    assert_non_null(strstr(fake_host_source(&host, GROUPS, "id-1"), "\"name\":\"chat \\\"x\\\"\""));
    assert_non_null(strstr(fake_host_source(&host, GROUPS, "id-1"), "\"description\":\"about\""));
    assert_non_null(strstr(fake_host_source(&host, GROUPS, "id-1"), "\"access\":\"public\""));
    assert_int_equal(ml_group_name_id(BERTH_STR("chat \"x\""), name_id, NULL), BERTH_OK);
    assert_string_equal(fake_host_source(&host, NAMES, name_id),
                        "{\"name\":\"chat \\\"x\\\"\",\"model_group_id\":\"id-1\"}");
    assert_int_equal(take(&host, NULL, "another", &use, &error), BERTH_OK);
    assert_string_not_equal(use.id, "id-1");
    fake_host_deinit(&host);
}

static void takes_the_next_version_of_a_group(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_group_use use;
    struct berth_error error;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, GROUPS, "g", "{\"name\":\"n\",\"latest_version\":41,\"created_time\":5}");
    assert_int_equal(take(&host, "g", "ignored", &use, &error), BERTH_OK);
    assert_int_equal(use.version, 42);
    assert_int_equal(use.write_count, 1);
    assert_int_equal(latest_version(&host, "g"), 42);
    assert_non_null(strstr(fake_host_source(&host, GROUPS, "g"), "\"created_time\":5"));
    assert_int_equal(take(&host, "none", "ignored", &use, &error), BERTH_E_NOT_FOUND);
    assert_int_equal(base_error_status(&error), 404);
    fake_host_deinit(&host);
}

/* Of two registrations that read the same state one is refused, and can be tried again. */
static void gives_no_version_twice(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_group_use first;
    struct ml_group_use second;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, GROUPS, "g", "{\"name\":\"n\",\"latest_version\":1}");
    const struct {
        const char *group_id;
        int32_t code;
    } cases[] = {{"g", BERTH_E_CONFLICT}, {NULL, BERTH_E_EXISTS}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAKE_CALL_AUTO a;
        FAKE_CALL_AUTO b;
        struct berth_str id = base_cstr(cases[i].group_id);
        struct berth_str none = {NULL, 0};
        fake_call_begin(&a, &host, "{}");
        fake_call_begin(&b, &host, "{}");
        assert_int_equal(ml_group_take_version(&a.call, id, BERTH_STR("new"), none, &first), 0);
        assert_int_equal(ml_group_take_version(&b.call, id, BERTH_STR("new"), none, &second), 0);
        assert_int_equal(first.version, second.version);
        assert_int_equal(ml_store_write(&host.plugin, first.writes, first.write_count, NULL, NULL),
                         BERTH_OK);
        assert_int_equal(
            ml_store_write(&host.plugin, second.writes, second.write_count, NULL, NULL),
            cases[i].code);
    }
    fake_host_deinit(&host);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, GROUPS, "g", "{\"name\":\"n\",\"latest_version\":1}");
    const char *const ids[] = {"g", NULL};
    for (size_t i = 0; i < BASE_COUNT(ids); i++) {
        FAULT_EACH_ALLOCATION({
            FAKE_CALL_AUTO c;
            struct ml_group_use use;
            fake_call_begin(&c, &host, "{}");
            int32_t code = ml_group_take_version(&c.call, base_cstr(ids[i]), BERTH_STR("new"),
                                                 BERTH_STR("d"), &use);
            assert_true(code == BERTH_OK ? use.write_count == 1 + (ids[i] == NULL)
                                         : code == BERTH_E_NO_MEMORY);
        });
    }
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_ids_of_one_length),
        cmocka_unit_test(makes_a_group_of_the_models_name_once),
        cmocka_unit_test(takes_the_next_version_of_a_group),
        cmocka_unit_test(gives_no_version_twice),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.group", tests, NULL, NULL);
}
