/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in memory as a table of SQLite, so that one statement inserts them all: INSERT … SELECT
 * name, text, number FROM row_list(?1). To run one for each costs several times what the rows do.
 */
#ifndef HOST_STORE_ROW_LIST_H
#define HOST_STORE_ROW_LIST_H

#include <sqlite3.h>

#include "base/str.h"

#define ROW_LIST_MAX 128u

/* The texts are the caller's. */
struct row_list_row {
    struct berth_str name;
    struct berth_str text;
    double number;
    bool has_number;
};

struct row_list {
    struct row_list_row rows[ROW_LIST_MAX];
    uint32_t count;
};

/* Makes the table known to a connection; an error code of SQLite. */
int row_list_register(sqlite3 *handle);

/* The list that row_list(?at) gives; it stays as it is until the statement is reset. */
void row_list_bind(sqlite3_stmt *statement, int at, const struct row_list *list);

#endif
