/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What searches look at: the rows of a document, made when it is written or with the next refresh,
 * and anew when the mapping of its index is another.
 */
#include "host/store/row_list.h"
#include "host/store/store_internal.h"

#define TEXTS_CHUNK 8192

/* Field rows of a document are inserted together. */
struct row_target {
    struct database *db;
    int64_t document;
    int64_t index;
    int64_t passages;
    struct berth_error *error;
    struct base_arena texts;
    struct row_list fields;
};

static int32_t insert_fields(struct row_target *target) {
    sqlite3_stmt *insert = database_statement(target->db, SQL_FIELD_INSERT);
    row_list_bind(insert, 1, &target->fields);
    database_bind_i64(insert, 2, target->document);
    database_bind_i64(insert, 3, target->index);
    int32_t code = database_run(target->db, insert, target->error);
    target->fields.count = 0;
    base_arena_reset(&target->texts);
    return code;
}

static int32_t add_field(struct row_target *target, const struct mapping_row *row) {
    struct row_list *list = &target->fields;
    int32_t code = list->count == ROW_LIST_MAX ? insert_fields(target) : BERTH_OK;
    struct row_list_row *to = &list->rows[list->count];
    *to = (struct row_list_row){.name = base_arena_dup(&target->texts, row->path),
                                .text = base_arena_dup(&target->texts, row->text),
                                .number = row->number,
                                .has_number = row->has_number};
    if (code || !to->name.ptr || !to->text.ptr) {
        return code ? code : BERTH_E_NO_MEMORY;
    }
    list->count++;
    return BERTH_OK;
}

/* One by one: of a statement with many SQLite may have to take a part back, and then the full-text
 * index writes what it has gathered before each. */
static int32_t insert_passage(struct row_target *target, const struct mapping_row *row) {
    if (target->passages == STORE_PASSAGES_MAX) {
        return BERTH_OK;
    }
    sqlite3_stmt *insert = database_statement(target->db, SQL_PASSAGE_INSERT);
    database_bind_i64(insert, 1, store_passage_row(target->document) + target->passages++);
    database_bind_str(insert, 2, row->text);
    database_bind_str(insert, 3, row->path);
    return database_run(target->db, insert, target->error);
}

static int32_t add_row(void *user, const struct mapping_row *row) {
    return row->is_passage ? insert_passage(user, row) : add_field(user, row);
}

/* One by one for the same reason; a document's passages have numbers without a gap. */
static int32_t delete_passages(struct database *db, int64_t document, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (int64_t i = 0; i < STORE_PASSAGES_MAX && !code; i++) {
        sqlite3_stmt *passage = database_statement(db, SQL_PASSAGE_DELETE);
        database_bind_i64(passage, 1, store_passage_row(document) + i);
        code = database_run(db, passage, error);
        if (!code && sqlite3_changes(db->handle) == 0) {
            break;
        }
    }
    return code;
}

int32_t store_forget_document(struct database *db, int64_t row, struct berth_error *error) {
    sqlite3_stmt *fields = database_statement(db, SQL_FIELD_DELETE);
    database_bind_i64(fields, 1, row);
    int32_t code = database_run(db, fields, error);
    return code ? code : delete_passages(db, row, error);
}

int32_t store_index_document(struct database *db, const struct store_index *index, int64_t row,
                             struct json_value document, struct berth_error *error) {
    struct row_target target;
    target.db = db;
    target.document = row;
    target.index = index->id;
    target.passages = 0;
    target.error = error;
    target.fields.count = 0; /* the rows themselves are set as they are added */
    base_arena_init(&target.texts, TEXTS_CHUNK);
    int32_t code = store_forget_document(db, row, error);
    code = code ? code : mapping_rows(index->mapping, document, add_row, &target);
    code = code ? code : insert_fields(&target);
    base_arena_deinit(&target.texts);
    return code == BERTH_E_NO_MEMORY ? base_error_memory(error) : code;
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
