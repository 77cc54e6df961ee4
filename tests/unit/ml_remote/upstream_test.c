/* SPDX-License-Identifier: Apache-2.0 */
/* Remote services. @threads */
#include "plugin/ml_remote/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/fault.h"

#define SECOND ((uint64_t)1000 * BASE_NS_PER_MS)
#define START (1000 * SECOND)
#define THREADS 4
#define ROUNDS 20000

static const struct ml_upstream_rules rules = {.failure_percent = 50,
                                               .least_exchanges = 4,
                                               .window_ns = 10 * SECOND,
                                               .open_ns = 5 * SECOND,
                                               .retry_percent = 20};

struct rig {
    struct ml_upstreams *all;
    struct ml_upstream *upstream;
};

static int begin(void **state) {
    static struct rig rig;
    rig.all = ml_upstreams_create();
    rig.upstream = ml_upstreams_get(rig.all, BERTH_STR("https://a.example"));
    assert_non_null(rig.upstream);
    *state = &rig;
    return 0;
}

static int end(void **state) {
    const struct rig *rig = *state;
    ml_upstreams_destroy(rig->all);
    return 0;
}

/* One exchange that is let through; gives whether the circuit opened by it. */
static bool exchange(struct ml_upstream *u, const struct ml_upstream_rules *r, uint64_t now_ns,
                     enum ml_upstream_pass expected, enum ml_upstream_end how) {
    uint64_t wait_ns = 0;
    enum ml_upstream_pass pass = ml_upstream_begin(u, now_ns, &wait_ns);
    assert_int_equal(pass, expected);
    return ml_upstream_end(u, r, now_ns, pass, how);
}

static void assert_refused(struct ml_upstream *u, uint64_t now_ns, uint64_t wait_ns) {
    uint64_t wait = 0;
    assert_int_equal(ml_upstream_begin(u, now_ns, &wait), ML_UPSTREAM_OPEN);
    assert_int_equal(wait, wait_ns);
}

static void open_by_failures(struct ml_upstream *u, uint64_t now_ns) {
    for (int i = 0; i < 3; i++) {
        assert_false(exchange(u, &rules, now_ns, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
    }
    assert_true(exchange(u, &rules, now_ns, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
}

static void opens_for_failures_and_closes_by_a_trial(void **state) {
    struct ml_upstream *u = ((struct rig *)*state)->upstream;
    uint64_t wait = 0;
    open_by_failures(u, START);
    assert_refused(u, START, 5 * SECOND);
    assert_refused(u, START + 2 * SECOND, 3 * SECOND);
    uint64_t later = START + 5 * SECOND;
    assert_int_equal(ml_upstream_begin(u, later, &wait), ML_UPSTREAM_TRIAL);
    assert_refused(u, later, 0); /* one tries at a time */
    assert_true(ml_upstream_end(u, &rules, later, ML_UPSTREAM_TRIAL, ML_UPSTREAM_FAILED));
    assert_refused(u, later, 5 * SECOND);
    later += 5 * SECOND;
    assert_false(exchange(u, &rules, later, ML_UPSTREAM_TRIAL, ML_UPSTREAM_DROPPED));
    assert_false(exchange(u, &rules, later, ML_UPSTREAM_TRIAL, ML_UPSTREAM_ANSWERED));
    assert_false(exchange(u, &rules, later, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
    assert_false(exchange(u, &rules, later, ML_UPSTREAM_CLOSED, ML_UPSTREAM_ANSWERED));
    struct ml_upstream_figures figures;
    ml_upstream_read(u, later, &figures);
    assert_int_equal(figures.openings, 2);
    assert_int_equal(figures.refused, 4);
    assert_int_equal(figures.exchanges, 8);
    assert_int_equal(figures.failures, 6);
    assert_int_equal(figures.in_flight, 0);
    assert_false(figures.is_open);
}

/* a: answered, f: failed, d: dropped, w: the window passes. */
static const struct {
    const char *steps;
    bool opens; /* by the last step, and not before */
} courses[] = {
    {"ffff", true},       {"fff", false},       {"aaff", true},
    {"aaafff", true},     {"aaaff", false},     {"fffwf", false},
    {"fffdf", true},      {"ddddddddf", false}, {"aaaaaaaaaaffffw", false},
    {"fwfwfwfwf", false}, {"wffff", true},
};

static void what_counts_is_the_share_of_a_window(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(courses); i++) {
        struct ml_upstreams *all = ml_upstreams_create();
        struct ml_upstream *u = ml_upstreams_get(all, BERTH_STR("http://b"));
        uint64_t now = START;
        for (const char *step = courses[i].steps; *step; step++) {
            if (*step == 'w') {
                now += 10 * SECOND;
                continue;
            }
            enum ml_upstream_end how = *step == 'a'   ? ML_UPSTREAM_ANSWERED
                                       : *step == 'f' ? ML_UPSTREAM_FAILED
                                                      : ML_UPSTREAM_DROPPED;
            bool opened = exchange(u, &rules, now, ML_UPSTREAM_CLOSED, how);
            if (opened != (courses[i].opens && !step[1])) {
                fail_msg("%s at %s", courses[i].steps, step);
            }
        }
        ml_upstreams_destroy(all);
    }
}

static void what_began_before_has_no_say(void **state) {
    struct ml_upstream *u = ((struct rig *)*state)->upstream;
    uint64_t wait = 0;
    assert_int_equal(ml_upstream_begin(u, START, &wait), ML_UPSTREAM_CLOSED);
    assert_int_equal(ml_upstream_begin(u, START, &wait), ML_UPSTREAM_CLOSED);
    open_by_failures(u, START);
    assert_false(ml_upstream_end(u, &rules, START, ML_UPSTREAM_CLOSED, ML_UPSTREAM_ANSWERED));
    assert_refused(u, START, 5 * SECOND);
    assert_false(ml_upstream_end(u, &rules, START, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
    assert_refused(u, START, 5 * SECOND);
}

static void can_be_switched_off(void **state) {
    struct ml_upstream *u = ((struct rig *)*state)->upstream;
    struct ml_upstream_rules off = rules;
    off.failure_percent = 0;
    for (int i = 0; i < 100; i++) {
        assert_false(exchange(u, &off, START, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
    }
    assert_true(exchange(u, &rules, START, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
    uint64_t later = START + 5 * SECOND;
    assert_false(exchange(u, &off, later, ML_UPSTREAM_TRIAL, ML_UPSTREAM_FAILED));
    assert_false(exchange(u, &off, later, ML_UPSTREAM_CLOSED, ML_UPSTREAM_FAILED));
}

static uint32_t retry_all(struct ml_upstream *u, const struct ml_upstream_rules *r, uint64_t now) {
    uint32_t count = 0;
    while (count < 1000 && ml_upstream_may_retry(u, r, now)) {
        count++;
    }
    return count;
}

static void retries_have_a_budget(void **state) {
    struct ml_upstream *u = ((struct rig *)*state)->upstream;
    struct ml_upstream_rules none = rules;
    none.retry_percent = 100;
    assert_int_equal(retry_all(u, &rules, START), ML_RETRIES_FREE);
    for (int i = 0; i < 1000; i++) {
        (void)exchange(u, &rules, START, ML_UPSTREAM_CLOSED, ML_UPSTREAM_ANSWERED);
    }
    assert_int_equal(retry_all(u, &rules, START), 200 - ML_RETRIES_FREE);
    assert_int_equal(retry_all(u, &rules, START + 10 * SECOND), ML_RETRIES_FREE);
    assert_int_equal(retry_all(u, &none, START + 10 * SECOND), 1000);
    struct ml_upstream_figures figures;
    ml_upstream_read(u, START, &figures);
    assert_int_equal(figures.retries, 200 + ML_RETRIES_FREE + 1000);
    assert_int_equal(figures.retries_refused, 3);
}

static void count_one(void *user, const struct ml_upstream *upstream) {
    assert_true(ml_upstream_name(upstream).len > 0);
    (*(uint32_t *)user)++;
}

static void an_origin_has_one_and_there_are_not_too_many(void **state) {
    const struct rig *rig = *state;
    uint32_t count = 0;
    assert_ptr_equal(ml_upstreams_get(rig->all, BERTH_STR("https://a.example")), rig->upstream);
    assert_null(ml_upstreams_get(rig->all, BERTH_STR("")));
    fault_fail_allocation(1);
    assert_null(ml_upstreams_get(rig->all, BERTH_STR("https://b")));
    assert_true(fault_end());
    for (unsigned i = 0; i < ML_UPSTREAMS_MAX - 1; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "http://c%u", i);
        assert_non_null(ml_upstreams_get(rig->all, base_str(name, (size_t)len)));
    }
    assert_null(ml_upstreams_get(rig->all, BERTH_STR("https://b")));
    ml_upstreams_each(rig->all, count_one, &count);
    assert_int_equal(count, ML_UPSTREAMS_MAX);
}

static void *ask_often(void *user) {
    struct ml_upstream *u = user;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t wait = 0;
        uint64_t now = START + i * SECOND / 10;
        enum ml_upstream_pass pass = ml_upstream_begin(u, now, &wait);
        if (pass != ML_UPSTREAM_OPEN) {
            (void)ml_upstream_end(u, &rules, now, pass,
                                  i % 3 ? ML_UPSTREAM_FAILED : ML_UPSTREAM_ANSWERED);
        }
    }
    return NULL;
}

static void all_loops_share_it(void **state) {
    struct ml_upstream *u = ((struct rig *)*state)->upstream;
    struct ml_upstream_figures figures;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, u), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    ml_upstream_read(u, START, &figures);
    assert_int_equal(figures.in_flight, 0);
    assert_int_equal(figures.exchanges + figures.refused, THREADS * ROUNDS);
}

static void fail_until_open(struct ml_upstream *u, uint64_t now) {
    uint64_t wait = 0;
    enum ml_upstream_pass pass;
    while ((pass = ml_upstream_begin(u, now, &wait)) != ML_UPSTREAM_OPEN) {
        (void)ml_upstream_end(u, &rules, now, pass, ML_UPSTREAM_FAILED);
    }
}

/* What goes over at a reload. */
static void goes_over_to_another(void **state) {
    struct rig *rig = *state;
    struct ml_upstream *old = rig->upstream;
    struct ml_upstream *new = ml_upstreams_get(rig->all, BERTH_STR("https://new"));
    struct ml_upstream_state saved;
    struct ml_upstream_figures before;
    struct ml_upstream_figures after;
    uint64_t wait = 0;
    fail_until_open(old, START);
    ml_upstream_save(old, START, true, &saved);
    ml_upstream_restore(new, START, true, &saved);
    ml_upstream_read(old, START, &before);
    ml_upstream_read(new, START, &after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(ml_upstream_begin(new, START, &wait), ML_UPSTREAM_OPEN);
    assert_int_equal(wait, rules.open_ns);
    assert_int_equal(ml_upstream_begin(old, START, &wait), ML_UPSTREAM_OPEN);
    ml_upstream_save(old, START, false, &saved);
    ml_upstream_restore(new, START, false, &saved);
    ml_upstream_read(new, START, &after);
    assert_int_equal(after.refused, before.refused + 2);
    assert_int_equal(after.exchanges, before.exchanges);
    /* The time is over: the first one tries, as it would with the old one. */
    ml_upstream_save(old, START + rules.open_ns, true, &saved);
    assert_int_equal(saved.open_ns, 1);
    ml_upstream_restore(new, START, true,
                        &(struct ml_upstream_state){.open_ns = UINT64_MAX, .window = {UINT64_MAX}});
    assert_int_equal(ml_upstream_begin(new, START, &wait), ML_UPSTREAM_TRIAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_for_failures_and_closes_by_a_trial, begin, end),
        cmocka_unit_test(what_counts_is_the_share_of_a_window),
        cmocka_unit_test_setup_teardown(what_began_before_has_no_say, begin, end),
        cmocka_unit_test_setup_teardown(can_be_switched_off, begin, end),
        cmocka_unit_test_setup_teardown(retries_have_a_budget, begin, end),
        cmocka_unit_test_setup_teardown(an_origin_has_one_and_there_are_not_too_many, begin, end),
        cmocka_unit_test_setup_teardown(all_loops_share_it, begin, end),
        cmocka_unit_test_setup_teardown(goes_over_to_another, begin, end),
    };
    return cmocka_run_group_tests_name("ml_remote.upstream", tests, NULL, NULL);
}
