/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/durations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static void add(struct ml_durations *d, uint32_t from, uint32_t until, uint32_t limit) {
    for (uint32_t i = from; i < until; i++) {
        ml_durations_add(d, (struct ml_duration){.ended_ns = i, .request_us = i}, limit);
    }
}

/* That it holds just those from first to last, in whatever order the ring has. */
static void check(const struct ml_durations *d, uint32_t first, uint32_t last) {
    assert_int_equal(d->count, last - first + 1);
    for (uint32_t i = 0; i < d->count; i++) {
        const struct ml_duration *at = &d->list[(d->oldest + i) % d->count];
        assert_int_equal(at->request_us, first + i);
    }
}

/* Added from 0 on under a limit, then more under another one. */
static const struct {
    uint32_t before;
    uint32_t limit_before;
    uint32_t after;
    uint32_t limit_after;
    uint32_t first;
    uint32_t last;
} cases[] = {
    {1, 1, 0, 1, 0, 0},        {5, 1, 0, 1, 4, 4},          {100, 100, 0, 100, 0, 99},
    {100, 30, 0, 30, 70, 99},  {17, 100, 0, 100, 0, 16},    {100, 30, 1, 10, 91, 100},
    {100, 30, 5, 40, 70, 104}, {100, 30, 50, 40, 110, 149}, {35, 30, 1, 31, 5, 35},
};

static void keeps_the_newest(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ml_durations d = {0};
        add(&d, 0, cases[i].before, cases[i].limit_before);
        add(&d, cases[i].before, cases[i].before + cases[i].after, cases[i].limit_after);
        check(&d, cases[i].first, cases[i].last);
        ml_durations_deinit(&d);
    }
}

static void is_cut_to_a_smaller_bound(void **state) {
    (void)state;
    struct ml_durations d = {0};
    add(&d, 0, 25, 10);
    ml_durations_limit(&d, 20);
    check(&d, 15, 24);
    ml_durations_limit(&d, 4);
    check(&d, 21, 24);
    ml_durations_limit(&d, 0);
    assert_int_equal(d.count, 0);
    assert_null(d.list);
    add(&d, 0, 3, 0);
    assert_int_equal(d.count, 0);
    ml_durations_deinit(&d);
}

static const struct {
    uint32_t list[10];
    uint32_t count;
    struct ml_duration_summary summary;
} summaries[] = {
    {{0}, 0, {0}},
    {{1500}, 1, {1, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5}},
    {{3000, 1000}, 2, {2, 3, 1, 2, 2, 3, 3}},
    {{4000, 1000, 3000, 2000}, 4, {4, 4, 1, 2.5, 2.5, 4, 4}},
    {{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10, {10, 0.010, 0.001, 0.0055, 0.0055, 0.0099, 0.010}},
};

static void summarises_in_milliseconds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof summaries / sizeof *summaries; i++) {
        uint32_t list[10];
        struct ml_duration_summary found;
        const struct ml_duration_summary *wanted = &summaries[i].summary;
        for (uint32_t k = 0; k < 10; k++) {
            list[k] = summaries[i].list[k];
        }
        ml_durations_summarise(list, summaries[i].count, &found);
        assert_int_equal(found.count, wanted->count);
        assert_float_equal(found.max, wanted->max, 1e-9);
        assert_float_equal(found.min, wanted->min, 1e-9);
        assert_float_equal(found.average, wanted->average, 1e-9);
        assert_float_equal(found.p50, wanted->p50, 1e-9);
        assert_float_equal(found.p90, wanted->p90, 1e-9);
        assert_float_equal(found.p99, wanted->p99, 1e-9);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct ml_durations d = {0};
        add(&d, 0, 100, 60);
        add(&d, 100, 110, 80);
        assert_true(d.count <= 80);
        ml_durations_limit(&d, 7);
        assert_true(d.count <= 7);
        ml_durations_deinit(&d);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_newest),
        cmocka_unit_test(is_cut_to_a_smaller_bound),
        cmocka_unit_test(summarises_in_milliseconds),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.durations", tests, NULL, NULL);
}
