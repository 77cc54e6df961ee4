/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What searches look at: the rows of a document, made when it is written or with the next refresh,
 * and anew when the mapping of its index is another.
 */
#include "host/store/store_internal.h"

struct row_target {
    struct database *db;
    int64_t document;
    int64_t index;
    int64_t passages;
    struct berth_error *error;
};

static int32_t insert_row(void *user, const struct mapping_row *row) {
    struct row_target *target = user;
    if (row->is_passage) {
        if (target->passages == STORE_PASSAGES_MAX) {
            return BERTH_OK;
        }
        sqlite3_stmt *insert = database_statement(target->db, SQL_PASSAGE_INSERT);
        database_bind_i64(insert, 1, store_passage_row(target->document) + target->passages++);
        database_bind_str(insert, 2, row->text);
        database_bind_str(insert, 3, row->path);
        return database_run(target->db, insert, target->error);
    }
    sqlite3_stmt *insert = database_statement(target->db, SQL_FIELD_INSERT);
    database_bind_i64(insert, 1, target->document);
    database_bind_i64(insert, 2, target->index);
    database_bind_str(insert, 3, row->path);
    database_bind_str(insert, 4, row->text);
    if (row->has_number) {
        database_bind_f64(insert, 5, row->number);
    }
    return database_run(target->db, insert, target->error);
}

int32_t store_forget_document(struct database *db, int64_t row, struct berth_error *error) {
    sqlite3_stmt *fields = database_statement(db, SQL_FIELD_DELETE);
    database_bind_i64(fields, 1, row);
    int32_t code = database_run(db, fields, error);
    if (code) {
        return code;
    }
    sqlite3_stmt *passages = database_statement(db, SQL_PASSAGE_DELETE);
    database_bind_i64(passages, 1, store_passage_row(row));
    database_bind_i64(passages, 2, store_passage_row(row + 1) - 1);
    return database_run(db, passages, error);
}

int32_t store_index_document(struct database *db, const struct store_index *index, int64_t row,
                             struct json_value document, struct berth_error *error) {
    struct row_target target = {.db = db, .document = row, .index = index->id, .error = error};
    int32_t code = store_forget_document(db, row, error);
    if (!code) {
        code = mapping_rows(index->mapping, document, insert_row, &target);
        if (code == BERTH_E_NO_MEMORY) {
            return base_error_memory(error);
        }
    }
    return code;
}

/* A document that was read while another statement runs on the same connection. */
struct pending_row {
    struct pending_row *next;
    int64_t row;
    struct berth_str source;
};

int32_t store_index_anew(struct store *store, const struct store_index *index, enum statement which,
                         struct berth_error *error) {
    struct base_arena arena;
    base_arena_init(&arena, 65536);
    struct pending_row *rows = NULL;
    sqlite3_stmt *scan = database_statement(store->writer, which);
    database_bind_i64(scan, 1, index->id);
    int32_t code = 0;
    while ((code = database_step(store->writer, scan, error)) == 1) {
        struct pending_row *row = base_arena_alloc(&arena, sizeof *row);
        struct berth_str source =
            row ? base_arena_dup(&arena, database_str(scan, 1)) : base_str(NULL, 0);
        if (!source.ptr) {
            code = base_error_memory(error);
            break;
        }
        *row = (struct pending_row){.next = rows, .row = database_i64(scan, 4), .source = source};
        rows = row;
    }
    (void)sqlite3_reset(scan);
    JSON_DOC_AUTO doc = {0};
    for (struct pending_row *row = rows; row && !code; row = row->next) {
        struct json_error fault;
        if (!json_parse(&doc, row->source, 0, &fault)) {
            code = json_refuse(&fault, BERTH_E_CORRUPT, "a stored document", error);
        } else {
            code = store_index_document(store->writer, index, row->row, json_root(&doc), error);
        }
    }
    base_arena_deinit(&arena);
    if (!code) {
        sqlite3_stmt *see = database_statement(store->writer, SQL_DOC_SEE);
        database_bind_i64(see, 1, index->id);
        code = database_run(store->writer, see, error);
    }
    return code;
}

int32_t store_see_writes(struct store *store, const struct store_index *index,
                         struct berth_error *error) {
    return store_index_anew(store, index, SQL_DOC_SCAN_UNSEEN, error);
}

int32_t store_refresh(struct store *store, struct store_index *index, uint64_t now,
                      struct berth_error *error) {
    if (index->refresh_at == 0 || index->refresh_at > now) {
        return BERTH_OK;
    }
    struct database *db = store->writer;
    (void)pthread_mutex_lock(&store->write_lock);
    int32_t code = database_run(db, database_statement(db, SQL_BEGIN), error);
    if (!code) {
        code = store_see_writes(store, index, error);
        code = code ? code : database_run(db, database_statement(db, SQL_COMMIT), error);
        if (code) {
            (void)database_run(db, database_statement(db, SQL_ROLLBACK), NULL);
        } else {
            index->refresh_at = 0;
        }
    }
    (void)pthread_mutex_unlock(&store->write_lock);
    return code;
}
