/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What searches look at: when the rows of documents are made, and by which mapping. @threads
 * @engines
 */
#include "host/store/store_internal.h"
#include "host/store/transfer.h"
#include "tests/support/fault.h"
#include "tests/support/store.h"

#define KEYWORD "{\"properties\":{\"n\":{\"type\":\"keyword\"},\"s\":{\"type\":\"secret\"}}}"

static struct store_index *adopt(struct test_store *t, const char *name) {
    struct store_index *index = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_adopt_index(t->store, base_cstr(name), &index, &error), BERTH_OK);
    return index;
}

static void run_sql(struct test_store *t, const char *sql, int64_t *out_value) {
    char path[TEMP_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(temp_path(path, t->folder, "berth.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int stepped = sqlite3_step(statement);
    assert_int_equal(stepped, out_value ? SQLITE_ROW : SQLITE_DONE);
    if (out_value) {
        *out_value = sqlite3_column_int64(statement, 0);
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Rows that searches look at, of all documents. */
static int64_t count_rows(struct test_store *t) {
    int64_t rows = 0;
    run_sql(t, "SELECT (SELECT count(*) FROM field) + (SELECT count(*) FROM passage)", &rows);
    return rows;
}

static void documents_wait_until_their_index_is_declared(void **state) {
    struct test_store *t = *state;
    (void)adopt(t, "a");
    (void)put(t->store, "a", "1", "{\"n\":\"Two words\",\"s\":\"x\"}");
    (void)put(t->store, "a", "2", "{\"n\":\"gone\"}");
    (void)put(t->store, "a", "3", "{\"n\":\"before\"}");
    (void)put(t->store, "a", "3", "{\"n\":\"after\"}");
    (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, "a", "2", ""));
    assert_int_equal(count_rows(t), 0);
    assert_source(t->store, "a", "3", "{\"n\":\"after\"}");
    declare_index(t->store, "a", KEYWORD);
    assert_int_equal(count_rows(t), 2);
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"Two words\"}}}", "1");
    assert_hits(t->store, "a", "{\"query\":{\"terms\":{\"n\":[\"before\",\"after\",\"gone\"]}}}",
                "3");
    (void)put(t->store, "a", "4", "{\"n\":\"new\"}");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"new\"}}}", "4");
}

/* Also where it is declared without fields, which is how it was adopted. */
static void they_wait_across_a_restart(void **state) {
    static const char *const mappings[] = {"", KEYWORD};
    struct test_store *t = *state;
    for (size_t i = 0; i < BASE_COUNT(mappings); i++) {
        const char *name = i ? "b" : "a";
        (void)adopt(t, name);
        (void)put(t->store, name, "1", "{\"n\":\"word\"}");
        test_store_reopen(t);
        (void)adopt(t, name);
        (void)put(t->store, name, "2", "{\"n\":\"word\"}");
        int64_t before = count_rows(t);
        declare_index(t->store, name, mappings[i]);
        assert_true(count_rows(t) > before);
        assert_hits(t->store, name, "{\"query\":{\"term\":{\"n\":\"word\"}}}", "1 2");
        test_store_reopen(t);
        declare_index(t->store, name, mappings[i]);
        assert_hits(t->store, name, "{\"query\":{\"term\":{\"n\":\"word\"}}}", "1 2");
    }
}

/* Then by no mapping, and by the right one when it is declared after all. */
static void a_search_does_not_wait_for_a_mapping(void **state) {
    struct test_store *t = *state;
    (void)adopt(t, "a");
    (void)put(t->store, "a", "1", "{\"n\":\"Two words\"}");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"words\"}}}", "1");
    (void)put(t->store, "a", "2", "{\"n\":\"more words\"}");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"words\"}}}", "1 2");
    declare_index(t->store, "a", KEYWORD);
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"words\"}}}", "");
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"Two words\"}}}", "1");
}

/* A mapping that the file has is that of an earlier process: there is nothing to wait for. */
static void an_index_that_was_declared_before_does_not_wait(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", KEYWORD);
    (void)put(t->store, "a", "1", "{\"n\":\"x\"}");
    test_store_reopen(t);
    assert_true(adopt(t, "a")->is_indexed);
    (void)put(t->store, "a", "2", "{\"n\":\"x\",\"s\":\"y\"}");
    assert_int_equal(count_rows(t), 2);
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"x\"}}}", "1 2");
}

/* A write that was checked before the index was declared is made by the mapping of after. */
static void a_write_under_way_is_indexed_by_the_mapping_of_now(void **state) {
    struct test_store *t = *state;
    struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "1", "{\"n\":\"Two words\"}");
    struct store_change change = {.write = &write};
    struct berth_error error = BASE_ERROR_INIT;
    (void)adopt(t, "a");
    assert_int_equal(store_check_write(t->store, &change, &error), BERTH_OK);
    declare_index(t->store, "a", KEYWORD);
    assert_int_equal(store_make_changes(t->store, &change, 1, 0, &error), BERTH_OK);
    json_doc_deinit(&change.doc);
    assert_int_equal(count_rows(t), 1);
}

/* Likewise a search that looked its index up before. */
static void a_search_under_way_takes_no_rows_back(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    struct store_index *before = adopt(t, "a");
    (void)put(t->store, "a", "1", "{\"n\":\"Two words\"}");
    declare_index(t->store, "a", KEYWORD);
    assert_false(before->is_indexed);
    assert_int_equal(store_refresh(t->store, before, UINT64_MAX, &error), BERTH_OK);
    assert_int_equal(count_rows(t), 1);
}

static void a_document_may_have_many_rows(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO source;
    base_buf_init(&source, 65536);
    declare_index(t->store, "a", "");
    base_buf_cstr(&source, "{\"n\":[");
    for (int i = 0; i < 1000; i++) {
        base_buf_format(&source, "%s\"w%d %d\"", i ? "," : "", i, i);
    }
    base_buf_cstr(&source, "]}");
    base_buf_char(&source, '\0');
    (void)put(t->store, "a", "1", source.ptr);
    assert_int_equal(count_rows(t), 4000); /* two words, a keyword and a passage of each */
    for (int i = 0; i < 1000; i += 37) {
        char query[128];
        (void)snprintf(query, sizeof query, "{\"query\":{\"match_phrase\":{\"n\":\"w%d %d\"}}}", i,
                       i);
        assert_hits(t->store, "a", query, "1");
    }
    (void)put(t->store, "a", "1", "{}");
    assert_int_equal(count_rows(t), 0);
}

/* What could not be indexed is not taken for indexed. */
static void a_failure_leaves_the_documents_waiting(void **state) {
    struct test_store *t = *state;
    struct berth_index index = {.name = BERTH_STR_INIT("a"), .mapping = BERTH_STR_INIT(KEYWORD)};
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    (void)adopt(t, "a");
    (void)put(t->store, "a", "1", "{\"n\":\"x\"}");
    (void)put(t->store, "a", "2", "{\"n\":\"x\"}");
    run_sql(t, "UPDATE doc SET source = '{' WHERE id = '2'", NULL);
    assert_int_equal(store_declare_index(t->store, &index, &error), BERTH_E_CORRUPT);
    assert_int_equal(search(t->store, "a", "{}", NULL, 0, &answer, &error), BERTH_E_CORRUPT);
    assert_int_equal(count_rows(t), 0);
    run_sql(t, "UPDATE doc SET source = '{\"n\":\"x\"}' WHERE id = '2'", NULL);
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"x\"}}}", "1 2");
    assert_int_equal(store_declare_index(t->store, &index, &error), BERTH_OK);
    assert_int_equal(count_rows(t), 2);
}

#define MANY 1100

/* Imports, and keeps what the log says of it. */
static void what_takes_long_is_told(void **state) {
    struct test_store *t = *state;
    char path[TEMP_MAX];
    struct log said = t->log;
    BASE_BUF_AUTO lines;
    base_buf_init(&lines, (size_t)1 << 20);
    base_buf_cstr(&lines, "{\"berth_documents\":1}\n");
    for (int i = 0; i < MANY; i++) {
        base_buf_format(
            &lines, "{\"index\":\"a\",\"id\":\"%d\",\"source\":{\"n\":\"x\",\"at\":%d}}\n", i, i);
    }
    store_close(t->store);
    t->store = NULL;
    t->log.fd = open(temp_path(path, t->folder, "log"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    t->log.level = BERTH_LOG_INFO;
    test_store_open(t);
    FILE *in = fmemopen(lines.ptr, lines.len, "r");
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t count = 0;
    assert_int_equal(transfer_import(t->store, in, &count, &error), BERTH_OK);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(count, MANY);
    assert_int_equal(count_rows(t), 0);
    declare_index(t->store, "a", KEYWORD);
    assert_int_equal(count_rows(t), 2 * MANY);
    assert_hits(t->store, "a", "{\"query\":{\"range\":{\"at\":{\"gt\":1097}}}}", "1098 1099");
    test_store_reopen(t);
    declare_index(t->store, "a", KEYWORD);
    size_t len = 0;
    unsigned char *text = temp_read(path, &len);
    base_buf_clear(&lines);
    base_buf_append(&lines, (char *)text, len);
    base_buf_char(&lines, '\0');
    const char *begin =
        strstr(lines.ptr, "\"indexing_begins\",\"index\":\"a\",\"documents\":\"1100\"");
    const char *end =
        strstr(lines.ptr, "\"indexing_ended\",\"index\":\"a\",\"documents\":\"1100\"");
    assert_true(begin && end && begin < end && !strstr(end + 1, "\"indexing_"));
    free(text);
    (void)close(t->log.fd);
    t->log.fd = said.fd;
    t->log.level = said.level;
}

static void adopt_declare_and_search(struct test_store *t) {
    struct berth_error error = BASE_ERROR_INIT;
    struct store_index *known = NULL;
    struct berth_index index = {.name = BERTH_STR_INIT("a"), .mapping = BERTH_STR_INIT(KEYWORD)};
    struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "2", "{\"n\":\"a b\",\"m\":\"c\"}");
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    int32_t code = test_store_try(t, 0, &error);
    code = code ? code : store_adopt_index(t->store, index.name, &known, &error);
    code = code ? code : store_write(t->store, &write, 1, NULL, &error);
    code = code ? code : search(t->store, "a", "{}", NULL, 0, &answer, &error);
    code = code ? code : store_declare_index(t->store, &index, &error);
    if (code && code != BERTH_E_NO_MEMORY && code != BERTH_E_UNAVAILABLE) {
        fail_msg("%d: %s", code, error.message);
    }
    store_close(t->store);
    t->store = NULL;
}

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    (void)adopt(t, "a");
    (void)put(t->store, "a", "1", "{\"n\":\"x y\",\"m\":1}");
    store_close(t->store);
    t->store = NULL;
    FAULT_EACH_ALLOCATION(adopt_declare_and_search(t); if (fault_on) {
        run_sql(t, "UPDATE idx SET mapping = '', indexed = 0", NULL);
        run_sql(t, "DELETE FROM field", NULL);
        run_sql(t, "DELETE FROM passage", NULL);
    });
    test_store_open(t);
    declare_index(t->store, "a", KEYWORD);
    assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":\"x y\"}}}", "1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(documents_wait_until_their_index_is_declared),
        WITH_STORE(they_wait_across_a_restart),
        WITH_STORE(a_search_does_not_wait_for_a_mapping),
        WITH_STORE(an_index_that_was_declared_before_does_not_wait),
        WITH_STORE(a_write_under_way_is_indexed_by_the_mapping_of_now),
        WITH_STORE(a_search_under_way_takes_no_rows_back),
        WITH_STORE(a_document_may_have_many_rows),
        WITH_STORE(a_failure_leaves_the_documents_waiting),
        WITH_STORE(what_takes_long_is_told),
        WITH_STORE(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.indexing", tests, NULL, NULL);
}
