/* SPDX-License-Identifier: Apache-2.0 */
/* What loops and workers count, alone and put together. */
#include "plugin/ml_remote/usage_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

#define M1 BERTH_STR("m1")
#define M2 BERTH_STR("m2")

static void counts_of_all_and_of_each(void **state) {
    (void)state;
    struct ml_usages usages = {0};
    ml_usages_count(&usages, ML_STAT_DEPLOY, M1, false);
    ml_usages_count(&usages, ML_STAT_DEPLOY, M2, true);
    ml_usages_count(&usages, ML_STAT_REGISTER, base_str("", 0), true);
    const struct ml_usage *m2 = base_map_get(&usages.models, M2);
    assert_int_equal(usages.totals[ML_STAT_DEPLOY].requests, 2);
    assert_int_equal(usages.totals[ML_STAT_DEPLOY].failures, 1);
    assert_int_equal(usages.totals[ML_STAT_REGISTER].failures, 1);
    assert_int_equal(usages.models.count, 2);
    assert_int_equal(m2->counts[ML_STAT_DEPLOY].failures, 1);
    ml_usages_forget(&usages, M2);
    ml_usages_forget(&usages, BERTH_STR("absent"));
    assert_null(base_map_get(&usages.models, M2));
    assert_int_equal(usages.totals[ML_STAT_DEPLOY].requests, 2);
    ml_usages_deinit(&usages);
}

static const struct {
    int32_t code;
    uint32_t status;
    bool fails;
} failures[] = {
    {BERTH_E_INVALID, 0, false},  {BERTH_E_NOT_FOUND, 0, false}, {BERTH_E_CANCELLED, 0, false},
    {BERTH_E_LIMIT, 429, false},  {BERTH_E_INVALID, 502, true},  {BERTH_E_IO, 0, true},
    {BERTH_E_NO_MEMORY, 0, true}, {BERTH_E_IO, 404, false},
};

static void tells_failures_from_mistakes(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(failures); i++) {
        const struct berth_error error = {
            .size = sizeof error, .code = failures[i].code, .status = failures[i].status};
        assert_int_equal(ml_usage_is_failure(&error), failures[i].fails);
    }
}

/* Ended in another order than begun, and one whose model goes meanwhile. */
static void follows_what_is_under_way(void **state) {
    (void)state;
    struct ml_usages usages = {0};
    struct ml_track tracks[4] = {{0}};
    for (size_t i = 0; i < 3; i++) {
        ml_track_begin(&tracks[i], &usages, i == 2 ? M2 : M1, "REMOTE", 1000);
    }
    assert_int_equal(usages.running_count, 3);
    ml_track_end(&tracks[1], &usages, true,
                 &(struct ml_spans){.asked_ns = 2000, .answered_ns = 5000}, 10);
    ml_usages_forget(&usages, M2);
    ml_track_end(&tracks[2], &usages, false,
                 &(struct ml_spans){.asked_ns = 2000, .answered_ns = 5000}, 10);
    ml_track_end(&tracks[0], &usages, false, &(struct ml_spans){.asked_ns = 0, .answered_ns = 0},
                 10);
    ml_track_end(&tracks[3], &usages, false, &(struct ml_spans){.asked_ns = 0, .answered_ns = 0},
                 10); /* was never begun */
    const struct ml_usage *m1 = base_map_get(&usages.models, M1);
    assert_int_equal(usages.running_count, 0);
    assert_null(usages.running);
    assert_int_equal(usages.totals[ML_STAT_PREDICT].requests, 3);
    assert_int_equal(m1->counts[ML_STAT_PREDICT].requests, 2);
    assert_int_equal(m1->counts[ML_STAT_PREDICT].failures, 1);
    assert_int_equal(m1->durations.count, 1);
    assert_int_equal(m1->durations.list[0].inference_us, 3);
    ml_usages_deinit(&usages);
}

/* Two loops, and the workers. */
struct rig {
    struct fake_host host;
    struct ml_loop loops[2];
    struct ml_track tracks[2];
};

static void begin(struct rig *rig) {
    memset(rig, 0, sizeof *rig);
    fake_host_init(&rig->host);
    for (size_t i = 0; i < BASE_COUNT(rig->loops); i++) {
        struct ml_usages *usages = &rig->loops[i].usages;
        struct ml_track done = {0};
        rig->host.loop.contexts[i] = &rig->loops[i];
        ml_track_begin(&done, usages, M1, "REMOTE", 1000);
        ml_track_end(&done, usages, i == 1,
                     &(struct ml_spans){.asked_ns = 2000, .answered_ns = 3000 + 1000 * i}, 10);
        ml_track_begin(&rig->tracks[i], usages, i == 0 ? M1 : M2, "TEXT_DOCS", 1000);
    }
    ml_control_begin(&rig->host.plugin);
    ml_control_end(&rig->host.plugin, ML_STAT_DEPLOY, M1, NULL);
}

static void end(struct rig *rig) {
    for (size_t i = 0; i < BASE_COUNT(rig->loops); i++) {
        ml_usages_deinit(&rig->loops[i].usages);
    }
    fake_host_deinit(&rig->host);
}

static void puts_loops_and_workers_together(void **state) {
    (void)state;
    struct rig rig;
    struct ml_usage_report report;
    begin(&rig);
    assert_int_equal(ml_usage_report_make(&rig.host.plugin, ML_REPORT_DURATIONS | ML_REPORT_RUNNING,
                                          10, &report, NULL),
                     BERTH_OK);
    const struct ml_model_report *m1 = ml_usage_report_find(&report, M1);
    assert_int_equal(report.totals[ML_STAT_PREDICT].requests, 4);
    assert_int_equal(report.totals[ML_STAT_PREDICT].failures, 1);
    assert_int_equal(report.totals[ML_STAT_DEPLOY].requests, 1);
    assert_int_equal(report.running_count, 2);
    assert_int_equal(report.running_listed, 2);
    assert_string_equal(report.running[0].input, "TEXT_DOCS");
    assert_string_not_equal(report.running[0].task_id, report.running[1].task_id);
    assert_int_equal(report.model_count, 2);
    assert_int_equal(m1->counts[ML_STAT_PREDICT].requests, 3);
    assert_int_equal(m1->counts[ML_STAT_DEPLOY].requests, 1);
    assert_int_equal(m1->duration_count, 2);
    assert_true(m1->durations[0].ended_ns >= m1->durations[1].ended_ns);
    assert_int_equal(m1->durations[0].inference_us, 2); /* of the second loop: the newest */
    assert_null(ml_usage_report_find(&report, BERTH_STR("absent")));
    ml_usage_report_deinit(&report);
    end(&rig);
}

static void gives_the_newest_of_all_loops(void **state) {
    (void)state;
    struct rig rig;
    struct ml_usage_report report;
    begin(&rig);
    assert_int_equal(ml_usage_report_make(&rig.host.plugin, ML_REPORT_DURATIONS, 1, &report, NULL),
                     BERTH_OK);
    const struct ml_model_report *m1 = ml_usage_report_find(&report, M1);
    assert_int_equal(m1->duration_count, 1);
    assert_int_equal(m1->durations[0].inference_us, 2);
    assert_int_equal(report.running_listed, 0);
    ml_usage_report_deinit(&report);
    end(&rig);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct rig rig;
        struct ml_usage_report report;
        begin(&rig);
        int32_t code = ml_usage_report_make(
            &rig.host.plugin, ML_REPORT_DURATIONS | ML_REPORT_RUNNING, 10, &report, NULL);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        assert_int_equal(rig.loops[0].usages.totals[ML_STAT_PREDICT].requests, 2);
        ml_usage_report_deinit(&report);
        end(&rig);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_all_and_of_each),
        cmocka_unit_test(tells_failures_from_mistakes),
        cmocka_unit_test(follows_what_is_under_way),
        cmocka_unit_test(puts_loops_and_workers_together),
        cmocka_unit_test(gives_the_newest_of_all_loops),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.usage", tests, NULL, NULL);
}
