/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the store share. Internal to host/store.
 */
#ifndef HOST_STORE_STORE_INTERNAL_H
#define HOST_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "host/store/database.h"
#include "host/store/feed.h"
#include "host/store/mapping.h"
#include "host/store/store.h"

/* An index that is known; never freed before the store is closed. */
struct store_index {
    struct berth_str name;
    int64_t id;
    struct berth_str mapping_text; /* as it was declared */
    struct mapping *mapping;
    _Atomic bool used;
    /* Whether the documents have rows for searches: not before the mapping is known, or somebody
     * searches without one. Set under write_lock. */
    _Atomic bool is_indexed;
    /* When searches must see all writes (base_monotonic_ns); 0: they do. Set under write_lock. */
    _Atomic uint64_t refresh_at;
    struct store_index *retired; /* a mapping that was replaced */
};

/* What is to become of one document, while its group is made. */
struct store_change {
    const struct berth_write *write;
    struct store_index *index;
    struct json_doc doc;
    struct berth_write_result result;
    int64_t row;
    int64_t old_seq_no;
    int64_t old_version;
    bool found;
    bool unseen;     /* searches show the old state until the index is refreshed */
    bool is_replica; /* version and seq_no are those of another store, whose conditions held */
    bool is_known;   /* a replica that is here already: nothing is done or told */
};

struct remote;

struct store {
    struct remote *remote; /* NULL: this file is the truth */
    struct log *log;       /* NULL: none */
    struct database *writer;
    pthread_mutex_t write_lock;
    int64_t seq_no; /* the last that was given; under write_lock */
    uint64_t refresh_interval_ns;

    pthread_mutex_t read_lock;
    pthread_cond_t read_wake;
    struct database *free_readers; /* under read_lock */
    uint32_t readers;

    pthread_rwlock_t index_lock;
    struct base_map indices; /* by name; under index_lock */
    struct base_arena arena; /* names; under index_lock for writing */

    struct feed feed;

    _Atomic uint64_t writes;
    _Atomic uint64_t reads;
    _Atomic uint64_t searches;
};

/* How deep a document is nested at most: it is read again within answers of searches and lines of
 * an export. */
#define STORE_DEPTH_MAX (JSON_DEPTH_MAX - 12u)

/* What an index and a document can be called; a slash parts the two in etcd. */
bool store_is_index_name(struct berth_str name);
bool store_is_id(struct berth_str id);

/* Finds the index and reads the document; whether it may be written at all. */
int32_t store_check_write(struct store *store, struct store_change *change,
                          struct berth_error *error);

/*
 * Makes a group of changes in one transaction and tells the watches of it. last_seq_no: the last
 * number that is given away by it; below 0: it stays as it is. On failure nothing has happened.
 */
int32_t store_make_changes(struct store *store, struct store_change *group, uint32_t count,
                           int64_t last_seq_no, struct berth_error *error);

/* What is said when a condition does not hold. */
int32_t store_refuse_create(const struct berth_write *write, struct berth_error *error);
int32_t store_refuse_seq_no(const struct berth_write *write, bool found, int64_t seq_no,
                            struct berth_error *error);

/* In a cluster: waits until this node has what was written anywhere before. NO_MEMORY. */
int32_t store_catch_up(struct store *store, struct berth_error *error);

/* The index, made known where nobody declared it: with the mapping that it had, or without one,
 * and then its documents are not indexed yet. */
int32_t store_adopt_index(struct store *store, struct berth_str name,
                          struct store_index **out_index, struct berth_error *error);

/* A connection for reading, waited for where all are taken. */
struct database *store_take_reader(struct store *store);
void store_give_reader(struct store *store, struct database *db);

/* NULL when no such index is known. */
struct store_index *store_find_index(struct store *store, struct berth_str name);

/* Passages that a document has in the full-text index; more are not found by phrase. */
#define STORE_PASSAGES_MAX ((int64_t)1 << 20)

/* The first row of a document's passages: a document's row is a passage's / STORE_PASSAGES_MAX. */
static inline int64_t store_passage_row(int64_t document) {
    return document * STORE_PASSAGES_MAX;
}

/* Takes the rows that searches look at away. Within a transaction of the writer. */
int32_t store_forget_document(struct database *db, int64_t row, struct berth_error *error);

/* Makes the rows that searches look at, of a document that has none. Within a transaction of the
 * writer. */
int32_t store_index_document(struct database *db, const struct store_index *index, int64_t row,
                             struct json_value document, struct berth_error *error);

/* Makes the rows of all documents by the mapping of the index. Within a transaction of the writer;
 * is_indexed is set, for the caller to take back where that is not committed. */
int32_t store_index_whole(struct store *store, struct store_index *index,
                          struct berth_error *error);

/* Shows searches all writes to an index that is indexed. Within a transaction of the writer;
 * refresh_at is the caller's. */
int32_t store_see_writes(struct store *store, const struct store_index *index,
                         struct berth_error *error);
/* The same as a whole, where refresh_at is not later than now; indexes what is not indexed. */
int32_t store_refresh(struct store *store, const struct store_index *index, uint64_t now,
                      struct berth_error *error);

/* The document that a row holds, copied; NULL without memory. */
struct berth_document *store_document(struct berth_str index, struct berth_str id,
                                      struct berth_str source, uint64_t version, uint64_t seq_no);

#endif
