/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, indices and reading. Writing is in write.c, what searches look at in indexing.c,
 * searching in search.c.
 */
#include "host/store/store.h"

#include "base/clock.h"
#include "host/store/remote.h"
#include "host/store/store_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 1024

static int32_t open_connections(struct store *store, const struct store_options *options,
                                struct berth_error *error) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/berth.db", options->data_path);
    int32_t code = database_open(path, true, options->sync_full, &store->writer, error);
    if (code) {
        return code;
    }
    sqlite3_stmt *get = database_statement(store->writer, SQL_SEQ_GET);
    code = database_step(store->writer, get, error);
    if (code != 1) {
        return code < 0 ? code
                        : base_error(error, BERTH_E_CORRUPT, "[%s] has no sequence number", path);
    }
    store->seq_no = database_i64(get, 0);
    (void)sqlite3_reset(get);
    for (; store->readers < options->readers; store->readers++) {
        struct database *reader = NULL;
        code = database_open(path, false, options->sync_full, &reader, error);
        if (code) {
            return code;
        }
        reader->next = store->free_readers;
        store->free_readers = reader;
    }
    return BERTH_OK;
}

int32_t store_open(const struct store_options *options, struct store **out_store,
                   struct berth_error *error) {
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        return base_error_memory(error);
    }
    (void)pthread_mutex_init(&store->write_lock, NULL);
    (void)pthread_mutex_init(&store->read_lock, NULL);
    (void)pthread_cond_init(&store->read_wake, NULL);
    (void)pthread_rwlock_init(&store->index_lock, NULL);
    base_arena_init(&store->arena, ARENA_CHUNK);
    feed_init(&store->feed);
    store->log = options->log;
    store->refresh_interval_ns = options->refresh_interval_ms * BASE_NS_PER_MS;
    int32_t code = open_connections(store, options, error);
    code = code ? code : remote_check_file(store, options, error);
    code = code || !options->etcd ? code : remote_open(store, options, &store->remote, error);
    if (code) {
        store_close(store);
        return code;
    }
    *out_store = store;
    return BERTH_OK;
}

void store_close(struct store *store) {
    if (!store) {
        return;
    }
    remote_close(store->remote);
    while (store->free_readers) {
        struct database *next = store->free_readers->next;
        database_close(store->free_readers);
        store->free_readers = next;
    }
    database_close(store->writer);
    size_t cursor = 0;
    struct store_index *index;
    while ((index = base_map_next(&store->indices, &cursor))) {
        while (index) {
            struct store_index *retired = index->retired;
            mapping_destroy(index->mapping);
            free(index);
            index = retired;
        }
    }
    base_map_deinit(&store->indices);
    base_arena_deinit(&store->arena);
    feed_deinit(&store->feed);
    (void)pthread_rwlock_destroy(&store->index_lock);
    (void)pthread_cond_destroy(&store->read_wake);
    (void)pthread_mutex_destroy(&store->read_lock);
    (void)pthread_mutex_destroy(&store->write_lock);
    free(store);
}

int32_t store_catch_up(struct store *store, struct berth_error *error) {
    return store->remote ? remote_catch_up(store->remote, error) : BERTH_OK;
}

void store_await(struct store *store, struct store_waiter *waiter) {
    if (store->remote) {
        remote_await(store->remote, waiter);
    } else {
        waiter->fn(waiter);
    }
}

void store_stop_waiting(struct store *store) {
    if (store && store->remote) {
        remote_stop_waiting(store->remote);
    }
}

struct database *store_take_reader(struct store *store) {
    (void)pthread_mutex_lock(&store->read_lock);
    while (!store->free_readers) {
        (void)pthread_cond_wait(&store->read_wake, &store->read_lock);
    }
    struct database *db = store->free_readers;
    store->free_readers = db->next;
    (void)pthread_mutex_unlock(&store->read_lock);
    return db;
}

void store_give_reader(struct store *store, struct database *db) {
    (void)pthread_mutex_lock(&store->read_lock);
    db->next = store->free_readers;
    store->free_readers = db;
    (void)pthread_cond_signal(&store->read_wake);
    (void)pthread_mutex_unlock(&store->read_lock);
}

/* ---- indices ---- */

struct store_index *store_find_index(struct store *store, struct berth_str name) {
    (void)pthread_rwlock_rdlock(&store->index_lock);
    struct store_index *index = base_map_get(&store->indices, name);
    (void)pthread_rwlock_unlock(&store->index_lock);
    return index;
}

/* Finds or adds the index in the file; what its rows are not made by has its documents indexed. */
static int32_t record_index(struct store *store, struct store_index *index, bool is_adopted,
                            struct berth_error *error) {
    struct database *db = store->writer;
    sqlite3_stmt *find = database_statement(db, SQL_INDEX_FIND);
    database_bind_str(find, 1, index->name);
    int32_t found = database_step(db, find, error);
    if (found == 1) {
        index->id = database_i64(find, 0);
        index->used = database_i64(find, 2) != 0;
        index->is_indexed = database_i64(find, 3) != 0;
        index->refresh_at = 1; /* what an earlier process left unseen is seen by the first search */
        bool same = base_str_eq(database_str(find, 1), index->mapping_text);
        (void)sqlite3_reset(find);
        return is_adopted || (same && index->is_indexed) ? BERTH_OK
                                                         : store_index_whole(store, index, error);
    }
    (void)sqlite3_reset(find);
    if (found < 0) {
        return found;
    }
    sqlite3_stmt *add = database_statement(db, SQL_INDEX_ADD);
    database_bind_str(add, 1, index->name);
    database_bind_str(add, 2, index->mapping_text);
    database_bind_i64(add, 3, !is_adopted);
    int32_t code = database_run(db, add, error);
    index->id = sqlite3_last_insert_rowid(db->handle);
    index->is_indexed = !is_adopted;
    return code;
}

static int32_t declare_locked(struct store *store, struct store_index *index, bool is_adopted,
                              struct berth_error *error) {
    struct database *db = store->writer;
    int32_t code = database_run(db, database_statement(db, SQL_BEGIN), error);
    if (code) {
        return code;
    }
    code = record_index(store, index, is_adopted, error);
    if (!code) {
        code = database_run(db, database_statement(db, SQL_COMMIT), error);
    }
    if (code) {
        (void)database_run(db, database_statement(db, SQL_ROLLBACK), NULL);
        return code;
    }
    (void)pthread_rwlock_wrlock(&store->index_lock);
    index->retired = base_map_get(&store->indices, index->name);
    bool ok = base_map_set(&store->indices, index->name, index);
    (void)pthread_rwlock_unlock(&store->index_lock);
    return ok ? BERTH_OK : base_error_memory(error);
}

/*
 * is_adopted: nobody declared it. One that was declared meanwhile stays, and where the file has no
 * mapping for it its documents wait for one.
 */
static int32_t declare(struct store *store, const struct berth_index *declared, bool is_adopted,
                       struct berth_error *error) {
    struct store_index *index = calloc(1, sizeof *index);
    if (!index) {
        return base_error_memory(error);
    }
    int32_t code = mapping_create(declared->mapping, &index->mapping, error);
    (void)pthread_mutex_lock(&store->write_lock);
    bool is_known = is_adopted && store_find_index(store, declared->name);
    if (!code && !is_known) {
        index->name = base_arena_dup(&store->arena, declared->name);
        index->mapping_text = base_arena_dup(&store->arena, declared->mapping);
        bool has_texts = index->name.ptr && index->mapping_text.ptr;
        code =
            has_texts ? declare_locked(store, index, is_adopted, error) : base_error_memory(error);
    }
    (void)pthread_mutex_unlock(&store->write_lock);
    if (code || is_known) {
        mapping_destroy(index->mapping);
        free(index);
    }
    return code;
}

bool store_is_index_name(struct berth_str name) {
    return name.len > 0 && name.len <= BERTH_INDEX_NAME_MAX && base_str_find(name, '/') == name.len;
}

int32_t store_declare_index(struct store *store, const struct berth_index *declared,
                            struct berth_error *error) {
    if (!store_is_index_name(declared->name)) {
        return base_error(error, BERTH_E_INVALID, "an index's name has 1 to %u bytes and no slash",
                          BERTH_INDEX_NAME_MAX);
    }
    const struct store_index *known = store_find_index(store, declared->name);
    if (known && known->is_indexed && base_str_eq(known->mapping_text, declared->mapping)) {
        return BERTH_OK; /* by an earlier generation of the plugin */
    }
    return declare(store, declared, false, error);
}

/* The mapping that the file has for an index; {"", 0} where it has none. */
static int32_t find_mapping(struct store *store, struct berth_str name, struct base_buf *out,
                            struct berth_error *error) {
    (void)pthread_mutex_lock(&store->write_lock);
    sqlite3_stmt *find = database_statement(store->writer, SQL_INDEX_FIND);
    database_bind_str(find, 1, name);
    int32_t found = database_step(store->writer, find, error);
    if (found == 1) {
        base_buf_str(out, database_str(find, 1));
    }
    if (find) {
        (void)sqlite3_reset(find);
    }
    (void)pthread_mutex_unlock(&store->write_lock);
    return found < 0 ? found : out->error ? base_error_memory(error) : BERTH_OK;
}

int32_t store_adopt_index(struct store *store, struct berth_str name,
                          struct store_index **out_index, struct berth_error *error) {
    *out_index = store_find_index(store, name);
    if (*out_index) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO mapping;
    base_buf_init(&mapping, BASE_BUF_MAX_DEFAULT);
    int32_t code = find_mapping(store, name, &mapping, error);
    struct berth_index index = {
        .size = sizeof index, .name = name, .mapping = base_buf_view(&mapping)};
    code = code ? code : declare(store, &index, true, error);
    *out_index = store_find_index(store, name);
    return code;
}

int32_t store_index_info(struct store *store, struct berth_str name,
                         struct berth_index_info *out_info, struct berth_error *error) {
    int32_t code = store_catch_up(store, error);
    struct store_index *index = store_find_index(store, name);
    *out_info = (struct berth_index_info){.size = out_info->size};
    if (code || !index || !index->used) {
        return code;
    }
    struct database *db = store_take_reader(store);
    sqlite3_stmt *count = database_statement(db, SQL_INDEX_COUNT);
    database_bind_i64(count, 1, index->id);
    code = database_step(db, count, error);
    if (code == 1) {
        out_info->exists = 1;
        out_info->document_count = (uint64_t)database_i64(count, 0);
        code = BERTH_OK;
    }
    (void)sqlite3_reset(count);
    store_give_reader(store, db);
    return code;
}

/* ---- reading ---- */

struct berth_document *store_document(struct berth_str index, struct berth_str id,
                                      struct berth_str source, uint64_t version, uint64_t seq_no) {
    size_t bytes = BASE_LEN(index) + BASE_LEN(id) + BASE_LEN(source) + 3;
    struct berth_document *document = malloc(sizeof *document + bytes);
    if (!document) {
        return NULL;
    }
    struct berth_str from[] = {index, id, source};
    struct berth_str to[3];
    char *at = (char *)(document + 1);
    for (size_t i = 0; i < BASE_COUNT(from); i++) {
        if (from[i].len) {
            memcpy(at, from[i].ptr, BASE_LEN(from[i]));
        }
        at[from[i].len] = '\0';
        to[i] = base_str(at, BASE_LEN(from[i]));
        at += from[i].len + 1;
    }
    *document = (struct berth_document){.size = sizeof *document,
                                        .index = to[0],
                                        .id = to[1],
                                        .source = to[2],
                                        .version = version,
                                        .seq_no = seq_no,
                                        .primary_term = 1};
    return document;
}

int32_t store_get(struct store *store, struct berth_str index, struct berth_str id,
                  const struct berth_document **out_document, struct berth_error *error) {
    int32_t code = store_catch_up(store, error);
    if (code) {
        return code;
    }
    struct database *db = store_take_reader(store);
    sqlite3_stmt *get = database_statement(db, SQL_DOC_GET);
    database_bind_str(get, 1, index);
    database_bind_str(get, 2, id);
    code = database_step(db, get, error);
    if (code == 1) {
        struct berth_document *document =
            store_document(index, id, database_str(get, 0), (uint64_t)database_i64(get, 1),
                           (uint64_t)database_i64(get, 2));
        code = document ? BERTH_OK : base_error_memory(error);
        *out_document = document ? document : *out_document;
    } else if (code == 0) {
        code = base_error(error, BERTH_E_NOT_FOUND,
                          "there is no document [" BASE_FMT "] in [" BASE_FMT "]", BASE_ARG(id),
                          BASE_ARG(index));
    }
    if (get) {
        (void)sqlite3_reset(get);
    }
    store_give_reader(store, db);
    store->reads++;
    return code;
}

void store_document_release(const struct berth_document *document) {
    free((void *)(uintptr_t)document);
}

int32_t store_scan(struct store *store, struct berth_str index, berth_scan_fn fn, void *user,
                   struct berth_error *error) {
    int32_t code = store_catch_up(store, error);
    const struct store_index *known = store_find_index(store, index);
    if (code || !known) {
        return code;
    }
    struct database *db = store_take_reader(store);
    sqlite3_stmt *scan = database_statement(db, SQL_DOC_SCAN);
    database_bind_i64(scan, 1, known->id);
    bool go_on = true;
    while (go_on && (code = database_step(db, scan, error)) == 1) {
        struct berth_document document = {.size = sizeof document,
                                          .index = index,
                                          .id = database_str(scan, 0),
                                          .source = database_str(scan, 1),
                                          .version = (uint64_t)database_i64(scan, 2),
                                          .seq_no = (uint64_t)database_i64(scan, 3),
                                          .primary_term = 1};
        go_on = fn(user, &document) == 0;
    }
    if (scan) {
        (void)sqlite3_reset(scan);
    }
    store_give_reader(store, db);
    return code < 0 ? code : BERTH_OK;
}

int32_t store_watch(struct store *store, const char *owner, struct berth_str index,
                    berth_watch_fn fn, void *user, struct berth_error *error) {
    return feed_add(&store->feed, owner, index, fn, user, error);
}

void store_unwatch(struct store *store, const char *owner) {
    feed_remove(&store->feed, owner);
}

void store_stats(struct store *store, struct store_stats *out_stats) {
    (void)pthread_mutex_lock(&store->write_lock);
    uint64_t last = (uint64_t)(store->seq_no + 1);
    (void)pthread_mutex_unlock(&store->write_lock);
    *out_stats = (struct store_stats){.writes = store->writes,
                                      .reads = store->reads,
                                      .searches = store->searches,
                                      .last_seq_no = last,
                                      .is_replica = store->remote,
                                      .is_stale = store->remote && remote_is_stale(store->remote)};
}
