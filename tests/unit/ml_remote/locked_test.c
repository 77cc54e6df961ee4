/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of credentials: pieces are their own, are wiped, and need few mappings. @threads */
#include "plugin/ml_remote/locked.h"

#include "base/str.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

#include <pthread.h>
#include <string.h>

#define PIECES 2000u

struct piece {
    unsigned char *memory;
    struct ml_locked_slab *slab;
    size_t bytes;
};

static struct piece take(struct ml_locked *locked, size_t bytes) {
    struct piece piece = {.bytes = bytes};
    piece.memory = ml_locked_take(locked, bytes, &piece.slab);
    assert_non_null(piece.memory);
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(piece.memory[i], 0);
    }
    memset(piece.memory, (int)(bytes % 255 + 1), bytes);
    return piece;
}

static void give(struct piece piece) {
    for (size_t i = 0; i < piece.bytes; i++) {
        assert_int_equal(piece.memory[i], piece.bytes % 255 + 1);
    }
    ml_locked_give(piece.slab, piece.memory, piece.bytes);
}

static uint32_t mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    uint32_t count = 0;
    int c;
    assert_non_null(maps);
    while ((c = fgetc(maps)) != EOF) {
        count += c == '\n';
    }
    assert_int_equal(fclose(maps), 0);
    return count;
}

static void pieces_are_their_own(void **state) {
    (void)state;
    static struct piece pieces[PIECES];
    struct ml_locked *locked = ml_locked_create();
    assert_non_null(locked);
    uint32_t before = mappings();
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < PIECES; i++) {
            pieces[i] = take(locked, 1 + (i * 37 + round) % 900);
            assert_int_equal((uintptr_t)pieces[i].memory % _Alignof(max_align_t), 0);
        }
        assert_true(mappings() - before < PIECES / 10);
        for (uint32_t i = 0; i < PIECES; i++) {
            give(pieces[(i * 7 + round) % PIECES]);
        }
    }
    ml_locked_destroy(locked);
    assert_in_range(mappings(), 0, before);
}

static void long_ones_have_their_own_mapping(void **state) {
    (void)state;
    struct ml_locked *locked = ml_locked_create();
    const size_t sizes[] = {1, 4096, 4097, 100000};
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
        struct piece shared = take(locked, sizes[i]);
        struct piece own = take(NULL, sizes[i]);
        assert_int_equal(shared.slab != NULL, sizes[i] <= 4096);
        assert_null(own.slab);
        give(shared);
        give(own);
    }
    ml_locked_destroy(locked);
    ml_locked_destroy(NULL);
}

static void what_is_given_back_is_wiped(void **state) {
    (void)state;
    struct ml_locked *locked = ml_locked_create();
    struct piece stays = take(locked, 100);
    struct piece goes = take(locked, 100);
    ml_locked_give(goes.slab, goes.memory, goes.bytes);
    for (size_t i = 0; i < goes.bytes; i++) {
        assert_int_equal(goes.memory[i], 0);
    }
    give(stays);
    ml_locked_destroy(locked);
}

static void *take_and_give(void *arg) {
    for (uint32_t i = 0; i < PIECES; i++) {
        struct piece first = take(arg, 1 + i % 700);
        struct piece second = take(arg, 1 + i % 300);
        give(first);
        give(second);
    }
    return NULL;
}

static void several_threads_share_them(void **state) {
    (void)state;
    struct ml_locked *locked = ml_locked_create();
    pthread_t threads[4];
    for (size_t i = 0; i < BASE_COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, locked), 0);
    }
    for (size_t i = 0; i < BASE_COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    ml_locked_destroy(locked);
}

static void survives_a_failed_allocation(void **state) {
    (void)state;
    fault_fail_allocation(1);
    assert_null(ml_locked_create());
    assert_true(fault_end());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_their_own),
        cmocka_unit_test(long_ones_have_their_own_mapping),
        cmocka_unit_test(what_is_given_back_is_wiped),
        cmocka_unit_test(several_threads_share_them),
        cmocka_unit_test(survives_a_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.locked", tests, NULL, NULL);
}
