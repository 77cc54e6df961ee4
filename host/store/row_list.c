/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/row_list.h"

/* What SQLite knows the pointer by: no SQL text can make one. */
#define POINTER_TYPE "berth_row_list"

enum column { COLUMN_NAME, COLUMN_TEXT, COLUMN_NUMBER, COLUMN_LIST };

struct cursor {
    sqlite3_vtab_cursor base;
    const struct row_list *list; /* NULL: no rows */
    uint32_t at;
};

static int connect(sqlite3 *handle, void *user, int count, const char *const *arguments,
                   sqlite3_vtab **out_table, char **out_error) {
    (void)user, (void)count, (void)arguments, (void)out_error;
    int code = sqlite3_declare_vtab(
        handle, "CREATE TABLE x(name TEXT, text TEXT, number REAL, list HIDDEN)");
    sqlite3_vtab *table = code ? NULL : sqlite3_malloc(sizeof *table);
    if (!table) {
        return code ? code : SQLITE_NOMEM;
    }
    *table = (sqlite3_vtab){0};
    *out_table = table;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table) {
    sqlite3_free(table);
    return SQLITE_OK;
}

/* The list must be given. */
static int best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn == COLUMN_LIST && info->aConstraint[i].usable &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ) {
            info->aConstraintUsage[i].argvIndex = 1;
            info->aConstraintUsage[i].omit = 1;
            return SQLITE_OK;
        }
    }
    return SQLITE_CONSTRAINT;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out_cursor) {
    (void)table;
    struct cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (!cursor) {
        return SQLITE_NOMEM;
    }
    *cursor = (struct cursor){0};
    *out_cursor = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base) {
    sqlite3_free(base);
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *name, int count,
                  sqlite3_value **values) {
    (void)number, (void)name;
    struct cursor *cursor = (struct cursor *)base;
    cursor->list = count == 1 ? sqlite3_value_pointer(values[0], POINTER_TYPE) : NULL;
    cursor->at = 0;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base) {
    ((struct cursor *)base)->at++;
    return SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *base) {
    const struct cursor *cursor = (struct cursor *)base;
    return !cursor->list || cursor->at >= cursor->list->count;
}

static void give_text(sqlite3_context *context, struct berth_str text) {
    sqlite3_result_text64(context, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* A column that is not set is NULL. */
static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int which) {
    const struct cursor *cursor = (struct cursor *)base;
    const struct row_list_row *row = &cursor->list->rows[cursor->at];
    switch (which) {
    case COLUMN_NAME:
        give_text(context, row->name);
        break;
    case COLUMN_TEXT:
        give_text(context, row->text);
        break;
    case COLUMN_NUMBER:
        if (row->has_number) {
            sqlite3_result_double(context, row->number);
        }
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *out_id) {
    *out_id = ((struct cursor *)base)->at;
    return SQLITE_OK;
}

/* Without xCreate: the table is there without being made. */
static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = is_at_end,
    .xColumn = column,
    .xRowid = row_id,
};

int row_list_register(sqlite3 *handle) {
    return sqlite3_create_module_v2(handle, "row_list", &module, NULL, NULL);
}

void row_list_bind(sqlite3_stmt *statement, int at, const struct row_list *list) {
    if (statement) {
        (void)sqlite3_bind_pointer(statement, at, (void *)(uintptr_t)list, POINTER_TYPE, NULL);
    }
}
