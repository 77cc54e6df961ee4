/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/support/fault.h"

#define MANY 500

struct entry {
    char key[16];
    bool in;
};

static struct entry entries[MANY];

static int name_entries(void **state) {
    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(entries[i].key, sizeof entries[i].key, "key-%d", i);
        entries[i].in = false;
    }
    return 0;
}

static void is_empty_at_first(void **state) {
    (void)state;
    struct base_map map;
    base_map_init(&map);
    size_t cursor = 0;
    assert_null(base_map_get(&map, BERTH_STR("a")));
    assert_null(base_map_remove(&map, BERTH_STR("a")));
    assert_null(base_map_next(&map, &cursor));
    base_map_deinit(&map);
}

static void replaces_a_value(void **state) {
    (void)state;
    struct base_map map;
    int first = 1;
    int second = 2;
    base_map_init(&map);
    assert_true(base_map_set(&map, BERTH_STR("a"), &first));
    assert_true(base_map_set(&map, BERTH_STR("a"), &second));
    assert_true(base_map_set(&map, BERTH_STR(""), &first));
    assert_int_equal(map.count, 2);
    assert_ptr_equal(base_map_get(&map, BERTH_STR("a")), &second);
    assert_ptr_equal(base_map_get(&map, BERTH_STR("")), &first);
    assert_ptr_equal(base_map_remove(&map, BERTH_STR("a")), &second);
    assert_null(base_map_get(&map, BERTH_STR("a")));
    base_map_deinit(&map);
}

/* Against a plain list: removing must leave every other entry where it is found. */
static void agrees_with_a_list(void **state) {
    (void)state;
    struct base_map map;
    base_map_init(&map);
    size_t count = 0;
    uint32_t random = 1;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525u + 1013904223u;
        struct entry *entry = &entries[(random >> 8) % MANY];
        if (random >> 31) {
            assert_true(base_map_set(&map, base_cstr(entry->key), entry));
            count += !entry->in;
            entry->in = true;
        } else {
            assert_ptr_equal(base_map_remove(&map, base_cstr(entry->key)),
                             entry->in ? entry : NULL);
            count -= entry->in;
            entry->in = false;
        }
        assert_int_equal(map.count, count);
        if (step % 500 == 0) {
            for (int i = 0; i < MANY; i++) {
                assert_ptr_equal(base_map_get(&map, base_cstr(entries[i].key)),
                                 entries[i].in ? &entries[i] : NULL);
            }
        }
    }
    base_map_deinit(&map);
}

static void goes_through_each_value_once(void **state) {
    (void)state;
    struct base_map map;
    base_map_init(&map);
    for (int i = 0; i < MANY; i++) {
        assert_true(base_map_set(&map, base_cstr(entries[i].key), &entries[i]));
    }
    size_t cursor = 0;
    size_t seen = 0;
    for (struct entry *e = base_map_next(&map, &cursor); e; e = base_map_next(&map, &cursor)) {
        assert_false(e->in);
        e->in = true;
        seen++;
    }
    assert_int_equal(seen, MANY);
    base_map_deinit(&map);
}

static void changes_nothing_without_memory(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct base_map map;
        base_map_init(&map);
        for (int i = 0; i < 40; i++) {
            size_t before = map.count;
            bool ok = base_map_set(&map, base_cstr(entries[i].key), &entries[i]);
            assert_int_equal(map.count, before + ok);
            assert_ptr_equal(base_map_get(&map, base_cstr(entries[i].key)),
                             ok ? &entries[i] : NULL);
        }
        base_map_deinit(&map);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_at_first),
        cmocka_unit_test(replaces_a_value),
        cmocka_unit_test_setup(agrees_with_a_list, name_entries),
        cmocka_unit_test_setup(goes_through_each_value_once, name_entries),
        cmocka_unit_test_setup(changes_nothing_without_memory, name_entries),
    };
    return cmocka_run_group_tests_name("base.map", tests, NULL, NULL);
}
