/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a whole: indices, reading, and the file when it is opened again. @engines
 */
#include "host/store/database.h"
#include "tests/support/fault.h"
#include "tests/support/store.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct berth_index_info info_of(struct store *store, const char *index) {
    struct berth_index_info info = {.size = sizeof info};
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_index_info(store, base_cstr(index), &info, &error), BERTH_OK);
    assert_int_equal(info.size, sizeof info);
    return info;
}

static void an_index_exists_once_it_was_written_to(void **state) {
    struct test_store *t = *state;
    assert_int_equal(info_of(t->store, "a").exists, 0);
    declare_index(t->store, "a", "");
    assert_int_equal(info_of(t->store, "a").exists, 0);
    (void)put(t->store, "a", "1", "{}");
    (void)put(t->store, "a", "2", "{}");
    assert_int_equal(info_of(t->store, "a").exists, 1);
    assert_int_equal(info_of(t->store, "a").document_count, 2);
    (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, "a", "1", ""));
    (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, "a", "2", ""));
    assert_int_equal(info_of(t->store, "a").exists, 1);
    assert_int_equal(info_of(t->store, "a").document_count, 0);
}

static void refuses_names_and_mappings_that_are_none(void **state) {
    struct test_store *t = *state;
    char name[BERTH_INDEX_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    struct berth_index cases[] = {
        {.name = {NULL, 0}},
        {.name = {name, BERTH_INDEX_NAME_MAX + 1}},
        {.name = BERTH_STR_INIT("a"), .mapping = BERTH_STR_INIT("{")},
        {.name = BERTH_STR_INIT("a"),
         .mapping = BERTH_STR_INIT("{\"properties\":{\"x\":{\"type\":\"vector\"}}}")},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(store_declare_index(t->store, &cases[i], &error), BERTH_E_INVALID);
    }
    struct berth_index longest = {.name = {name, BERTH_INDEX_NAME_MAX}};
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_declare_index(t->store, &longest, &error), BERTH_OK);
}

static void tells_that_a_document_is_not_there(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    const struct berth_document *document = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_get(t->store, BERTH_STR("a"), BERTH_STR("1"), &document, &error),
                     BERTH_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "[1] in [a]"));
    assert_null(document);
    store_document_release(NULL);
}

/* Ids and sources are what was written, byte for byte. */
static void keeps_texts_as_they_are(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    static const char *const ids[] = {"1", " ", "a/b", "\xc3\xa9", "'; DROP TABLE doc; --", "%"};
    static const char source[] =
        "{ \"n\" : 1.0e+2,\"big\":123456789012345678901234567890,\"t\":\"\\u00e9\\n\" }";
    for (size_t i = 0; i < BASE_COUNT(ids); i++) {
        (void)put(t->store, "a", ids[i], source);
        assert_source(t->store, "a", ids[i], source);
    }
    assert_int_equal(info_of(t->store, "a").document_count, BASE_COUNT(ids));
    struct berth_write zero = make_write(BERTH_WRITE_PUT, "a", "", "{}");
    zero.id = BERTH_STR("a\0b");
    (void)write_one(t->store, zero);
    assert_source(t->store, "a", "a", "");
}

struct scan {
    uint32_t seen;
    uint32_t stop_after;
    uint64_t versions;
};

static int32_t count_document(void *user, const struct berth_document *document) {
    struct scan *scan = user;
    scan->versions += document->version;
    assert_true(base_str_is(document->index, "a"));
    return ++scan->seen == scan->stop_after;
}

static void scans_all_documents_or_until_told_to_stop(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    struct scan scan = {0};
    assert_int_equal(store_scan(t->store, BERTH_STR("none"), count_document, &scan, &error),
                     BERTH_OK);
    declare_index(t->store, "a", "");
    declare_index(t->store, "b", "");
    for (int i = 0; i < 20; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        (void)put(t->store, i % 2 ? "a" : "b", id, "{}");
    }
    assert_int_equal(store_scan(t->store, BERTH_STR("a"), count_document, &scan, &error), BERTH_OK);
    assert_int_equal(scan.seen, 10);
    assert_int_equal(scan.versions, 10);
    scan = (struct scan){.stop_after = 3};
    assert_int_equal(store_scan(t->store, BERTH_STR("a"), count_document, &scan, &error), BERTH_OK);
    assert_int_equal(scan.seen, 3);
}

static void a_changed_mapping_indexes_anew(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "1", "{\"n\":\"Two words\"}");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"words\"}}}", "1");
    declare_index(t->store, "a", "{\"properties\":{\"n\":{\"type\":\"keyword\"}}}");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"words\"}}}", "");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"Two words\"}}}", "1");
    declare_index(t->store, "a", "{\"properties\":{\"n\":{\"type\":\"secret\"}}}");
    assert_hits(t->store, "a", "{\"query\":{\"exists\":{\"field\":\"n\"}}}", "");
}

/* ---- opened again ---- */

static void what_was_written_is_there_when_opened_again(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "{\"properties\":{\"n\":{\"type\":\"long\"}}}");
    (void)put(t->store, "a", "1", "{\"n\":1}");
    (void)put(t->store, "a", "1", "{\"n\":2}");
    test_store_reopen(t);
    assert_source(t->store, "a", "1", "{\"n\":2}");
    /* Until it is declared the index is not known: its mapping is the plugin's. */
    struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "1", "{\"n\":3}");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(t->store, &write, 1, NULL, &error), BERTH_E_INVALID);
    declare_index(t->store, "a", "{\"properties\":{\"n\":{\"type\":\"long\"}}}");
    assert_int_equal(info_of(t->store, "a").exists, 1);
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":2}}}", "1");
    struct berth_write_result result = write_one(t->store, write);
    assert_int_equal(result.version, 3);
    assert_true(result.seq_no == 2 || test_store_is_replica());
}

/* A write that was acknowledged survives the end of the process, whatever ends it. */
static void an_acknowledged_write_survives_a_kill(void **state) {
    struct test_store *t = *state;
    store_close(t->store);
    t->store = NULL;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        test_store_open(t);
        declare_index(t->store, "a", "");
        (void)put(t->store, "a", "1", "{\"n\":1}");
        (void)!write(ends[1], "x", 1);
        (void)pause();
        _exit(1);
    }
    char byte = 0;
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    test_store_open(t);
    assert_source(t->store, "a", "1", "{\"n\":1}");
}

/* ---- files that are refused ---- */

static void run_sql(const char *folder, const char *sql) {
    char path[TEMP_MAX];
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(temp_path(path, folder, "berth.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void refuses_files_that_it_did_not_write(void **state) {
    struct test_store *t = *state;
    static const struct {
        const char *sql;
        int32_t code;
        const char *said;
    } cases[] = {
        {"PRAGMA application_id = 1", BERTH_E_CORRUPT, "not a document store of Berth"},
        {"PRAGMA application_id = 0", BERTH_E_CORRUPT, "not a document store of Berth"},
        {"PRAGMA application_id = 0x42525448; DELETE FROM state", BERTH_E_CORRUPT,
         "no sequence number"},
        {"PRAGMA user_version = 999", BERTH_E_UNSUPPORTED, "later version of Berth"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        store_close(t->store);
        t->store = NULL;
        run_sql(t->folder, cases[i].sql);
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(test_store_try(t, 0, &error), cases[i].code);
        assert_null(t->store);
        if (!strstr(error.message, cases[i].said) || !strstr(error.message, "berth.db]")) {
            fail_msg("\"%s\" does not say \"%s\" of the file", error.message, cases[i].said);
        }
    }
}

/* The first version had no passages: they are made when the index is declared. */
static void brings_a_file_of_the_first_version_up(void **state) {
    struct test_store *t = *state;
    if (test_store_is_replica()) {
        return; /* there were none then */
    }
    declare_index(t->store, "things", "");
    (void)put(t->store, "things", "1", "{\"name\":\"red house\"}");
    store_close(t->store);
    t->store = NULL;
    run_sql(t->folder, "DROP TABLE passage; DELETE FROM state WHERE name = 'cluster';"
                       "ALTER TABLE idx DROP COLUMN indexed;"
                       "PRAGMA user_version = 1");
    test_store_open(t);
    declare_index(t->store, "things", "{}");
    assert_hits(t->store, "things", "{\"query\":{\"match_phrase\":{\"name\":\"red house\"}}}", "1");
    test_store_reopen(t);
    declare_index(t->store, "things", "{}");
    assert_hits(t->store, "things", "{\"query\":{\"match_phrase\":{\"name\":\"red house\"}}}", "1");
}

static void refuses_a_file_that_is_no_database(void **state) {
    struct test_store *t = *state;
    store_close(t->store);
    t->store = NULL;
    char path[TEMP_MAX];
    char text[4096];
    memset(text, 'x', sizeof text);
    temp_write(temp_path(path, t->folder, "berth.db"), text, sizeof text);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(test_store_try(t, 0, &error), BERTH_E_CORRUPT);
    size_t len = 0;
    unsigned char *bytes = temp_read(path, &len);
    assert_int_equal(len, sizeof text);
    assert_memory_equal(bytes, text, len);
    free(bytes);
}

/* A page in the middle is overwritten: what needs it says so, nothing is made up. */
static void tells_of_a_damaged_page(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    for (int i = 0; i < 200; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        (void)put(t->store, "a", id, "{\"text\":\"a few words, so that pages are filled\"}");
    }
    store_close(t->store);
    t->store = NULL;
    char path[TEMP_MAX];
    size_t len = 0;
    unsigned char *bytes = temp_read(temp_path(path, t->folder, "berth.db"), &len);
    assert_true(len > 40960);
    memset(bytes + 4096, 0xa5, len - 4096);
    temp_write(path, bytes, len);
    free(bytes);
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = test_store_try(t, 0, &error);
    if (!code) {
        const struct berth_document *document = NULL;
        code = store_get(t->store, BERTH_STR("a"), BERTH_STR("1"), &document, &error);
    }
    assert_int_equal(code, BERTH_E_CORRUPT);
}

static void tells_when_the_directory_is_missing(void **state) {
    struct test_store *t = *state;
    struct store *store = NULL;
    char path[TEMP_MAX];
    struct store_options options = {.data_path = temp_path(path, t->folder, "none"), .readers = 1};
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_open(&options, &store, &error), BERTH_E_IO);
    assert_null(store);
}

/* ---- memory ---- */

static void open_declare_and_read(struct test_store *t) {
    struct berth_error error = BASE_ERROR_INIT;
    const struct berth_document *document = NULL;
    struct berth_index index = {.name = BERTH_STR_INIT("a"),
                                .mapping =
                                    BERTH_STR_INIT("{\"properties\":{\"n\":{\"type\":\"long\"}}}")};
    int32_t code = test_store_try(t, 0, &error);
    code = code ? code : store_declare_index(t->store, &index, &error);
    code = code ? code : store_get(t->store, BERTH_STR("a"), BERTH_STR("1"), &document, &error);
    if (code && code != BERTH_E_NO_MEMORY) {
        fail_msg("%d: %s", code, error.message);
    }
    store_document_release(document);
    store_close(t->store);
    t->store = NULL;
}

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "1", "{\"n\":1}");
    store_close(t->store);
    t->store = NULL;
    FAULT_EACH_ALLOCATION(open_declare_and_read(t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(an_index_exists_once_it_was_written_to),
        WITH_STORE(refuses_names_and_mappings_that_are_none),
        WITH_STORE(tells_that_a_document_is_not_there),
        WITH_STORE(keeps_texts_as_they_are),
        WITH_STORE(scans_all_documents_or_until_told_to_stop),
        WITH_STORE(a_changed_mapping_indexes_anew),
        WITH_STORE(what_was_written_is_there_when_opened_again),
        WITH_STORE(an_acknowledged_write_survives_a_kill),
        WITH_STORE(refuses_files_that_it_did_not_write),
        WITH_STORE(brings_a_file_of_the_first_version_up),
        WITH_STORE(refuses_a_file_that_is_no_database),
        WITH_STORE(tells_of_a_damaged_page),
        WITH_STORE(tells_when_the_directory_is_missing),
        WITH_STORE(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.store", tests, NULL, NULL);
}
