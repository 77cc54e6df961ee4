/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite connections with their statements, and the schema. Internal to host/store.
 */
#ifndef HOST_STORE_DATABASE_H
#define HOST_STORE_DATABASE_H

#include <sqlite3.h>

#include "base/error.h"

/* Statements that are kept prepared; the text of each stands in database.c. */
enum statement {
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_INDEX_FIND,
    SQL_INDEX_ADD,
    SQL_INDEX_SET_MAPPING,
    SQL_INDEX_MARK_USED,
    SQL_INDEX_COUNT,
    SQL_DOC_GET,
    SQL_DOC_FIND,
    SQL_DOC_INSERT,
    SQL_DOC_UPDATE,
    SQL_DOC_UPDATE_UNSEEN,
    SQL_DOC_DELETE,
    SQL_DOC_SCAN,
    SQL_DOC_ALL,
    SQL_DOC_SCAN_ROWS,
    SQL_DOC_SCAN_UNSEEN,
    SQL_DOC_SEE,
    SQL_FIELD_DELETE,
    SQL_FIELD_INSERT,
    SQL_FIELD_KIND,
    SQL_PASSAGE_DELETE,
    SQL_PASSAGE_INSERT,
    SQL_SCORED_CLEAR,
    SQL_SCORED_INSERT,
    SQL_SEQ_GET,
    SQL_SEQ_SET,
    SQL_CLUSTER_GET,
    SQL_CLUSTER_SET,
    SQL_LISTED_CLEAR,
    SQL_LISTED_ADD,
    SQL_LISTED_MISSING,
    SQL_STATEMENTS,
};

struct database {
    sqlite3 *handle;
    sqlite3_stmt *statements[SQL_STATEMENTS];
    struct database *next; /* in a list of free ones */
};

/* Opens; a writer makes the file and the schema. */
int32_t database_open(const char *path, bool writer, bool sync_full, struct database **out_db,
                      struct berth_error *error);
void database_close(struct database *db);

/* Has a writer keep many pages of the file in memory, for much that is written at once, or few. */
void database_keep_pages(struct database *db, bool many);

/* A kept statement, reset and without bindings; NULL when it cannot be prepared. */
sqlite3_stmt *database_statement(struct database *db, enum statement which);

/* Runs a statement that gives no row. */
int32_t database_run(struct database *db, sqlite3_stmt *statement, struct berth_error *error);

/* Steps: 1 for a row, 0 at the end, a negative code on failure. */
int32_t database_step(struct database *db, sqlite3_stmt *statement, struct berth_error *error);

/* Bindings by number from 1; text must live until the statement is run. */
void database_bind_str(sqlite3_stmt *statement, int at, struct berth_str text);
void database_bind_i64(sqlite3_stmt *statement, int at, int64_t value);
void database_bind_f64(sqlite3_stmt *statement, int at, double value);
void database_bind_null(sqlite3_stmt *statement, int at);

/* Columns by number from 0; a text is valid until the next step. */
struct berth_str database_str(sqlite3_stmt *statement, int column);
int64_t database_i64(sqlite3_stmt *statement, int column);

/* What SQLite's last failure on this connection means. */
int32_t database_error(struct database *db, struct berth_error *error);

#endif
