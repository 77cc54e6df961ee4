/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What searches look at: the rows of a document, made when it is written or with the next refresh,
 * and those of a whole index, once its mapping is known.
 */
#include "base/clock.h"
#include "host/base/log.h"
#include "host/store/row_list.h"
#include "host/store/store_internal.h"

#include <stdio.h>

/* An index with fewer documents is indexed without a word in the log. */
#define LOGGED_DOCUMENTS 1000
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
    int32_t code = mapping_rows(index->mapping, document, add_row, &target);
    code = code ? code : insert_fields(&target);
    base_arena_deinit(&target.texts);
    return code == BERTH_E_NO_MEMORY ? base_error_memory(error) : code;
}

static int32_t index_stored(struct database *db, const struct store_index *index, int64_t row,
                            struct berth_str source, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (!json_parse(&doc, source, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_CORRUPT, "a stored document", error);
    }
    int32_t code = index->is_indexed ? store_forget_document(db, row, error) : BERTH_OK;
    return code ? code : store_index_document(db, index, row, json_root(&doc), error);
}

/* Makes the rows of the documents that a scan finds, as it finds them: it reads no table of rows.
 */
static int32_t index_found(struct database *db, const struct store_index *index,
                           enum statement which, struct berth_error *error) {
    sqlite3_stmt *scan = database_statement(db, which);
    database_bind_i64(scan, 1, index->id);
    int32_t code = 0;
    while ((code = database_step(db, scan, error)) == 1) {
        code = index_stored(db, index, database_i64(scan, 0), database_str(scan, 1), error);
        if (code) {
            break;
        }
    }
    (void)sqlite3_reset(scan);
    if (!code) {
        sqlite3_stmt *see = database_statement(db, SQL_DOC_SEE);
        database_bind_i64(see, 1, index->id);
        code = database_run(db, see, error);
    }
    return code;
}

int32_t store_see_writes(struct store *store, const struct store_index *index,
                         struct berth_error *error) {
    return index_found(store->writer, index, SQL_DOC_SCAN_UNSEEN, error);
}

/* ---- a whole index ---- */

static int32_t count_documents(struct database *db, const struct store_index *index,
                               int64_t *out_count, struct berth_error *error) {
    sqlite3_stmt *count = database_statement(db, SQL_INDEX_COUNT);
    database_bind_i64(count, 1, index->id);
    int32_t code = database_step(db, count, error);
    if (code == 1) {
        *out_count = database_i64(count, 0);
        code = BERTH_OK;
    }
    (void)sqlite3_reset(count);
    return code;
}

static void tell(const struct store *store, const struct store_index *index, int64_t documents,
                 uint64_t began) {
    char count[24];
    char ms[24];
    if (!store->log || documents < LOGGED_DOCUMENTS) {
        return;
    }
    (void)snprintf(count, sizeof count, "%lld", (long long)documents);
    (void)snprintf(ms, sizeof ms, "%llu",
                   (unsigned long long)((base_monotonic_ns() - began) / BASE_NS_PER_MS));
    if (!began) {
        LOG(store->log, BERTH_LOG_INFO, "indexing_begins", LOG_FIELD("index", index->name),
            LOG_FIELD("documents", base_cstr(count)));
    } else {
        LOG(store->log, BERTH_LOG_INFO, "indexing_ended", LOG_FIELD("index", index->name),
            LOG_FIELD("documents", base_cstr(count)), LOG_FIELD("ms", base_cstr(ms)));
    }
}

int32_t store_index_whole(struct store *store, struct store_index *index,
                          struct berth_error *error) {
    struct database *db = store->writer;
    uint64_t began = base_monotonic_ns();
    int64_t documents = 0;
    int32_t code = count_documents(db, index, &documents, error);
    if (code) {
        return code;
    }
    tell(store, index, documents, 0);
    database_keep_pages(db, true);
    code = index_found(db, index, SQL_DOC_SCAN_ROWS, error);
    database_keep_pages(db, false);
    if (!code) {
        sqlite3_stmt *set = database_statement(db, SQL_INDEX_SET_MAPPING);
        database_bind_i64(set, 1, index->id);
        database_bind_str(set, 2, index->mapping_text);
        code = database_run(db, set, error);
    }
    if (!code) {
        index->is_indexed = true;
        tell(store, index, documents, began);
    }
    return code;
}

/* ---- refresh ---- */

static bool is_due(const struct store_index *index, uint64_t now) {
    return !index->is_indexed || (index->refresh_at && index->refresh_at <= now);
}

/* Under write_lock. */
static int32_t refresh(struct store *store, struct store_index *index, struct berth_error *error) {
    struct database *db = store->writer;
    bool was_indexed = index->is_indexed;
    int32_t code = database_run(db, database_statement(db, SQL_BEGIN), error);
    if (code) {
        return code;
    }
    code = was_indexed ? store_see_writes(store, index, error)
                       : store_index_whole(store, index, error);
    code = code ? code : database_run(db, database_statement(db, SQL_COMMIT), error);
    if (code) {
        (void)database_run(db, database_statement(db, SQL_ROLLBACK), NULL);
        index->is_indexed = was_indexed;
        return code;
    }
    index->refresh_at = 0;
    return BERTH_OK;
}

int32_t store_refresh(struct store *store, const struct store_index *known, uint64_t now,
                      struct berth_error *error) {
    if (!is_due(known, now)) {
        return BERTH_OK;
    }
    (void)pthread_mutex_lock(&store->write_lock);
    struct store_index *index = store_find_index(store, known->name); /* declared meanwhile? */
    int32_t code = is_due(index, now) ? refresh(store, index, error) : BERTH_OK;
    (void)pthread_mutex_unlock(&store->write_lock);
    return code;
}
