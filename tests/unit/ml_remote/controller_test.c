/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/controller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* Some moment; a bucket is full when it is made. */
#define NOW 1000000000u
#define LIMITS                                                                                     \
    "{\"model_id\":\"m\",\"user_rate_limiter\":{"                                                  \
    "\"zoe\":{\"limit\":\"1\",\"unit\":\"DAYS\"},\"al\\u0069ce\":{\"limit\":\"2\",\"unit\":"       \
    "\"DAYS\"},\"half\":{\"limit\":\"2\"},\"nobody\":{\"limit\":\"0\",\"unit\":\"DAYS\"}}}"

struct rig {
    struct base_arena arena;
    struct json_doc doc;
    struct ml_controller *controller;
};

static int32_t load(struct rig *rig, const char *text, const struct ml_controller *before) {
    *rig = (struct rig){0};
    base_arena_init(&rig->arena, 256);
    return json_parse(&rig->doc, base_cstr(text), 0, NULL)
               ? ml_controller_load(json_root(&rig->doc), 1, before, &rig->arena, &rig->controller,
                                    NULL)
               : BERTH_E_NO_MEMORY;
}

static void unload(struct rig *rig) {
    ml_controller_unload(rig->controller);
    json_doc_deinit(&rig->doc);
    base_arena_deinit(&rig->arena);
}

static bool take(const struct rig *rig, const char *user, uint32_t tokens) {
    uint64_t wait_ns = 0;
    return ml_controller_take(rig->controller, base_cstr(user), tokens, NOW, 0, &wait_ns);
}

static void limits_each_user_apart(void **state) {
    (void)state;
    struct rig rig;
    assert_int_equal(load(&rig, LIMITS, NULL), BERTH_OK);
    assert_true(take(&rig, "zoe", 1));
    assert_false(take(&rig, "zoe", 1));
    assert_false(take(&rig, "alice", 3));
    assert_true(take(&rig, "alice", 2));
    assert_false(take(&rig, "alice", 1));
    assert_false(take(&rig, "nobody", 1));
    unload(&rig);
}

static void leaves_all_others_alone(void **state) {
    (void)state;
    struct rig rig;
    assert_int_equal(load(&rig, LIMITS, NULL), BERTH_OK);
    assert_true(take(&rig, "half", 1000)); /* without a unit there is no limit */
    assert_true(take(&rig, "somebody", 1000));
    assert_true(take(&rig, "", 1000));
    unload(&rig);
}

static const char *const without_limits[] = {
    "{}",
    "{\"user_rate_limiter\":{}}",
    "{\"user_rate_limiter\":{\"a\":{}}}",
    "{\"user_rate_limiter\":null}",
};

static void is_none_where_it_limits_nobody(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(without_limits); i++) {
        struct rig rig;
        assert_int_equal(load(&rig, without_limits[i], NULL), BERTH_OK);
        assert_null(rig.controller);
        unload(&rig);
    }
}

/* What was spent stays spent when another user's limit is changed. */
static void goes_on_where_a_limit_stays(void **state) {
    (void)state;
    struct rig before;
    struct rig after;
    assert_int_equal(load(&before, LIMITS, NULL), BERTH_OK);
    assert_true(take(&before, "zoe", 1));
    assert_true(take(&before, "alice", 2));
    assert_int_equal(load(&after,
                          "{\"user_rate_limiter\":{\"zoe\":{\"limit\":\"1\",\"unit\":\"DAYS\"},"
                          "\"alice\":{\"limit\":\"3\",\"unit\":\"DAYS\"}}}",
                          before.controller),
                     BERTH_OK);
    unload(&before);
    assert_false(take(&after, "zoe", 1));
    assert_true(take(&after, "alice", 3));
    unload(&after);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct rig rig;
        int32_t code = load(&rig, LIMITS, NULL);
        assert_true(code == BERTH_OK ? rig.controller != NULL : code == BERTH_E_NO_MEMORY);
        unload(&rig);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_each_user_apart),
        cmocka_unit_test(leaves_all_others_alone),
        cmocka_unit_test(is_none_where_it_limits_nobody),
        cmocka_unit_test(goes_on_where_a_limit_stays),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.controller", tests, NULL, NULL);
}
