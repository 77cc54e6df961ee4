/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"

#define US ((uint64_t)1000)

static void finds_the_bucket(void **state) {
    (void)state;
    static const struct {
        uint64_t ns;
        uint32_t bucket;
    } cases[] = {
        {0, 0},
        {1, 0},
        {16 * US, 0},
        {16 * US + 1, 1},
        {17 * US, 1},
        {32 * US, 1},
        {33 * US, 2},
        {1024 * US, 6},
        {1025 * US, 7},
        {33554432 * US, 21},
        {33554433 * US, 22},
        {UINT64_MAX / 4, 22},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct ml_latency latency = {0};
        ml_latency_note(&latency, &(struct ml_spans){.queue_ns = cases[i].ns});
        if (latency.counts[ML_LATENCY_QUEUE][cases[i].bucket] != 1) {
            fail_msg("%llu", (unsigned long long)cases[i].ns);
        }
        assert_true(cases[i].bucket == ML_LATENCY_BOUNDS ||
                    (double)cases[i].ns / 1e9 <= ml_latency_bound(cases[i].bucket));
        assert_true(cases[i].bucket == 0 ||
                    (double)cases[i].ns / 1e9 > ml_latency_bound(cases[i].bucket - 1));
    }
}

static void splits_the_time(void **state) {
    (void)state;
    static const struct {
        struct ml_spans spans;
        uint64_t parts[ML_LATENCY_PARTS]; /* queue, connect, remote, own */
    } cases[] = {
        {{.began_ns = 100, .asked_ns = 110, .answered_ns = 150, .ended_ns = 155}, {0, 0, 40, 15}},
        {{.began_ns = 100, .asked_ns = 130, .answered_ns = 150, .ended_ns = 155, .queue_ns = 20},
         {20, 0, 20, 15}},
        {{.began_ns = 100,
          .asked_ns = 110,
          .answered_ns = 150,
          .ended_ns = 155,
          .asked_queue_ns = 5,
          .connect_ns = 10},
         {5, 10, 25, 15}},
        {{.began_ns = 100, .ended_ns = 120}, {0, 0, 0, 20}},
        {{.began_ns = 100, .asked_ns = 110, .ended_ns = 120}, {0, 0, 0, 20}},
        {{.began_ns = 100, .ended_ns = 90, .queue_ns = 50}, {50, 0, 0, 0}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct ml_latency latency = {0};
        struct ml_latency twice = {0};
        ml_latency_note(&latency, &cases[i].spans);
        ml_latency_add(&twice, &latency);
        ml_latency_add(&twice, &latency);
        for (int k = 0; k < ML_LATENCY_PARTS; k++) {
            assert_int_equal(latency.sum_ns[k], cases[i].parts[k]);
            assert_int_equal(twice.sum_ns[k], 2 * cases[i].parts[k]);
            assert_int_equal(twice.counts[k][0], 2);
            assert_non_null(ml_latency_part_name((enum ml_latency_part)k));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_bucket),
        cmocka_unit_test(splits_the_time),
    };
    return cmocka_run_group_tests_name("ml_remote.latency", tests, NULL, NULL);
}
