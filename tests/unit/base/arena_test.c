/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static void gives_aligned_pieces_that_do_not_overlap(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 64);
    static const size_t sizes[] = {1, 0, 3, 16, 17, 63, 64, 65, 1000, 1, 8};
    char *pieces[BASE_COUNT(sizes)];
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
        pieces[i] = base_arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(pieces[i][k], i);
        }
    }
}

static void refuses_sizes_that_do_not_fit(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 64);
    assert_null(base_arena_alloc(&arena, SIZE_MAX));
    assert_null(base_arena_array(&arena, SIZE_MAX / 2, 4));
    assert_non_null(base_arena_alloc(&arena, 1));
}

static void clears_arrays(void **state) {
    (void)state;
    static const char zeros[64];
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 64);
    memset(base_arena_alloc(&arena, 64), 0xff, 64);
    base_arena_reset(&arena);
    assert_memory_equal(base_arena_array(&arena, 16, 4), zeros, 64);
}

static void copies_texts_with_a_zero_behind(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 64);
    struct berth_str copy = base_arena_dup(&arena, base_str("abcdef", 3));
    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.ptr, "abc");
    struct berth_str empty = base_arena_dup(&arena, base_cstr(NULL));
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    assert_int_equal(empty.ptr[0], '\0');
}

static void keeps_a_chunk_over_a_reset(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 64);
    for (int i = 0; i < 10; i++) {
        assert_non_null(base_arena_alloc(&arena, i % 2 ? 200 : 48));
    }
    base_arena_reset(&arena);
    fault_fail_allocation(1);
    void *piece = base_arena_alloc(&arena, 64);
    assert_false(fault_end());
    assert_non_null(piece);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 64);
        int failed = 0;
        for (int i = 0; i < 6; i++) {
            struct berth_str copy = base_arena_dup(&arena, BERTH_STR("0123456789012345678901"));
            failed += copy.ptr == NULL;
            assert_int_equal(copy.len, copy.ptr ? 22 : 0);
            failed += base_arena_array(&arena, 10, 30) == NULL;
        }
        assert_in_range(failed, 0, 1); /* one failure does not spoil the next piece */
    });
}

static void private_memory_is_overwritten(void **state) {
    (void)state;
    for (int is_private = 0; is_private < 2; is_private++) {
        struct base_arena arena;
        (is_private ? base_arena_init_private : base_arena_init)(&arena, 64);
        fault_watch_freed("a secret");
        struct berth_str small = base_arena_dup(&arena, BERTH_STR("this is a secret"));
        struct berth_str large = base_arena_dup(
            &arena, BERTH_STR("what is longer than a chunk may well be the rest of a secret text"));
        assert_true(small.ptr && large.ptr);
        base_arena_reset(&arena);
        assert_int_equal(small.ptr[0] == '\0', is_private);
        assert_int_equal(fault_found_freed() == 0, is_private);
        assert_true(base_arena_dup(&arena, BERTH_STR("a secret")).ptr != NULL);
        base_arena_deinit(&arena);
        assert_int_equal(fault_found_freed() == 0, is_private);
        fault_watch_freed(NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_pieces_that_do_not_overlap),
        cmocka_unit_test(refuses_sizes_that_do_not_fit),
        cmocka_unit_test(clears_arrays),
        cmocka_unit_test(copies_texts_with_a_zero_behind),
        cmocka_unit_test(keeps_a_chunk_over_a_reset),
        cmocka_unit_test(private_memory_is_overwritten),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("base.arena", tests, NULL, NULL);
}
