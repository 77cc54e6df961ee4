/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/database.h"

#include "host/store/row_list.h"
#include "host/store/wildcard.h"

#include <stdlib.h>

/* "BRTH": tells this program's files from others. */
#define APPLICATION_ID 0x42525448
/* KiB of pages that a connection keeps. */
#define READER_CACHE_KIB 256
#define WRITER_CACHE_KIB 1024
/* While a whole index is indexed. */
#define INDEXING_CACHE_KIB 32768
#define BUSY_TIMEOUT_MS 10000

/*
 * idx: the indices, whether a document was ever written to one, and whether documents of it have
 * rows for searches, by its mapping.
 * doc: the documents; seen_*: what searches go on to show of one whose new state waits for a
 * refresh, else NULL. field: what searches look at, one row a value (host/store/mapping.h).
 * state: the last sequence number; cluster: the id of the etcd cluster that this file is a replica
 * of, 0 where it is the truth itself. passage: words of texts, for phrases and scores; they are cut
 * already (host/store/words.h), and so its tokenizer only parts them at the spaces.
 *
 * Each step makes a file of the version before into one of the next; a file of a later version is
 * refused. An index whose mapping is taken away is indexed anew when it is declared.
 */
static const char *const schema[] = {
    "CREATE TABLE idx(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, mapping TEXT NOT NULL,"
    " used INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE doc(row INTEGER PRIMARY KEY, idx INTEGER NOT NULL, id TEXT NOT NULL,"
    " source TEXT NOT NULL, version INTEGER NOT NULL, seq_no INTEGER NOT NULL,"
    " seen_source TEXT, seen_version INTEGER, seen_seq_no INTEGER, UNIQUE(idx, id));"
    "CREATE INDEX doc_unseen ON doc(idx) WHERE seen_source IS NOT NULL;"
    "CREATE TABLE field(doc INTEGER NOT NULL, idx INTEGER NOT NULL, name TEXT NOT NULL, text TEXT,"
    " number REAL);"
    "CREATE INDEX field_doc ON field(doc);"
    "CREATE INDEX field_text ON field(idx, name, text);"
    "CREATE INDEX field_number ON field(idx, name, number);"
    "CREATE TABLE state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO state VALUES('seq_no', -1);",
    "CREATE VIRTUAL TABLE passage USING fts5(words, name UNINDEXED,"
    " tokenize = \"ascii tokenchars '_.:,;'''\");"
    "UPDATE idx SET mapping = '';",
    "INSERT INTO state VALUES('cluster', 0);",
    "ALTER TABLE idx ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;"
    "DROP INDEX field_number;"
    "CREATE INDEX field_number ON field(idx, name, number) WHERE number IS NOT NULL;",
};
/* Written into the file. */
#define SCHEMA_VERSION ((int64_t)BASE_COUNT(schema))

/*
 * What a reader keeps while it searches. scored: the documents that the n-th step of a query
 * finds (host/store/query.h); found: those that the whole query finds.
 */
static const char reader_schema[] =
    "CREATE TEMP TABLE scored(step INTEGER NOT NULL, doc INTEGER NOT NULL,"
    " score REAL NOT NULL, PRIMARY KEY(step, doc)) WITHOUT ROWID;"
    "CREATE TEMP TABLE found(row INTEGER PRIMARY KEY, score REAL NOT NULL);";

/* What the writer keeps while a replica is compared with all that its cluster has. */
static const char writer_schema[] =
    "CREATE TEMP TABLE listed(idx INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY(idx, id))"
    " WITHOUT ROWID;";

static const char *const texts[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_INDEX_FIND] = "SELECT id, mapping, used, indexed FROM idx WHERE name = ?1",
    [SQL_INDEX_ADD] = "INSERT INTO idx(name, mapping, indexed) VALUES(?1, ?2, ?3)",
    [SQL_INDEX_SET_MAPPING] = "UPDATE idx SET mapping = ?2, indexed = 1 WHERE id = ?1",
    [SQL_INDEX_MARK_USED] = "UPDATE idx SET used = 1 WHERE id = ?1 AND used = 0",
    [SQL_INDEX_COUNT] = "SELECT count(*) FROM doc WHERE idx = ?1",
    [SQL_DOC_GET] = "SELECT d.source, d.version, d.seq_no FROM doc d JOIN idx i ON d.idx = i.id"
                    " WHERE i.name = ?1 AND d.id = ?2",
    [SQL_DOC_FIND] = "SELECT row, version, seq_no FROM doc WHERE idx = ?1 AND id = ?2",
    [SQL_DOC_INSERT] = "INSERT INTO doc(idx, id, source, version, seq_no)"
                       " VALUES(?1, ?2, ?3, ?5, ?4)",
    [SQL_DOC_UPDATE] = "UPDATE doc SET source = ?2, version = ?3, seq_no = ?4, seen_source = NULL,"
                       " seen_version = NULL, seen_seq_no = NULL WHERE row = ?1",
    [SQL_DOC_UPDATE_UNSEEN] =
        "UPDATE doc SET seen_version = coalesce(seen_version, version),"
        " seen_seq_no = coalesce(seen_seq_no, seq_no), seen_source = coalesce(seen_source, source),"
        " source = ?2, version = ?3, seq_no = ?4 WHERE row = ?1",
    [SQL_DOC_DELETE] = "DELETE FROM doc WHERE row = ?1",
    [SQL_DOC_SCAN] = "SELECT id, source, version, seq_no, row FROM doc WHERE idx = ?1"
                     " ORDER BY row",
    [SQL_DOC_ALL] = "SELECT i.name, d.id, d.source FROM doc d JOIN idx i ON d.idx = i.id"
                    " ORDER BY i.name, d.row",
    /* In the order of the rows without sorting: + keeps it from taking the index of the ids. */
    [SQL_DOC_SCAN_ROWS] = "SELECT row, source FROM doc WHERE +idx = ?1 ORDER BY row",
    [SQL_DOC_SCAN_UNSEEN] = "SELECT row, source FROM doc INDEXED BY doc_unseen"
                            " WHERE idx = ?1 AND seen_source IS NOT NULL",
    [SQL_DOC_SEE] = "UPDATE doc SET seen_source = NULL, seen_version = NULL, seen_seq_no = NULL"
                    " WHERE idx = ?1 AND seen_source IS NOT NULL",
    [SQL_FIELD_DELETE] = "DELETE FROM field WHERE doc = ?1",
    /* OR FAIL: what it inserted before it failed is rolled back with all else, so that it need not
     * keep the pages of before each statement. */
    [SQL_FIELD_INSERT] = "INSERT OR FAIL INTO field(doc, idx, name, text, number)"
                         " SELECT ?2, ?3, name, text, number FROM row_list(?1)",
    [SQL_FIELD_KIND] = "SELECT number IS NOT NULL FROM field WHERE idx = ?1 AND name = ?2 LIMIT 1",
    [SQL_PASSAGE_DELETE] = "DELETE FROM passage WHERE rowid = ?1",
    [SQL_PASSAGE_INSERT] = "INSERT INTO passage(rowid, words, name) VALUES(?1, ?2, ?3)",
    [SQL_SCORED_CLEAR] = "DELETE FROM temp.scored",
    [SQL_SCORED_INSERT] =
        "WITH hit(doc, score) AS MATERIALIZED (SELECT rowid / ?4, -bm25(passage) FROM passage"
        " WHERE passage MATCH ?2 AND (?3 IS NULL OR name = ?3))"
        " INSERT INTO temp.scored SELECT ?1, doc, sum(score) FROM hit GROUP BY doc",
    [SQL_SEQ_GET] = "SELECT value FROM state WHERE name = 'seq_no'",
    [SQL_SEQ_SET] = "UPDATE state SET value = ?1 WHERE name = 'seq_no'",
    [SQL_CLUSTER_GET] = "SELECT value FROM state WHERE name = 'cluster'",
    [SQL_CLUSTER_SET] = "UPDATE state SET value = ?1 WHERE name = 'cluster'",
    [SQL_LISTED_CLEAR] = "DELETE FROM temp.listed",
    [SQL_LISTED_ADD] = "INSERT OR IGNORE INTO temp.listed(idx, id) VALUES(?1, ?2)",
    [SQL_LISTED_MISSING] = "SELECT i.name, d.id FROM doc d JOIN idx i ON d.idx = i.id WHERE NOT"
                           " EXISTS (SELECT 1 FROM temp.listed l WHERE l.idx = d.idx AND"
                           " l.id = d.id) LIMIT ?1",
};

int32_t database_error(struct database *db, struct berth_error *error) {
    int code = sqlite3_extended_errcode(db->handle);
    int32_t meaning = BERTH_E_IO;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return base_error_memory(error);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        meaning = BERTH_E_CORRUPT;
        break;
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        meaning = BERTH_E_UNAVAILABLE;
        break;
    default:
        break;
    }
    return base_error(error, meaning, "the document store failed: %s (SQLite %d)",
                      sqlite3_errmsg(db->handle), code);
}

static int32_t execute(struct database *db, const char *sql, struct berth_error *error) {
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? BERTH_OK
                                                                        : database_error(db, error);
}

static int32_t read_pragma(struct database *db, const char *sql, int64_t *out_value,
                           struct berth_error *error) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        return database_error(db, error);
    }
    int32_t code = database_step(db, statement, error);
    if (code == 1) {
        *out_value = sqlite3_column_int64(statement, 0);
        code = BERTH_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

static int32_t take_steps(struct database *db, int64_t version, struct berth_error *error) {
    char pragmas[128];
    (void)sqlite3_snprintf(sizeof pragmas, pragmas,
                           "PRAGMA application_id = %d; PRAGMA user_version = %lld; COMMIT",
                           APPLICATION_ID, (long long)SCHEMA_VERSION);
    int32_t code = execute(db, "BEGIN IMMEDIATE", error);
    for (int64_t step = version < 0 ? 0 : version; step < SCHEMA_VERSION && !code; step++) {
        code = execute(db, schema[step], error);
    }
    return code ? code : execute(db, pragmas, error);
}

static int32_t make_schema(struct database *db, const char *path, struct berth_error *error) {
    int64_t version = 0;
    int64_t application = 0;
    int32_t code = read_pragma(db, "PRAGMA user_version", &version, error);
    if (!code) {
        code = read_pragma(db, "PRAGMA application_id", &application, error);
    }
    if (code) {
        return code;
    }
    if (application != APPLICATION_ID && (version || application)) {
        return base_error(error, BERTH_E_CORRUPT, "[%s] is not a document store of Berth", path);
    }
    if (version > SCHEMA_VERSION) {
        return base_error(error, BERTH_E_UNSUPPORTED,
                          "[%s] was written by a later version of Berth: its schema is %lld, this "
                          "program's %lld",
                          path, (long long)version, (long long)SCHEMA_VERSION);
    }
    return version == SCHEMA_VERSION ? BERTH_OK : take_steps(db, version, error);
}

static int32_t prepare_writer(struct database *db, struct berth_error *error) {
    int32_t code = execute(db, writer_schema, error);
    return code || row_list_register(db->handle) == SQLITE_OK ? code : database_error(db, error);
}

static int32_t prepare_reader(struct database *db, struct berth_error *error) {
    int32_t code = execute(db, reader_schema, error);
    return code || wildcard_register(db->handle) == SQLITE_OK ? code : database_error(db, error);
}

int32_t database_open(const char *path, bool writer, bool sync_full, struct database **out_db,
                      struct berth_error *error) {
    struct database *db = calloc(1, sizeof *db);
    if (!db) {
        return base_error_memory(error);
    }
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    int opened = sqlite3_open_v2(path, &db->handle, flags, NULL);
    int32_t code = opened == SQLITE_OK ? BERTH_OK
                   : db->handle        ? database_error(db, error)
                                       : base_error_memory(error);
    char pragmas[192];
    (void)sqlite3_snprintf(sizeof pragmas, pragmas,
                           "PRAGMA cache_size = -%d; PRAGMA synchronous = %s;"
                           "PRAGMA temp_store = MEMORY;%s",
                           writer ? WRITER_CACHE_KIB : READER_CACHE_KIB,
                           sync_full ? "FULL" : "NORMAL",
                           writer ? "PRAGMA journal_mode = WAL;" : "");
    if (!code) {
        (void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
        code = execute(db, pragmas, error);
    }
    if (!code) {
        code = writer ? make_schema(db, path, error) : prepare_reader(db, error);
        code = code || !writer ? code : prepare_writer(db, error);
    }
    if (code) {
        database_close(db);
        return code;
    }
    *out_db = db;
    return BERTH_OK;
}

void database_keep_pages(struct database *db, bool many) {
    char pragma[64];
    (void)sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA cache_size = -%d",
                           many ? INDEXING_CACHE_KIB : WRITER_CACHE_KIB);
    (void)sqlite3_exec(db->handle, pragma, NULL, NULL, NULL); /* without it, it takes longer */
}

void database_close(struct database *db) {
    if (db) {
        for (int i = 0; i < SQL_STATEMENTS; i++) {
            (void)sqlite3_finalize(db->statements[i]);
        }
        (void)sqlite3_close_v2(db->handle);
        free(db);
    }
}

sqlite3_stmt *database_statement(struct database *db, enum statement which) {
    if (!db->statements[which]) {
        (void)sqlite3_prepare_v3(db->handle, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                 &db->statements[which], NULL);
    } else {
        (void)sqlite3_reset(db->statements[which]);
        (void)sqlite3_clear_bindings(db->statements[which]);
    }
    return db->statements[which];
}

int32_t database_step(struct database *db, sqlite3_stmt *statement, struct berth_error *error) {
    int code = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
        return 1;
    }
    return code == SQLITE_DONE ? 0 : database_error(db, error);
}

int32_t database_run(struct database *db, sqlite3_stmt *statement, struct berth_error *error) {
    int32_t code = database_step(db, statement, error);
    if (statement) {
        (void)sqlite3_reset(statement);
    }
    return code < 0 ? code : BERTH_OK;
}

void database_bind_str(sqlite3_stmt *statement, int at, struct berth_str text) {
    if (statement) {
        (void)sqlite3_bind_text64(statement, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
                                  SQLITE_UTF8);
    }
}

void database_bind_i64(sqlite3_stmt *statement, int at, int64_t value) {
    if (statement) {
        (void)sqlite3_bind_int64(statement, at, value);
    }
}

void database_bind_f64(sqlite3_stmt *statement, int at, double value) {
    if (statement) {
        (void)sqlite3_bind_double(statement, at, value);
    }
}

void database_bind_null(sqlite3_stmt *statement, int at) {
    if (statement) {
        (void)sqlite3_bind_null(statement, at);
    }
}

struct berth_str database_str(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return base_str(text ? text : "", (size_t)sqlite3_column_bytes(statement, column));
}

int64_t database_i64(sqlite3_stmt *statement, int column) {
    return sqlite3_column_int64(statement, column);
}
