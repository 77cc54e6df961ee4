/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in memory as a table of SQLite.
 */
#include "host/store/row_list.h"
#include "tests/support/temp.h"

static int setup(void **state) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(row_list_register(db), SQLITE_OK);
    *state = db;
    return 0;
}

static int teardown(void **state) {
    assert_int_equal(sqlite3_close(*state), SQLITE_OK);
    return 0;
}

static sqlite3_stmt *select_from(sqlite3 *db, const struct row_list *list) {
    sqlite3_stmt *select = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT name, text, number, rowid FROM row_list(?1)",
                                        -1, &select, NULL),
                     SQLITE_OK);
    row_list_bind(select, 1, list);
    return select;
}

static void gives_each_row_as_it_is(void **state) {
    static struct row_list list;
    list.count = ROW_LIST_MAX;
    for (uint32_t i = 0; i < list.count; i++) {
        list.rows[i] = (struct row_list_row){
            .name = BERTH_STR("n"), .text = {NULL, 0}, .number = i + 0.5, .has_number = i % 2 != 0};
    }
    list.rows[7].text = BERTH_STR("a\0b");
    sqlite3_stmt *select = select_from(*state, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        assert_int_equal(sqlite3_step(select), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(select, 0), "n");
        assert_int_equal(sqlite3_column_type(select, 1), SQLITE_TEXT);
        assert_int_equal(sqlite3_column_bytes(select, 1), i == 7 ? 3 : 0);
        assert_int_equal(sqlite3_column_type(select, 2), i % 2 ? SQLITE_FLOAT : SQLITE_NULL);
        assert_true(i % 2 == 0 || sqlite3_column_double(select, 2) == i + 0.5);
        assert_int_equal(sqlite3_column_int64(select, 3), i);
    }
    assert_int_equal(sqlite3_step(select), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(select), SQLITE_OK);
}

static void has_no_rows_where_there_are_none(void **state) {
    static const struct row_list empty;
    const struct row_list *cases[] = {&empty, NULL};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        sqlite3_stmt *select = select_from(*state, cases[i]);
        assert_int_equal(sqlite3_step(select), SQLITE_DONE);
        assert_int_equal(sqlite3_finalize(select), SQLITE_OK);
    }
    row_list_bind(NULL, 1, &empty);
}

/* Neither a table without a list nor a number that stands for a pointer. */
static void refuses_what_is_no_list(void **state) {
    sqlite3_stmt *select = NULL;
    assert_int_not_equal(sqlite3_prepare_v2(*state, "SELECT * FROM row_list", -1, &select, NULL),
                         SQLITE_OK);
    assert_null(select);
    assert_int_equal(sqlite3_prepare_v2(*state, "SELECT * FROM row_list(4096)", -1, &select, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(select), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(select), SQLITE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_each_row_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(has_no_rows_where_there_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_list, setup, teardown),
    };
    return cmocka_run_group_tests_name("host.store.row_list", tests, NULL, NULL);
}
