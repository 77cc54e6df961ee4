/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong passwords: counted for a name and an address, within a window.
 */
#include "host/security/attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"

#define WINDOW_MS 1000u
#define MS ((uint64_t)BASE_NS_PER_MS)

static const struct berth_str alice = BERTH_STR_INIT("alice");
static const struct berth_str here = BERTH_STR_INIT("192.0.2.1");

static int set_up(void **state) {
    struct attempts *attempts = malloc(sizeof *attempts);
    *state = attempts;
    attempts_init(attempts, 3, WINDOW_MS);
    return 0;
}

static int tear_down(void **state) {
    attempts_deinit(*state);
    free(*state);
    return 0;
}

static void counts_within_the_window(void **state) {
    struct attempts *a = *state;
    uint64_t now = 5000 * MS;
    for (int i = 0; i < 3; i++) {
        assert_false(attempts_are_over(a, alice, here, now));
        attempts_note(a, alice, here, false, now);
        now += MS;
    }
    assert_true(attempts_are_over(a, alice, here, now));
    /* Another name, another address, and both exchanged are not meant. */
    assert_false(attempts_are_over(a, BERTH_STR("bob"), here, now));
    assert_false(attempts_are_over(a, alice, BERTH_STR("192.0.2.2"), now));
    assert_false(attempts_are_over(a, here, alice, now));
    /* The window is counted from the first. */
    assert_true(attempts_are_over(a, alice, here, (5000 + WINDOW_MS) * MS));
    assert_false(attempts_are_over(a, alice, here, (5001 + WINDOW_MS) * MS));
    attempts_note(a, alice, here, false, (5001 + WINDOW_MS) * MS);
    assert_false(attempts_are_over(a, alice, here, (5002 + WINDOW_MS) * MS));
}

static void a_right_one_forgets(void **state) {
    struct attempts *a = *state;
    for (int i = 0; i < 10; i++) {
        attempts_note(a, alice, here, i % 3 == 2, 5000 * MS);
        assert_false(attempts_are_over(a, alice, here, 5000 * MS));
    }
}

/* More names than there is room for: nothing is written beyond it, and the latest is known. */
static void forgets_the_oldest(void **state) {
    struct attempts *a = *state;
    char text[16];
    for (unsigned i = 0; i < 20 * ATTEMPTS_SLOTS; i++) {
        (void)snprintf(text, sizeof text, "user%u", i);
        for (int n = 0; n < 3; n++) {
            attempts_note(a, base_cstr(text), here, false, (5000 + i) * MS);
        }
        assert_true(attempts_are_over(a, base_cstr(text), here, (5000 + i) * MS));
    }
}

static void counts_nothing_without_a_limit(void **state) {
    struct attempts *a = *state;
    a->allowed = 0;
    for (int i = 0; i < 100; i++) {
        attempts_note(a, alice, here, false, 5000 * MS);
    }
    assert_false(attempts_are_over(a, alice, here, 5000 * MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_within_the_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_right_one_forgets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_the_oldest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_nothing_without_a_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("host.attempts", tests, NULL, NULL);
}
