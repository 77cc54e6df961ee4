/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: a group of changes in one transaction, then shown to the watches.
 */
#include "base/clock.h"
#include "host/store/remote.h"
#include "host/store/store_internal.h"

#include <stdlib.h>

/* A document's source, as text. */
#define SOURCE_MAX ((uint64_t)32 << 20)

bool store_is_id(struct berth_str id) {
    return id.len > 0 && id.len <= BERTH_ID_MAX;
}

int32_t store_check_write(struct store *store, struct store_change *p, struct berth_error *error) {
    const struct berth_write *w = p->write;
    p->index = store_find_index(store, w->index);
    if (!p->index) {
        return base_error(error, BERTH_E_INVALID, "the index [" BASE_FMT "] is not declared",
                          BASE_ARG(w->index));
    }
    if (!store_is_id(w->id)) {
        return base_error(error, BERTH_E_INVALID, "an id has 1 to %u bytes", BERTH_ID_MAX);
    }
    if (w->op < BERTH_WRITE_PUT || w->op > BERTH_WRITE_DELETE) {
        return base_error(error, BERTH_E_INVALID, "the write operation %u is unknown", w->op);
    }
    if (w->op == BERTH_WRITE_DELETE) {
        return BERTH_OK;
    }
    if (w->source.len > SOURCE_MAX) {
        return base_error(error, BERTH_E_TOO_LARGE, "a document has at most %llu bytes",
                          (unsigned long long)SOURCE_MAX);
    }
    struct json_error fault;
    if (!json_parse(&p->doc, w->source, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_INVALID, "the document", error);
    }
    if (!json_is(json_root(&p->doc), JSON_OBJECT)) {
        return base_error(error, BERTH_E_INVALID, "a document is a JSON object");
    }
    return p->doc.deepest <= STORE_DEPTH_MAX || p->is_replica
               ? BERTH_OK
               : base_error(error, BERTH_E_INVALID, "a document is nested at most %u deep",
                            STORE_DEPTH_MAX);
}

static int32_t look_up(struct store *store, struct store_change *p, struct berth_error *error) {
    sqlite3_stmt *find = database_statement(store->writer, SQL_DOC_FIND);
    database_bind_i64(find, 1, p->index->id);
    database_bind_str(find, 2, p->write->id);
    int32_t code = database_step(store->writer, find, error);
    p->found = code == 1;
    if (p->found) {
        p->row = database_i64(find, 0);
        p->old_version = database_i64(find, 1);
        p->old_seq_no = database_i64(find, 2);
        code = BERTH_OK;
    }
    if (find) {
        (void)sqlite3_reset(find);
    }
    return code;
}

int32_t store_refuse_create(const struct berth_write *w, struct berth_error *error) {
    return base_error(error, BERTH_E_EXISTS, "[" BASE_FMT "] is in [" BASE_FMT "] already",
                      BASE_ARG(w->id), BASE_ARG(w->index));
}

int32_t store_refuse_seq_no(const struct berth_write *w, bool found, int64_t seq_no,
                            struct berth_error *error) {
    return base_error(error, BERTH_E_CONFLICT,
                      "[" BASE_FMT "] of [" BASE_FMT "] was changed meanwhile: expected "
                      "sequence number %llu, found %s%lld",
                      BASE_ARG(w->id), BASE_ARG(w->index), (unsigned long long)w->if_seq_no,
                      found ? "" : "none, the last was ", (long long)(found ? seq_no : -1));
}

static int32_t check_conditions(const struct store_change *p, struct berth_error *error) {
    const struct berth_write *w = p->write;
    if (w->op == BERTH_WRITE_CREATE && p->found) {
        return store_refuse_create(w, error);
    }
    if (w->flags & BERTH_WRITE_IF_SEQ_NO &&
        (!p->found || (uint64_t)p->old_seq_no != w->if_seq_no)) {
        return store_refuse_seq_no(w, p->found, p->old_seq_no, error);
    }
    return BERTH_OK;
}

static int32_t put_document(struct store *store, struct store_change *p,
                            struct berth_error *error) {
    struct database *db = store->writer;
    p->unseen =
        p->found && p->write->flags & BERTH_WRITE_REFRESH_LATER && store->refresh_interval_ns > 0;
    if (p->unseen && p->index->refresh_at == 0) {
        p->index->refresh_at = base_monotonic_ns() + store->refresh_interval_ns;
    }
    sqlite3_stmt *put = database_statement(db, p->unseen  ? SQL_DOC_UPDATE_UNSEEN
                                               : p->found ? SQL_DOC_UPDATE
                                                          : SQL_DOC_INSERT);
    if (p->found) {
        database_bind_i64(put, 1, p->row);
        database_bind_str(put, 2, p->write->source);
        database_bind_i64(put, 3, (int64_t)p->result.version);
        database_bind_i64(put, 4, (int64_t)p->result.seq_no);
    } else {
        database_bind_i64(put, 1, p->index->id);
        database_bind_str(put, 2, p->write->id);
        database_bind_str(put, 3, p->write->source);
        database_bind_i64(put, 4, (int64_t)p->result.seq_no);
        database_bind_i64(put, 5, (int64_t)p->result.version);
    }
    int32_t code = database_run(db, put, error);
    if (code) {
        return code;
    }
    if (!p->found) {
        p->row = sqlite3_last_insert_rowid(db->handle);
        sqlite3_stmt *mark = database_statement(db, SQL_INDEX_MARK_USED);
        database_bind_i64(mark, 1, p->index->id);
        code = database_run(db, mark, error);
    }
    p->result.result = p->found ? BERTH_WRITE_UPDATED : BERTH_WRITE_CREATED;
    if (code || p->unseen || !p->index->is_indexed) {
        return code;
    }
    code = p->found ? store_forget_document(db, p->row, error) : BERTH_OK;
    return code ? code : store_index_document(db, p->index, p->row, json_root(&p->doc), error);
}

static int32_t delete_document(struct store *store, struct store_change *p,
                               struct berth_error *error) {
    p->result.result = p->found ? BERTH_WRITE_DELETED : BERTH_WRITE_NOT_FOUND;
    if (!p->found) {
        return BERTH_OK;
    }
    int32_t code = store_forget_document(store->writer, p->row, error);
    if (!code) {
        sqlite3_stmt *statement = database_statement(store->writer, SQL_DOC_DELETE);
        database_bind_i64(statement, 1, p->row);
        code = database_run(store->writer, statement, error);
    }
    return code;
}

static int32_t make_write(struct store *store, struct store_change *p, int64_t seq_no,
                          struct berth_error *error) {
    /* Another mapping may have been declared since it was checked. */
    p->index = store_find_index(store, p->write->index);
    int32_t code = look_up(store, p, error);
    if (!code && !p->is_replica) {
        code = check_conditions(p, error);
        p->result.version = p->found ? (uint64_t)p->old_version + 1 : 1;
        p->result.seq_no = (uint64_t)seq_no;
    }
    p->is_known = p->is_replica && p->found && p->old_seq_no == (int64_t)p->result.seq_no &&
                  p->write->op != BERTH_WRITE_DELETE;
    if (code || p->is_known) {
        return code;
    }
    p->result.primary_term = 1;
    return p->write->op == BERTH_WRITE_DELETE ? delete_document(store, p, error)
                                              : put_document(store, p, error);
}

/* A write that is to be seen at once shows all others of its index as well. */
static int32_t see_writes(struct store *store, const struct store_change *group, uint32_t count,
                          struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < count && !code; i++) {
        const struct store_index *index = group[i].index;
        bool is_seen = !group[i].unseen && !group[i].is_known;
        if (is_seen && index->refresh_at && index->is_indexed) {
            code = store_see_writes(store, index, error);
        }
    }
    return code;
}

static int32_t set_seq_no(struct store *store, int64_t seq_no, struct berth_error *error) {
    sqlite3_stmt *set = database_statement(store->writer, SQL_SEQ_SET);
    database_bind_i64(set, 1, seq_no);
    return database_run(store->writer, set, error);
}

/* One transaction. On failure nothing has happened. */
static int32_t make_group(struct store *store, struct store_change *group, uint32_t count,
                          int64_t last_seq_no, struct berth_error *error) {
    struct database *db = store->writer;
    int32_t code = database_run(db, database_statement(db, SQL_BEGIN), error);
    if (code) {
        return code;
    }
    for (uint32_t i = 0; i < count && !code; i++) {
        code = make_write(store, &group[i], last_seq_no - (int64_t)(count - 1 - i), error);
    }
    code = code ? code : see_writes(store, group, count, error);
    code = code || last_seq_no < 0 ? code : set_seq_no(store, last_seq_no, error);
    if (!code) {
        code = database_run(db, database_statement(db, SQL_COMMIT), error);
    }
    if (code) {
        (void)database_run(db, database_statement(db, SQL_ROLLBACK), NULL);
        return code;
    }
    store->seq_no = last_seq_no < 0 ? store->seq_no : last_seq_no;
    store->writes += count;
    for (uint32_t i = 0; i < count; i++) {
        if (group[i].result.result == BERTH_WRITE_CREATED) {
            group[i].index->used = true;
        }
        if (!group[i].unseen && !group[i].is_known) {
            group[i].index->refresh_at = 0;
        }
    }
    return BERTH_OK;
}

static void tell_watches(struct store *store, const struct store_change *group, uint32_t count) {
    struct berth_document documents[BERTH_WRITES_MAX];
    struct berth_change changes[BERTH_WRITES_MAX];
    uint32_t told = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct berth_write *w = group[i].write;
        if (group[i].result.result == BERTH_WRITE_NOT_FOUND || group[i].is_known) {
            continue;
        }
        bool deleted = w->op == BERTH_WRITE_DELETE;
        documents[told] = (struct berth_document){.size = sizeof documents[told],
                                                  .index = w->index,
                                                  .id = w->id,
                                                  .source = w->source,
                                                  .version = group[i].result.version,
                                                  .seq_no = group[i].result.seq_no,
                                                  .primary_term = 1};
        changes[told] = (struct berth_change){.size = sizeof changes[told],
                                              .index = w->index,
                                              .id = w->id,
                                              .document = deleted ? NULL : &documents[told],
                                              .seq_no = group[i].result.seq_no};
        told++;
    }
    feed_tell(&store->feed, changes, told);
}

/*
 * Under write_lock, which it gives up. The feed is taken before the next writer can commit: watches
 * are told in the order of writes.
 */
static int32_t make_and_tell(struct store *store, struct store_change *group, uint32_t count,
                             int64_t last_seq_no, struct berth_error *error) {
    int32_t code = make_group(store, group, count, last_seq_no, error);
    if (code) {
        (void)pthread_mutex_unlock(&store->write_lock);
        return code;
    }
    feed_begin(&store->feed);
    (void)pthread_mutex_unlock(&store->write_lock);
    tell_watches(store, group, count);
    feed_end(&store->feed);
    return BERTH_OK;
}

int32_t store_make_changes(struct store *store, struct store_change *group, uint32_t count,
                           int64_t last_seq_no, struct berth_error *error) {
    (void)pthread_mutex_lock(&store->write_lock);
    return make_and_tell(store, group, count, last_seq_no, error);
}

static int32_t write_here(struct store *store, struct store_change *group, uint32_t count,
                          struct berth_error *error) {
    (void)pthread_mutex_lock(&store->write_lock);
    return make_and_tell(store, group, count, store->seq_no + (int64_t)count, error);
}

/* A group names a document once: what the second is to do after the first is not asked. */
static int32_t check_names(const struct berth_write *writes, uint32_t count,
                           struct berth_error *error) {
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (base_str_eq(writes[i].id, writes[k].id) &&
                base_str_eq(writes[i].index, writes[k].index)) {
                return base_error(error, BERTH_E_INVALID,
                                  "a group writes [" BASE_FMT "] of [" BASE_FMT "] twice",
                                  BASE_ARG(writes[i].id), BASE_ARG(writes[i].index));
            }
        }
    }
    return BERTH_OK;
}

int32_t store_write(struct store *store, const struct berth_write *writes, uint32_t count,
                    struct berth_write_result *out_results, struct berth_error *error) {
    if (feed_is_current()) {
        return base_error(error, BERTH_E_STATE, "a watch of the change feed cannot write");
    }
    if (count == 0 || count > BERTH_WRITES_MAX) {
        return base_error(error, BERTH_E_INVALID, "a group has 1 to %u writes", BERTH_WRITES_MAX);
    }
    int32_t code = check_names(writes, count, error);
    if (code) {
        return code;
    }
    struct store_change *group = calloc(count, sizeof *group);
    code = group ? BERTH_OK : base_error_memory(error);
    for (uint32_t i = 0; i < count && !code; i++) {
        group[i].write = &writes[i];
        code = store_check_write(store, &group[i], error);
    }
    if (!code) {
        code = store->remote ? remote_write(store->remote, group, count, error)
                             : write_here(store, group, count, error);
    }
    for (uint32_t i = 0; group && i < count; i++) {
        if (!code && out_results) {
            group[i].result.size = out_results[i].size;
            out_results[i] = group[i].result;
        }
        json_doc_deinit(&group[i].doc);
    }
    free(group);
    return code;
}
