/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From many threads: @threads
 */
#include "plugin/ml_remote/slots.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void counts_to_the_limit(void **state) {
    (void)state;
    struct ml_slots slots = {0};
    assert_false(ml_slots_take(&slots, 0));
    assert_true(ml_slots_take(&slots, 2));
    assert_true(ml_slots_take(&slots, 2));
    assert_false(ml_slots_take(&slots, 2));
    assert_true(ml_slots_take(&slots, 3));
    assert_false(ml_slots_take(&slots, 1)); /* a limit that was lowered meanwhile */
    ml_slots_give(&slots);
    ml_slots_give(&slots);
    assert_false(ml_slots_take(&slots, 1));
    ml_slots_give(&slots);
    assert_true(ml_slots_take(&slots, 1));
}

#define LIMIT 3
#define ROUNDS 20000

struct crowd {
    struct ml_slots slots;
    _Atomic int within;
    _Atomic int most;
};

static void *come_and_go(void *user) {
    struct crowd *crowd = user;
    for (int i = 0; i < ROUNDS; i++) {
        if (!ml_slots_take(&crowd->slots, LIMIT)) {
            continue;
        }
        int within = ++crowd->within;
        int most = crowd->most;
        while (within > most && !atomic_compare_exchange_weak(&crowd->most, &most, within)) {
        }
        crowd->within--;
        ml_slots_give(&crowd->slots);
    }
    return NULL;
}

static void never_lets_in_more(void **state) {
    (void)state;
    struct crowd crowd = {.within = 0};
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_in_range(crowd.most, 1, LIMIT);
    assert_int_equal(crowd.slots.taken, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_to_the_limit),
        cmocka_unit_test(never_lets_in_more),
    };
    return cmocka_run_group_tests_name("ml_remote.slots", tests, NULL, NULL);
}
