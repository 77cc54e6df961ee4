/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/fault.h"

#define SECOND ((uint64_t)1000 * BASE_NS_PER_MS)
#define NOW (1000 * SECOND)

static void reads_limits(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double limit;
        uint64_t unit_ns;
    } cases[] = {
        {"{\"limit\":\"10\",\"unit\":\"MINUTES\"}", true, 10, 60 * SECOND},
        {"{\"limit\":0.5,\"unit\":\"SECONDS\"}", true, 0.5, SECOND},
        {"{\"limit\":\"0\",\"unit\":\"DAYS\"}", true, 0, 86400 * SECOND},
        {"{\"limit\":\"10\"}", false, 0, 0},
        {"{\"unit\":\"DAYS\"}", false, 0, 0},
        {"{\"limit\":\"ten\",\"unit\":\"DAYS\"}", false, 0, 0},
        {"{\"limit\":null,\"unit\":\"DAYS\"}", false, 0, 0},
        {"{\"limit\":\"10\",\"unit\":\"WEEKS\"}", false, 0, 0},
        {"{\"limit\":\"10\",\"unit\":\"minutes\"}", false, 0, 0},
        {"[]", false, 0, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        JSON_DOC_AUTO doc = {0};
        double limit = 0;
        uint64_t unit_ns = 0;
        assert_true(json_parse(&doc, base_cstr(cases[i].text), 0, NULL));
        if (ml_limiter_read(json_root(&doc), &limit, &unit_ns) != cases[i].ok) {
            fail_msg("%s", cases[i].text);
        }
        assert_true(!cases[i].ok || (limit == cases[i].limit && unit_ns == cases[i].unit_ns));
    }
}

static bool take(struct ml_limiter *limiter, uint32_t tokens, uint64_t now_ns) {
    uint64_t wait_ns = 0;
    return ml_limiter_take(limiter, tokens, now_ns, 0, &wait_ns);
}

static uint32_t take_all(struct ml_limiter *limiter, uint64_t now_ns) {
    uint32_t taken = 0;
    while (taken < 1000 && take(limiter, 1, now_ns)) {
        taken++;
    }
    return taken;
}

static void fills_evenly(void **state) {
    (void)state;
    static const struct {
        double limit;
        uint64_t unit_ns;
        uint32_t first;   /* tokens of the full bucket */
        uint64_t wait_ns; /* after which there is one more, and not before */
    } cases[] = {
        {10, SECOND, 10, SECOND / 10},     {1, SECOND, 1, SECOND}, {0.5, SECOND, 1, 2 * SECOND},
        {2.5, 10 * SECOND, 2, 2 * SECOND}, {0, SECOND, 0, 0},      {-1, SECOND, 0, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct ml_limiter *limiter = ml_limiter_create(cases[i].limit, cases[i].unit_ns);
        assert_int_equal(take_all(limiter, NOW), cases[i].first);
        if (cases[i].first) {
            assert_int_equal(take_all(limiter, NOW + cases[i].wait_ns - 1), 0);
            assert_int_equal(take_all(limiter, NOW + cases[i].wait_ns), 1);
            assert_int_equal(take_all(limiter, NOW + 100 * cases[i].wait_ns), cases[i].first);
        } else {
            assert_int_equal(take_all(limiter, NOW + 1000 * SECOND), 0);
        }
        ml_limiter_unref(limiter);
    }
}

static void takes_all_or_none(void **state) {
    (void)state;
    struct ml_limiter *limiter = ml_limiter_create(10, SECOND);
    assert_false(take(limiter, 11, NOW));
    assert_true(take(limiter, 7, NOW));
    assert_false(take(limiter, 4, NOW));
    assert_true(take(limiter, 3, NOW));
    assert_true(take(limiter, 0, NOW));
    assert_false(take(limiter, UINT32_MAX, NOW));
    ml_limiter_unref(limiter);
}

static void bears_numbers_at_the_edge(void **state) {
    (void)state;
    struct ml_limiter *slow = ml_limiter_create(1e-300, 86400 * SECOND);
    assert_int_equal(take_all(slow, NOW), 1);
    assert_false(take(slow, 1, 9000000000u * SECOND));
    ml_limiter_unref(slow);
    struct ml_limiter *fast = ml_limiter_create(1e300, 1);
    assert_int_equal(take_all(fast, NOW), 1000);
    ml_limiter_unref(fast);
}

static void is_shared_by_reference(void **state) {
    (void)state;
    struct ml_limiter *limiter = ml_limiter_create(1, SECOND);
    struct ml_limiter *other = ml_limiter_ref(limiter);
    assert_true(ml_limiter_is(limiter, 1, SECOND));
    assert_false(ml_limiter_is(limiter, 2, SECOND));
    assert_false(ml_limiter_is(limiter, 1, 2 * SECOND));
    assert_false(ml_limiter_is(NULL, 1, SECOND));
    assert_true(take(limiter, 1, NOW));
    ml_limiter_unref(limiter);
    assert_false(take(other, 1, NOW));
    ml_limiter_unref(other);
    ml_limiter_unref(NULL);
    fault_fail_allocation(1);
    limiter = ml_limiter_create(1, SECOND);
    assert_true(fault_end());
    assert_null(limiter);
}

/* Waiting in a queue is taking tokens that are still to come. */
static void tells_how_long_tokens_take(void **state) {
    (void)state;
    struct ml_limiter *limiter = ml_limiter_create(2, SECOND);
    uint64_t wait_ns = 1;
    assert_true(ml_limiter_take(limiter, 2, NOW, SECOND, &wait_ns));
    assert_int_equal(wait_ns, 0);
    assert_true(ml_limiter_take(limiter, 1, NOW, SECOND, &wait_ns));
    assert_int_equal(wait_ns, SECOND / 2);
    assert_true(ml_limiter_take(limiter, 1, NOW, SECOND, &wait_ns));
    assert_int_equal(wait_ns, SECOND);
    assert_false(ml_limiter_take(limiter, 1, NOW, SECOND, &wait_ns));
    assert_int_equal(wait_ns, SECOND + SECOND / 2);
    assert_false(ml_limiter_take(limiter, 1, NOW + SECOND, 0, &wait_ns));
    assert_int_equal(wait_ns, SECOND / 2);
    assert_false(ml_limiter_take(limiter, 3, NOW, UINT64_MAX, &wait_ns));
    assert_int_equal(wait_ns, UINT64_MAX);
    ml_limiter_unref(limiter);
    limiter = ml_limiter_create(0, SECOND);
    assert_false(ml_limiter_take(limiter, 1, NOW, UINT64_MAX, &wait_ns));
    assert_int_equal(wait_ns, UINT64_MAX);
    ml_limiter_unref(limiter);
}

/* What goes over at a reload: first how far it is spent, then what was taken since. */
static void goes_over_to_another(void **state) {
    (void)state;
    struct ml_limiter *old = ml_limiter_create(4, 4 * SECOND);
    struct ml_limiter *new = ml_limiter_create(4, 4 * SECOND);
    assert_int_equal(ml_limiter_spent(old, NOW, true), 0);
    assert_true(take(old, 3, NOW));
    assert_int_equal(ml_limiter_spent(old, NOW, true), 3 * SECOND);
    ml_limiter_spend(new, 3 * SECOND, NOW);
    assert_true(take(new, 1, NOW));
    assert_false(take(new, 1, NOW));
    assert_int_equal(ml_limiter_spent(old, NOW, false), 0);
    assert_true(take(old, 1, NOW + SECOND));
    assert_int_equal(ml_limiter_spent(old, NOW + SECOND, false), SECOND);
    ml_limiter_spend(new, SECOND, NOW + SECOND);
    assert_false(take(new, 1, NOW + SECOND));
    ml_limiter_spend(new, UINT64_MAX, NOW + SECOND); /* no more than there is */
    assert_true(take(new, 4, NOW + 5 * SECOND));
    ml_limiter_unref(old);
    ml_limiter_unref(new);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_limits),           cmocka_unit_test(fills_evenly),
        cmocka_unit_test(takes_all_or_none),      cmocka_unit_test(bears_numbers_at_the_edge),
        cmocka_unit_test(is_shared_by_reference), cmocka_unit_test(tells_how_long_tokens_take),
        cmocka_unit_test(goes_over_to_another),
    };
    return cmocka_run_group_tests_name("ml_remote.limiter", tests, NULL, NULL);
}
