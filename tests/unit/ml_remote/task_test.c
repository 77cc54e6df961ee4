/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

static const struct {
    struct ml_task task;
    const char *error; /* as stored; NULL: none */
} cases[] = {
    {{.type = "REGISTER_MODEL", .state = "COMPLETED", .model_id = BERTH_STR_INIT("m1")}, NULL},
    {{.type = "DEPLOY_MODEL",
      .state = "COMPLETED",
      .model_id = BERTH_STR_INIT("m1"),
      .error = {"", 0},
      .is_async = true},
     NULL},
    {{.type = "DEPLOY_MODEL",
      .state = "FAILED",
      .model_id = BERTH_STR_INIT("m \"1\""),
      .error = BERTH_STR_INIT("it said \"no\""),
      .is_async = true},
     "{\"node-1\":\"it said \\\"no\\\"\"}"},
    {{.type = "BATCH_PREDICTION",
      .state = "RUNNING",
      .model_id = BERTH_STR_INIT("m1"),
      .remote_job = BERTH_STR_INIT("{\"id\":1}")},
     NULL},
};

static void assert_member(struct json_value object, const char *name, const char *expected) {
    BASE_ARENA_AUTO arena;
    struct berth_str text;
    base_arena_init(&arena, 512);
    assert_true(json_string(json_get(object, name), &arena, &text));
    assert_true(base_str_is(text, expected));
}

static void makes_the_record_by_table(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_ARENA_AUTO arena;
        JSON_DOC_AUTO doc = {0};
        char id[BERTH_ID_LENGTH + 1];
        struct berth_write write;
        int64_t created = 0;
        int64_t updated = 1;
        base_arena_init(&arena, 512);
        assert_int_equal(ml_task_make(&host.plugin, &arena, &cases[i].task, id, &write), BERTH_OK);
        assert_int_equal(write.op, BERTH_WRITE_CREATE);
        assert_true(base_str_is(write.index, ".plugins-ml-task"));
        assert_true(base_str_is(write.id, id));
        assert_true(json_parse(&doc, write.source, 0, NULL));
        struct json_value root = json_root(&doc);
        assert_member(root, "task_type", cases[i].task.type);
        assert_member(root, "state", cases[i].task.state);
        assert_member(root, "function_name", "REMOTE");
        assert_true(json_string_is(json_get(root, "model_id"), cases[i].task.model_id));
        assert_true(json_string_is(json_at(json_get(root, "worker_node"), 0), BERTH_STR("node-1")));
        assert_int_equal(json_count(json_get(root, "worker_node")), 1);
        assert_true(json_i64(json_get(root, "create_time"), &created));
        assert_true(json_i64(json_get(root, "last_update_time"), &updated));
        assert_int_equal(created, updated);
        assert_true(
            json_is(json_get(root, "is_async"), cases[i].task.is_async ? JSON_TRUE : JSON_FALSE));
        bool job = cases[i].task.remote_job.len > 0;
        assert_true(base_str_eq(json_raw(json_get(root, "remote_job")), cases[i].task.remote_job));
        assert_int_equal(json_present(json_get(root, "input_type")), job);
        if (cases[i].error) {
            assert_member(root, "error", cases[i].error);
        } else {
            assert_false(json_present(json_get(root, "error")));
        }
    }
    fake_host_deinit(&host);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    FAULT_EACH_ALLOCATION({
        BASE_ARENA_AUTO arena;
        char id[BERTH_ID_LENGTH + 1];
        struct berth_write write = {0};
        base_arena_init(&arena, 64);
        int32_t code = ml_task_make(&host.plugin, &arena, &cases[2].task, id, &write);
        assert_true(code == BERTH_OK ? json_check(write.source, 0, NULL)
                                     : code == BERTH_E_NO_MEMORY && !write.size);
    });
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_record_by_table),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.task", tests, NULL, NULL);
}
