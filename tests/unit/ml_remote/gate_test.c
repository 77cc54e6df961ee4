/* SPDX-License-Identifier: Apache-2.0 */
/* The gate. @threads */
#include "plugin/ml_remote/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"

#define THREADS 4
#define ROUNDS 20000

static uint32_t let_in_count;
static uint32_t ring_count;

static void count_let_in(struct ml_gate_waiter *waiter) {
    (void)waiter;
    let_in_count++;
}

static void count_ring(struct ml_gate_desk *desk) {
    (void)desk;
    ring_count++;
}

static void assert_counts(const struct ml_gate *gate, uint32_t in, uint32_t waiting) {
    uint32_t is_in = 0;
    uint32_t waits = 0;
    ml_gate_count(gate, &is_in, &waits);
    assert_int_equal(is_in, in);
    assert_int_equal(waits, waiting);
}

static void lets_in_by_turns(void **state) {
    (void)state;
    struct ml_gate *gate = ml_gate_create();
    struct ml_gate_desk desk;
    ml_gate_desk_init(&desk, count_ring);
    let_in_count = ring_count = 0;
    struct ml_gate_waiter w[5];
    for (size_t i = 0; i < BASE_COUNT(w); i++) {
        w[i] = (struct ml_gate_waiter){.desk = &desk, .let_in = count_let_in};
    }
    assert_int_equal(ml_gate_enter(gate, 2, 2, &w[0]), ML_GATE_IN);
    assert_int_equal(ml_gate_enter(gate, 2, 2, &w[1]), ML_GATE_IN);
    assert_int_equal(ml_gate_enter(gate, 2, 0, &w[2]), ML_GATE_FULL);
    assert_int_equal(ml_gate_enter(gate, 2, 2, &w[2]), ML_GATE_WAITS);
    assert_int_equal(ml_gate_enter(gate, 2, 2, &w[3]), ML_GATE_WAITS);
    assert_int_equal(ml_gate_enter(gate, 2, 2, &w[4]), ML_GATE_FULL);
    assert_counts(gate, 2, 2);
    assert_int_equal(ml_gate_enter(gate, 9, 0, &w[4]), ML_GATE_FULL); /* nobody jumps the queue */
    ml_gate_leave(gate);
    assert_int_equal(ring_count, 1);
    assert_counts(gate, 2, 1);
    ml_gate_tell(&desk);
    assert_int_equal(let_in_count, 1);
    assert_false(ml_gate_give_up(gate, &w[3])); /* it had not been let in */
    assert_counts(gate, 2, 0);
    ml_gate_leave(gate);
    ml_gate_leave(gate);
    assert_counts(gate, 0, 0);
    assert_int_equal(ml_gate_enter(gate, 1, 0, &w[4]), ML_GATE_IN);
    ml_gate_leave(gate);
    ml_gate_desk_deinit(&desk);
    ml_gate_unref(gate);
}

static void who_gives_up_on_the_desk_is_in(void **state) {
    (void)state;
    struct ml_gate *gate = ml_gate_create();
    struct ml_gate_desk desk;
    ml_gate_desk_init(&desk, count_ring);
    let_in_count = 0;
    struct ml_gate_waiter first = {.desk = &desk, .let_in = count_let_in};
    struct ml_gate_waiter second = first;
    assert_int_equal(ml_gate_enter(gate, 1, 1, &first), ML_GATE_IN);
    assert_int_equal(ml_gate_enter(gate, 1, 1, &second), ML_GATE_WAITS);
    ml_gate_leave(gate);
    assert_true(ml_gate_give_up(gate, &second));
    ml_gate_tell(&desk);
    assert_int_equal(let_in_count, 0);
    assert_counts(gate, 1, 0);
    ml_gate_leave(gate);
    assert_counts(gate, 0, 0);
    ml_gate_desk_deinit(&desk);
    ml_gate_unref(gate);
}

struct crowd {
    struct ml_gate *gate;
    _Atomic uint32_t inside;
    _Atomic uint32_t passed;
    _Atomic uint32_t most;
};

static void *pass_often(void *user) {
    struct crowd *crowd = user;
    struct ml_gate_waiter waiter = {0};
    for (int i = 0; i < ROUNDS; i++) {
        if (ml_gate_enter(crowd->gate, 2, 0, &waiter) == ML_GATE_IN) {
            uint32_t inside = ++crowd->inside;
            crowd->most = inside > crowd->most ? inside : crowd->most;
            crowd->inside--;
            crowd->passed++;
            ml_gate_leave(crowd->gate);
        }
    }
    return NULL;
}

static void never_more_than_the_limit_are_in(void **state) {
    (void)state;
    struct crowd crowd = {.gate = ml_gate_create()};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &crowd), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_in_range(crowd.most, 1, 2);
    assert_true(crowd.passed > 0);
    assert_counts(crowd.gate, 0, 0);
    ml_gate_unref(crowd.gate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_in_by_turns),
        cmocka_unit_test(who_gives_up_on_the_desk_is_in),
        cmocka_unit_test(never_more_than_the_limit_are_in),
    };
    return cmocka_run_group_tests_name("ml_remote.gate", tests, NULL, NULL);
}
