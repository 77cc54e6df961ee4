/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"

/* An exchange that began so many milliseconds ago. */
struct rig {
    struct ml_deployed deployed;
    struct ml_exchange exchange;
    struct ml_http_answer answer;
};

static void set_up(struct rig *rig, const char *policy, uint32_t tries) {
    *rig = (struct rig){.answer = {.outcome = ML_HTTP_ANSWERED, .status = 503}};
    rig->deployed.config = (struct ml_client_config){.retry_backoff_millis = 100,
                                                     .retry_timeout_seconds = 30,
                                                     .max_retry_times = 5,
                                                     .retry_backoff_policy = base_cstr(policy)};
    rig->exchange.deployed = &rig->deployed;
    rig->exchange.tries = tries;
    rig->exchange.first_try_ns = base_monotonic_ns();
}

static bool may_retry(struct rig *rig, uint64_t *out_delay_ms) {
    return ml_exchange_may_retry(&rig->exchange, &rig->answer, out_delay_ms);
}

static void retries_what_passes(void **state) {
    (void)state;
    static const struct {
        enum ml_http_outcome outcome;
        uint32_t status;
        bool throttled;
        bool retry;
    } cases[] = {
        {ML_HTTP_ANSWERED, 200, false, false}, {ML_HTTP_ANSWERED, 400, false, false},
        {ML_HTTP_ANSWERED, 404, false, false}, {ML_HTTP_ANSWERED, 408, false, true},
        {ML_HTTP_ANSWERED, 429, false, true},  {ML_HTTP_ANSWERED, 500, false, true},
        {ML_HTTP_ANSWERED, 501, false, false}, {ML_HTTP_ANSWERED, 502, false, true},
        {ML_HTTP_ANSWERED, 503, false, true},  {ML_HTTP_ANSWERED, 504, false, true},
        {ML_HTTP_ANSWERED, 400, true, true},   {ML_HTTP_ANSWERED, 200, true, false},
        {ML_HTTP_UNRESOLVED, 0, false, true},  {ML_HTTP_REFUSED, 0, false, true},
        {ML_HTTP_BAD_URL, 0, false, false},    {ML_HTTP_PRIVATE, 0, false, false},
        {ML_HTTP_TLS, 0, false, false},        {ML_HTTP_BROKEN, 0, false, false},
        {ML_HTTP_TIMED_OUT, 0, false, false},  {ML_HTTP_TOO_LARGE, 0, false, false},
        {ML_HTTP_NO_MEMORY, 0, false, false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig rig;
        uint64_t delay = 0;
        set_up(&rig, "constant", 1);
        rig.answer.outcome = cases[i].outcome;
        rig.answer.status = cases[i].status;
        rig.answer.is_throttled = cases[i].throttled;
        if (may_retry(&rig, &delay) != cases[i].retry) {
            fail_msg("outcome %d, status %u", (int)cases[i].outcome, cases[i].status);
        }
        assert_int_equal(delay, cases[i].retry ? 100 : 0);
    }
}

static void keeps_to_the_statuses_that_are_set(void **state) {
    (void)state;
    struct rig rig;
    uint64_t delay = 0;
    set_up(&rig, "constant", 1);
    rig.deployed.config.retry_status_count = 2;
    rig.deployed.config.retry_statuses[0] = 404;
    rig.deployed.config.retry_statuses[1] = 418;
    assert_false(may_retry(&rig, &delay));
    rig.answer.status = 418;
    assert_true(may_retry(&rig, &delay));
    /* Throttling is tried again whatever is set. */
    rig.answer.status = 400;
    rig.answer.is_throttled = true;
    assert_true(may_retry(&rig, &delay));
}

static void retries_so_often(void **state) {
    (void)state;
    static const struct {
        int64_t max;
        uint32_t tries;
        bool retry;
    } cases[] = {{0, 1, false}, {1, 1, true},  {1, 2, false},   {3, 3, true},
                 {3, 4, false}, {-1, 1, true}, {-1, 1000, true}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig rig;
        uint64_t delay = 0;
        set_up(&rig, "constant", cases[i].tries);
        rig.deployed.config.max_retry_times = cases[i].max;
        assert_int_equal(may_retry(&rig, &delay), cases[i].retry);
    }
}

/* low and high: between them lies the delay, whatever chance says. */
static const struct delay_case {
    const char *policy;
    uint32_t tries;
    uint64_t low;
    uint64_t high;
} delays[] = {
    {"constant", 1, 100, 100},
    {"constant", 5, 100, 100},
    {"exponential_equal_jitter", 1, 50, 100},
    {"exponential_equal_jitter", 4, 400, 800},
    {"exponential_full_jitter", 1, 0, 100},
    {"exponential_full_jitter", 4, 0, 800},
    /* Bounded by the time-out, however often it was doubled. */
    {"exponential_equal_jitter", 20, 150000, 300000},
    {"exponential_equal_jitter", 4000, 150000, 300000},
    {"exponential_full_jitter", 4000, 0, 300000},
};

static void waits_by_its_policy(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(delays); i++) {
        const struct delay_case *c = &delays[i];
        uint32_t taken = 0;
        for (int round = 0; round < 200; round++) {
            struct rig rig;
            uint64_t delay = 0;
            set_up(&rig, c->policy, c->tries);
            rig.deployed.config.max_retry_times = -1;
            rig.deployed.config.retry_timeout_seconds = 300;
            if (may_retry(&rig, &delay)) {
                assert_in_range(delay, c->low, c->high);
                taken++;
            }
        }
        assert_true(taken > 0);
    }
}

static void heeds_what_the_service_asks_for(void **state) {
    (void)state;
    struct rig rig;
    uint64_t delay = 0;
    set_up(&rig, "constant", 1);
    rig.answer.retry_after_ms = 2500;
    assert_true(may_retry(&rig, &delay));
    assert_int_equal(delay, 2500);
    rig.answer.retry_after_ms = 50;
    assert_true(may_retry(&rig, &delay));
    assert_int_equal(delay, 100);
    rig.answer.retry_after_ms = 31000;
    assert_false(may_retry(&rig, &delay));
}

static void ends_with_the_time_out(void **state) {
    (void)state;
    struct rig rig;
    uint64_t delay = 0;
    set_up(&rig, "constant", 1);
    rig.deployed.config.retry_timeout_seconds = -1;
    assert_false(may_retry(&rig, &delay));
    set_up(&rig, "constant", 1);
    rig.exchange.first_try_ns -= (uint64_t)31000 * BASE_NS_PER_MS;
    assert_false(may_retry(&rig, &delay));
    set_up(&rig, "constant", 1);
    rig.deployed.config.retry_backoff_millis = -5;
    assert_true(may_retry(&rig, &delay));
    assert_int_equal(delay, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_what_passes),
        cmocka_unit_test(keeps_to_the_statuses_that_are_set),
        cmocka_unit_test(retries_so_often),
        cmocka_unit_test(waits_by_its_policy),
        cmocka_unit_test(heeds_what_the_service_asks_for),
        cmocka_unit_test(ends_with_the_time_out),
    };
    return cmocka_run_group_tests_name("ml_remote.exchange_retry", tests, NULL, NULL);
}
