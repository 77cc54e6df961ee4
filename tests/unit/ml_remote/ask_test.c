/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"
#include "tests/support/predict_rig.h"

/* What became of a question. */
struct outcome {
    uint32_t answers;
    bool may_block;
    int32_t code;
    char reason[BERTH_ERROR_MESSAGE_MAX];
};

static void note(void *user, struct ml_answer *answer, bool may_block) {
    struct outcome *outcome = user;
    outcome->answers++;
    outcome->may_block = may_block;
    outcome->code = answer->code;
    memcpy(outcome->reason, answer->error.message, sizeof outcome->reason);
}

/* Of a URL that is not trusted: it is answered without being sent. */
static void begin(struct predict_rig *rig) {
    predict_rig_begin(rig);
    predict_rig_deploy(rig, "GET", "https://b.example/job", NULL, "{}");
}

static int32_t ask(struct predict_rig *rig, struct outcome *outcome) {
    const struct ml_question question = {.deployed = ml_deployed_ref(rig->model.deployed),
                                         .type = ML_ACTION_PREDICT,
                                         .parameters = BERTH_STR("{}"),
                                         .done = note,
                                         .user = outcome};
    struct berth_error error = BASE_ERROR_INIT;
    *outcome = (struct outcome){.code = BERTH_OK};
    return ml_ask(&rig->host.plugin, &question, &error);
}

static void answers_on_a_worker(void **state) {
    (void)state;
    struct predict_rig rig;
    struct outcome outcome;
    begin(&rig);
    assert_int_equal(ask(&rig, &outcome), BERTH_OK);
    assert_int_equal(outcome.answers, 0);
    fake_host_run_jobs(&rig.host);
    assert_int_equal(outcome.answers, 1);
    assert_true(outcome.may_block);
    assert_int_equal(outcome.code, BERTH_E_INVALID);
    assert_non_null(strstr(outcome.reason, "https://b.example/job"));
    assert_null(rig.loop.asks);
    predict_rig_end(&rig);
}

static void waits_for_a_worker(void **state) {
    (void)state;
    struct predict_rig rig;
    struct outcome outcome;
    begin(&rig);
    rig.host.worker_refuses = true;
    assert_int_equal(ask(&rig, &outcome), BERTH_OK);
    assert_int_equal(outcome.answers, 0);
    assert_non_null(rig.loop.asks);
    rig.host.worker_refuses = false;
    while (!rig.host.job_count) {
        fake_loop_turn(&rig.host.loop);
    }
    fake_host_run_jobs(&rig.host);
    assert_int_equal(outcome.answers, 1);
    assert_true(outcome.may_block);
    assert_null(rig.loop.asks);
    predict_rig_end(&rig);
}

static void is_dropped_where_no_worker_can_be_waited_for(void **state) {
    (void)state;
    struct predict_rig rig;
    struct outcome outcome;
    begin(&rig);
    rig.host.worker_refuses = true;
    rig.host.loop.no_timers = true;
    assert_int_equal(ask(&rig, &outcome), BERTH_OK);
    assert_int_equal(outcome.answers, 1);
    assert_false(outcome.may_block);
    assert_int_equal(outcome.code, BERTH_E_UNAVAILABLE);
    assert_null(rig.loop.asks);
    predict_rig_end(&rig);
}

static void is_dropped_when_the_loop_stops(void **state) {
    (void)state;
    struct predict_rig rig;
    struct outcome outcomes[2];
    begin(&rig);
    rig.host.worker_refuses = true;
    assert_int_equal(ask(&rig, &outcomes[0]), BERTH_OK);
    assert_int_equal(ask(&rig, &outcomes[1]), BERTH_OK);
    ml_ask_drain_loop(&rig.loop); /* which drops only those whose clients left */
    assert_int_equal(outcomes[0].answers, 0);
    ml_ask_stop_loop(&rig.loop);
    for (size_t i = 0; i < BASE_COUNT(outcomes); i++) {
        assert_int_equal(outcomes[i].answers, 1);
        assert_false(outcomes[i].may_block);
        assert_int_equal(outcomes[i].code, BERTH_E_UNAVAILABLE);
    }
    rig.host.loop.contexts[0] = NULL; /* and then there is none */
    assert_int_equal(ask(&rig, &outcomes[0]), BERTH_OK);
    assert_int_equal(outcomes[0].answers, 1);
    assert_int_equal(outcomes[0].code, BERTH_E_UNAVAILABLE);
    predict_rig_end(&rig);
}

/* Either it is not put, or it is answered once. */
static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct predict_rig rig;
    begin(&rig);
    FAULT_EACH_ALLOCATION({
        struct outcome outcome;
        int32_t code = ask(&rig, &outcome);
        fake_host_run_jobs(&rig.host);
        assert_int_equal(outcome.answers, code ? 0 : 1);
        assert_true(code ? code == BERTH_E_NO_MEMORY : outcome.code != BERTH_OK);
    });
    predict_rig_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_on_a_worker),
        cmocka_unit_test(waits_for_a_worker),
        cmocka_unit_test(is_dropped_where_no_worker_can_be_waited_for),
        cmocka_unit_test(is_dropped_when_the_loop_stops),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.ask", tests, NULL, NULL);
}
