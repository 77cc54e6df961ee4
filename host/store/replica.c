/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replica: what the watch of etcd brings is made in the file, in the same order, and told to
 * the watches of the store. On the watch's thread.
 */
#include "host/store/remote_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* A key in parts; false for one that is no document's. */
static bool split_key(const struct remote *remote, struct berth_str key, struct berth_str *index,
                      struct berth_str *id) {
    struct berth_str name = base_str_from(key, remote->prefix_len);
    uint64_t slash = base_str_find(name, '/');
    if (key.len <= remote->prefix_len || slash >= name.len) {
        return false;
    }
    *index = base_str_slice(name, 0, slash);
    *id = base_str_from(name, slash + 1);
    return index->len > 0 && id->len > 0;
}

struct batch {
    struct store_change changes[BERTH_WRITES_MAX];
    struct berth_write writes[BERTH_WRITES_MAX];
    uint32_t count;
};

static void batch_clear(struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        json_doc_deinit(&batch->changes[i].doc);
    }
    batch->count = 0;
}

/*
 * Adds what a key came to. One that no Berth can have written is left out, and logged: it must not
 * stop all that comes behind it.
 */
static int32_t batch_add(struct remote *remote, struct batch *batch, const struct etcd_pair *pair,
                         struct berth_error *error) {
    struct berth_str index;
    struct berth_str id;
    if (!split_key(remote, pair->key, &index, &id)) {
        return BERTH_OK;
    }
    struct store_change *change = &batch->changes[batch->count];
    struct berth_write *write = &batch->writes[batch->count];
    struct store_index *known = NULL;
    *write = (struct berth_write){
        .size = sizeof *write,
        .op = pair->is_deleted ? BERTH_WRITE_DELETE : BERTH_WRITE_PUT,
        .flags =
            pair->value.len && pair->value.ptr[0] == REMOTE_LATER ? BERTH_WRITE_REFRESH_LATER : 0,
        .index = index,
        .id = id,
        .source = pair->is_deleted ? base_str(NULL, 0) : base_str_from(pair->value, 1)};
    *change = (struct store_change){
        .write = write,
        .is_replica = true,
        .result = {.version = (uint64_t)pair->version, .seq_no = (uint64_t)pair->mod_revision}};
    int32_t code = store_adopt_index(remote->store, index, &known, error);
    code = code ? code : store_check_write(remote->store, change, error);
    if (code == BERTH_E_INVALID || code == BERTH_E_TOO_LARGE) {
        LOG(remote->log, BERTH_LOG_ERROR, "document_not_replicated", LOG_FIELD("index", index),
            LOG_FIELD("id", id), LOG_FIELD("reason", base_cstr(error ? error->message : "")));
        json_doc_deinit(&change->doc);
        return BERTH_OK;
    }
    if (code) {
        json_doc_deinit(&change->doc);
        return code;
    }
    batch->count++;
    return BERTH_OK;
}

static int32_t batch_make(struct remote *remote, struct batch *batch, int64_t revision,
                          struct berth_error *error) {
    int32_t code = store_make_changes(remote->store, batch->changes, batch->count, revision, error);
    batch_clear(batch);
    return code;
}

/* How many of the next changes are of one revision; they are made together. */
static uint32_t same_revision(const struct etcd_pair *changes, uint32_t count) {
    uint32_t n = 1;
    while (n < count && changes[n].mod_revision == changes[0].mod_revision) {
        n++;
    }
    return n;
}

static int32_t add_changes(struct remote *remote, struct batch *batch,
                           const struct etcd_pair *changes, uint32_t count,
                           struct berth_error *error) {
    int32_t code = BERTH_OK;
    int64_t made = remote->applied; /* which this thread alone changes */
    for (uint32_t i = 0; i < count && !code;) {
        uint32_t run = same_revision(changes + i, count - i);
        /* The counter is one key of a run more than there are writes in a group. */
        if (batch->count + run > BERTH_WRITES_MAX + 1 && batch->count > 0) {
            code = batch_make(remote, batch, made, error);
        }
        for (uint32_t k = i; k < i + run && !code; k++) {
            /* Told again after a failure. */
            bool is_made = changes[k].mod_revision <= remote->store->seq_no;
            if (!is_made && batch->count < BERTH_WRITES_MAX) {
                code = batch_add(remote, batch, &changes[k], error);
            }
        }
        made = changes[i].mod_revision;
        i += run;
    }
    return code;
}

static int32_t changed(void *user, const struct etcd_pair *changes, uint32_t count,
                       int64_t revision, struct berth_error *error) {
    struct remote *remote = user;
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return base_error_memory(error);
    }
    int32_t code = add_changes(remote, batch, changes, count, error);
    code = code ? code : batch_make(remote, batch, revision, error);
    batch_clear(batch);
    free(batch);
    if (!code) {
        remote_has_applied(remote, revision);
    }
    return code;
}

/* ---- comparing with all that there is ---- */

static int32_t note_listed(struct remote *remote, const struct batch *batch,
                           struct berth_error *error) {
    struct database *db = remote->store->writer;
    int32_t code = BERTH_OK;
    (void)pthread_mutex_lock(&remote->store->write_lock);
    for (uint32_t i = 0; i < batch->count && !code; i++) {
        sqlite3_stmt *add = database_statement(db, SQL_LISTED_ADD);
        database_bind_i64(add, 1, batch->changes[i].index->id);
        database_bind_str(add, 2, batch->writes[i].id);
        code = database_run(db, add, error);
    }
    (void)pthread_mutex_unlock(&remote->store->write_lock);
    return code;
}

static int32_t forget_listed(struct remote *remote, struct berth_error *error) {
    struct database *db = remote->store->writer;
    (void)pthread_mutex_lock(&remote->store->write_lock);
    int32_t code = database_run(db, database_statement(db, SQL_LISTED_CLEAR), error);
    (void)pthread_mutex_unlock(&remote->store->write_lock);
    return code;
}

/* A batch of deletions of documents that are not there any more; count 0: there are none. */
static int32_t find_missing(struct remote *remote, struct base_arena *arena,
                            struct etcd_pair *pairs, uint32_t *out_count,
                            struct berth_error *error) {
    struct database *db = remote->store->writer;
    uint32_t count = 0;
    (void)pthread_mutex_lock(&remote->store->write_lock);
    sqlite3_stmt *missing = database_statement(db, SQL_LISTED_MISSING);
    database_bind_i64(missing, 1, BERTH_WRITES_MAX);
    int32_t code = 0;
    while ((code = database_step(db, missing, error)) == 1) {
        struct berth_str index = database_str(missing, 0);
        struct berth_str id = database_str(missing, 1);
        size_t len = remote->prefix_len + BASE_LEN(index) + 1 + BASE_LEN(id);
        char *key = base_arena_alloc(arena, len);
        if (!key) {
            code = base_error_memory(error);
            break;
        }
        memcpy(key, remote->prefix, remote->prefix_len);
        memcpy(key + remote->prefix_len, index.ptr, BASE_LEN(index));
        key[remote->prefix_len + index.len] = '/';
        memcpy(key + remote->prefix_len + index.len + 1, id.ptr, BASE_LEN(id));
        pairs[count++] = (struct etcd_pair){.key = base_str(key, len), .is_deleted = true};
    }
    if (missing) {
        (void)sqlite3_reset(missing);
    }
    (void)pthread_mutex_unlock(&remote->store->write_lock);
    *out_count = count;
    return code;
}

static int32_t delete_missing(struct remote *remote, struct batch *batch, int64_t revision,
                              struct berth_error *error) {
    struct etcd_pair pairs[BERTH_WRITES_MAX];
    uint32_t count = 0;
    int32_t code = BERTH_OK;
    do {
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 16384);
        code = find_missing(remote, &arena, pairs, &count, error);
        for (uint32_t i = 0; i < count && !code; i++) {
            pairs[i].mod_revision = revision;
            code = batch_add(remote, batch, &pairs[i], error);
        }
        code = code || !count ? code : batch_make(remote, batch, -1, error);
    } while (!code && count > 0);
    return code;
}

static int32_t make_page(struct remote *remote, struct batch *batch, const struct etcd_pair *pairs,
                         uint32_t count, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < count && !code; i++) {
        code = batch_add(remote, batch, &pairs[i], error);
        if (!code && (batch->count == BERTH_WRITES_MAX || i + 1 == count)) {
            code = note_listed(remote, batch, error);
            code = code || !batch->count ? code : batch_make(remote, batch, -1, error);
        }
    }
    return code;
}

static int32_t listed(void *user, const struct etcd_pair *pairs, uint32_t count, bool is_first,
                      bool is_last, int64_t revision, struct berth_error *error) {
    struct remote *remote = user;
    struct batch *batch = calloc(1, sizeof *batch);
    int32_t code = batch ? BERTH_OK : base_error_memory(error);
    code = code || !is_first ? code : forget_listed(remote, error);
    code = code ? code : make_page(remote, batch, pairs, count, error);
    if (!code && is_last) {
        code = delete_missing(remote, batch, revision, error);
        code = code ? code : batch_make(remote, batch, revision, error);
        code = code ? code : forget_listed(remote, error);
    }
    if (batch) {
        batch_clear(batch);
        free(batch);
    }
    if (!code && is_last) {
        char number[24];
        (void)snprintf(number, sizeof number, "%lld", (long long)revision);
        LOG(remote->log, BERTH_LOG_INFO, "replica_listed",
            LOG_FIELD("revision", base_cstr(number)));
        remote_has_applied(remote, revision);
    }
    return code;
}

const struct etcd_watch_hooks replica_hooks = {.listed = listed, .changed = changed};
