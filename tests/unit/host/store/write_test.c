/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: versions and sequence numbers, compare-and-set, groups as a whole, from one thread and
 * from many. @threads @engines
 */
#include "tests/support/fault.h"
#include "tests/support/store.h"

#include <pthread.h>

static void assert_result(struct berth_write_result r, uint32_t result, uint64_t version,
                          uint64_t seq_no) {
    assert_int_equal(r.size, sizeof r);
    assert_int_equal(r.result, result);
    assert_int_equal(r.version, version);
    assert_int_equal(r.primary_term, 1);
    if (test_store_is_replica()) {
        assert_true(r.seq_no > 0); /* a revision of etcd */
    } else {
        assert_int_equal(r.seq_no, seq_no);
    }
}

static void counts_versions_and_sequence_numbers(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    declare_index(t->store, "b", "");
    assert_result(put(t->store, "a", "1", "{}"), BERTH_WRITE_CREATED, 1, 0);
    assert_result(put(t->store, "a", "1", "{\"n\":2}"), BERTH_WRITE_UPDATED, 2, 1);
    struct berth_write_result of_b = put(t->store, "b", "1", "{}");
    assert_result(of_b, BERTH_WRITE_CREATED, 1, 2);
    struct berth_write forget = make_write(BERTH_WRITE_DELETE, "a", "1", "");
    assert_result(write_one(t->store, forget), BERTH_WRITE_DELETED, 3, 3);
    assert_result(write_one(t->store, forget), BERTH_WRITE_NOT_FOUND, 1, 4);
    assert_result(put(t->store, "a", "1", "{}"), BERTH_WRITE_CREATED, 1, 5);
    const struct berth_document *document = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_get(t->store, BERTH_STR("b"), BERTH_STR("1"), &document, &error),
                     BERTH_OK);
    assert_int_equal(document->version, 1);
    assert_int_equal(document->seq_no, of_b.seq_no);
    assert_int_equal(document->primary_term, 1);
    store_document_release(document);
}

static void creates_only_what_is_not_there(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    struct berth_write create = make_write(BERTH_WRITE_CREATE, "a", "1", "{\"n\":1}");
    assert_result(write_one(t->store, create), BERTH_WRITE_CREATED, 1, 0);
    create.source = BERTH_STR("{\"n\":2}");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(t->store, &create, 1, NULL, &error), BERTH_E_EXISTS);
    assert_non_null(strstr(error.message, "[1] is in [a] already"));
    assert_source(t->store, "a", "1", "{\"n\":1}");
}

static void compares_and_sets(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "0", "{}");
    uint64_t now = put(t->store, "a", "1", "{}").seq_no;
    static const struct {
        uint32_t op;
        const char *id;
        int64_t beside; /* the number that the document has */
        int32_t code;
    } cases[] = {
        {BERTH_WRITE_PUT, "1", -1, BERTH_E_CONFLICT},
        {BERTH_WRITE_PUT, "1", 1, BERTH_E_CONFLICT},
        {BERTH_WRITE_PUT, "1", INT64_MIN, BERTH_E_CONFLICT},
        {BERTH_WRITE_DELETE, "1", -1, BERTH_E_CONFLICT},
        {BERTH_WRITE_PUT, "missing", -1, BERTH_E_CONFLICT},
        {BERTH_WRITE_PUT, "missing", INT64_MIN, BERTH_E_CONFLICT},
        {BERTH_WRITE_DELETE, "missing", -1, BERTH_E_CONFLICT},
        {BERTH_WRITE_PUT, "1", 0, BERTH_OK},
        {BERTH_WRITE_PUT, "1", -1, BERTH_E_CONFLICT},
        {BERTH_WRITE_DELETE, "1", 0, BERTH_OK},
        {BERTH_WRITE_DELETE, "1", 0, BERTH_E_CONFLICT},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_write w = make_write(cases[i].op, "a", cases[i].id, "{\"by\":\"us\"}");
        struct berth_write_result result = {.size = sizeof result};
        w.flags = BERTH_WRITE_IF_SEQ_NO;
        w.if_seq_no = now + (uint64_t)cases[i].beside;
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(store_write(t->store, &w, 1, &result, &error), cases[i].code);
        if (cases[i].code) {
            assert_int_equal(base_error_status(&error), 409);
        } else {
            now = result.seq_no;
        }
    }
}

static void a_group_is_made_as_a_whole(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    declare_index(t->store, "b", "");
    struct berth_write group[] = {
        make_write(BERTH_WRITE_CREATE, "a", "1", "{\"n\":1}"),
        make_write(BERTH_WRITE_PUT, "b", "2", "{\"n\":2}"),
        make_write(BERTH_WRITE_PUT, "a", "0", "{\"n\":3}"),
        make_write(BERTH_WRITE_DELETE, "b", "none", ""),
    };
    (void)put(t->store, "a", "0", "{}");
    struct berth_write_result results[BASE_COUNT(group)];
    for (size_t i = 0; i < BASE_COUNT(group); i++) {
        results[i].size = sizeof results[i];
    }
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(t->store, group, 4, results, &error), BERTH_OK);
    assert_result(results[0], BERTH_WRITE_CREATED, 1, 1);
    assert_result(results[1], BERTH_WRITE_CREATED, 1, 2);
    assert_result(results[2], BERTH_WRITE_UPDATED, 2, 3);
    assert_result(results[3], BERTH_WRITE_NOT_FOUND, 1, 4);
    assert_source(t->store, "a", "0", "{\"n\":3}");
}

/* Whatever the last write of a group fails for, those before it have not happened. */
static void a_group_fails_as_a_whole(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "0", "{\"n\":1}");
    (void)put(t->store, "a", "1", "{}");
    char long_id[BERTH_ID_MAX + 2];
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    struct {
        struct berth_write last;
        int32_t code;
        const char *said;
    } cases[] = {
        {make_write(BERTH_WRITE_CREATE, "a", "1", "{}"), BERTH_E_EXISTS, "already"},
        {make_write(BERTH_WRITE_PUT, "none", "1", "{}"), BERTH_E_INVALID, "[none]"},
        {make_write(BERTH_WRITE_PUT, "a", "", "{}"), BERTH_E_INVALID, "1 to 512 bytes"},
        {make_write(BERTH_WRITE_PUT, "a", long_id, "{}"), BERTH_E_INVALID, "1 to 512 bytes"},
        {make_write(0, "a", "2", "{}"), BERTH_E_INVALID, "operation 0"},
        {make_write(9, "a", "2", "{}"), BERTH_E_INVALID, "operation 9"},
        {make_write(BERTH_WRITE_PUT, "a", "2", "[]"), BERTH_E_INVALID, "JSON object"},
        {make_write(BERTH_WRITE_PUT, "a", "2", "{\"n\":}"), BERTH_E_INVALID, "at byte 5"},
        {make_write(BERTH_WRITE_PUT, "a", "2", ""), BERTH_E_INVALID, "no JSON"},
        {make_write(BERTH_WRITE_PUT, "a", "2", "{\"n\":\"\xff\"}"), BERTH_E_INVALID, "no JSON"},
        {make_write(BERTH_WRITE_DELETE, "a", "0", ""), BERTH_E_INVALID, "[0] of [a] twice"},
        {make_write(BERTH_WRITE_PUT, "a", "2", "{}"), BERTH_E_CONFLICT, "found none"},
    };
    cases[BASE_COUNT(cases) - 1].last.flags = BERTH_WRITE_IF_SEQ_NO;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_write group[] = {
            make_write(BERTH_WRITE_PUT, "a", "0", "{\"n\":2}"),
            make_write(BERTH_WRITE_CREATE, "a", "new", "{}"),
            cases[i].last,
        };
        struct berth_write_result results[3] = {{.size = 32}, {.size = 32}, {.size = 32}};
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(store_write(t->store, group, 3, results, &error), cases[i].code);
        if (!strstr(error.message, cases[i].said)) {
            fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].said);
        }
        assert_int_equal(results[0].result, 0);
        assert_source(t->store, "a", "0", "{\"n\":1}");
        assert_source(t->store, "a", "new", "");
        assert_hits(t->store, "a", "{\"query\":{\"term\":{\"n\":1}}}", "0");
    }
    assert_result(put(t->store, "a", "2", "{}"), BERTH_WRITE_CREATED, 1, 2);
}

static void a_group_has_its_bounds(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    struct berth_write group[BERTH_WRITES_MAX + 1];
    char ids[BERTH_WRITES_MAX + 1][8];
    for (uint32_t i = 0; i <= BERTH_WRITES_MAX; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%u", i);
        group[i] = make_write(BERTH_WRITE_PUT, "a", ids[i], "{}");
    }
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(t->store, group, 0, NULL, &error), BERTH_E_INVALID);
    assert_int_equal(store_write(t->store, group, BERTH_WRITES_MAX + 1, NULL, &error),
                     BERTH_E_INVALID);
    assert_int_equal(store_write(t->store, group, BERTH_WRITES_MAX, NULL, &error), BERTH_OK);
    struct store_stats stats;
    store_stats(t->store, &stats);
    assert_int_equal(stats.writes, BERTH_WRITES_MAX);
}

/* ---- what searches see, and when ---- */

static void assert_search(struct store *store, uint32_t flags, const char *body,
                          const char *expected) {
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(search(store, "a", body, NULL, flags, &answer, &error), BERTH_OK);
    if (!strstr(answer.ptr, expected)) {
        fail_msg("%s does not hold %s", answer.ptr, expected);
    }
}

static void put_later(struct store *store, const char *id, const char *source) {
    struct berth_write later = make_write(BERTH_WRITE_PUT, "a", id, source);
    later.flags = BERTH_WRITE_REFRESH_LATER;
    (void)write_one(store, later);
}

#define HOUR_MS ((uint64_t)3600 * 1000)
#define NONE "\"value\":0"
#define ONE "\"value\":1"

static void searches_see_a_later_write_after_a_refresh(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    store_close(t->store);
    assert_int_equal(test_store_try(t, HOUR_MS, &error), BERTH_OK);
    declare_index(t->store, "a", "");
    put_later(t->store, "1", "{\"n\":\"old\"}");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"old\"}}}", ONE);
    put_later(t->store, "1", "{\"n\":\"new\"}");
    put_later(t->store, "1", "{\"n\":\"newer\"}");
    assert_source(t->store, "a", "1", "{\"n\":\"newer\"}");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"old\"}}}", "{\"n\":\"old\"}");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"old\"}}}", "\"_version\":1,");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"newer\"}}}", NONE);
    /* A search that asks for it. */
    assert_search(t->store, BERTH_SEARCH_REFRESH, "{\"query\":{\"term\":{\"n\":\"newer\"}}}",
                  "\"_version\":3,");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"old\"}}}", NONE);
    /* A write of another document that is to be seen at once. */
    put_later(t->store, "1", "{\"n\":\"last\"}");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"last\"}}}", NONE);
    (void)put(t->store, "a", "2", "{}");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"last\"}}}", ONE);
    /* The file being opened again. */
    put_later(t->store, "1", "{\"n\":\"end\"}");
    store_close(t->store);
    assert_int_equal(test_store_try(t, HOUR_MS, &error), BERTH_OK);
    declare_index(t->store, "a", "");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"end\"}}}", ONE);
    /* A deletion is seen at once. */
    put_later(t->store, "1", "{\"n\":\"gone\"}");
    (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, "a", "1", ""));
    assert_search(t->store, BERTH_SEARCH_REFRESH, "{\"query\":{\"exists\":{\"field\":\"n\"}}}",
                  NONE);
}

static void without_an_interval_searches_see_all(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    put_later(t->store, "1", "{\"n\":\"old\"}");
    put_later(t->store, "1", "{\"n\":\"new\"}");
    assert_search(t->store, 0, "{\"query\":{\"term\":{\"n\":\"new\"}}}", ONE);
}

static void a_later_write_that_fails_changes_nothing(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    store_close(t->store);
    assert_int_equal(test_store_try(t, HOUR_MS, &error), BERTH_OK);
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "1", "{\"n\":\"old\"}");
    (void)put(t->store, "a", "2", "{}");
    struct berth_write group[] = {make_write(BERTH_WRITE_PUT, "a", "1", "{\"n\":\"new\"}"),
                                  make_write(BERTH_WRITE_CREATE, "a", "2", "{}")};
    group[0].flags = BERTH_WRITE_REFRESH_LATER;
    assert_int_equal(store_write(t->store, group, 2, NULL, &error), BERTH_E_EXISTS);
    assert_search(t->store, BERTH_SEARCH_REFRESH, "{\"query\":{\"term\":{\"n\":\"old\"}}}",
                  "\"_version\":1,");
}

/* ---- many writers ---- */

#define WRITERS 4
#define ROUNDS 50

struct writer {
    struct store *store;
    uint32_t conflicts;
    int32_t failure;
};

/* Adds one to the number of a document, as often as it takes, ROUNDS times. */
static void *count_up(void *arg) {
    struct writer *w = arg;
    for (int done = 0; done < ROUNDS && !w->failure;) {
        const struct berth_document *document = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        w->failure = store_get(w->store, BERTH_STR("a"), BERTH_STR("counter"), &document, &error);
        if (w->failure) {
            break;
        }
        JSON_DOC_AUTO doc = {0};
        int64_t n = -1;
        (void)(json_parse(&doc, document->source, 0, NULL) &&
               json_i64(json_get(json_root(&doc), "n"), &n));
        char source[32];
        (void)snprintf(source, sizeof source, "{\"n\":%lld}", (long long)n + 1);
        struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "counter", source);
        write.flags = BERTH_WRITE_IF_SEQ_NO;
        write.if_seq_no = document->seq_no;
        store_document_release(document);
        int32_t code = store_write(w->store, &write, 1, NULL, &error);
        done += code == BERTH_OK;
        w->conflicts += code == BERTH_E_CONFLICT;
        w->failure = code == BERTH_E_CONFLICT ? BERTH_OK : code;
    }
    return NULL;
}

static void writers_lose_no_update(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "counter", "{\"n\":0}");
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.store = t->store};
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].failure, BERTH_OK);
    }
    char expected[32];
    (void)snprintf(expected, sizeof expected, "{\"n\":%d}", WRITERS * ROUNDS);
    assert_source(t->store, "a", "counter", expected);
    struct store_stats stats;
    store_stats(t->store, &stats);
    assert_int_equal(stats.writes, WRITERS * ROUNDS + 1);
    if (!test_store_is_replica()) {
        assert_int_equal(stats.last_seq_no, WRITERS * ROUNDS + 1);
    }
}

/* ---- memory ---- */

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "1", "{\"n\":\"old\"}");
    bool failed = true;
    for (uint32_t n = 1; failed; n++) {
        struct berth_write group[] = {
            make_write(BERTH_WRITE_PUT, "a", "1", "{\"n\":\"new words\"}"),
            make_write(BERTH_WRITE_PUT, "a", "2", "{\"n\":\"two words\"}")};
        struct berth_error error = BASE_ERROR_INIT;
        fault_fail_allocation(n);
        int32_t code = store_write(t->store, group, 2, NULL, &error);
        failed = fault_end();
        assert_int_equal(code, failed ? BERTH_E_NO_MEMORY : BERTH_OK);
        /* What etcd has taken stays, also where its answer found no room; it is taken as a whole.
         */
        bool is_taken = !failed || strstr(error.message, "not known");
        assert_true(test_store_is_replica() || is_taken == !failed);
        assert_source(t->store, "a", "1", is_taken ? "{\"n\":\"new words\"}" : "{\"n\":\"old\"}");
        assert_source(t->store, "a", "2", is_taken ? "{\"n\":\"two words\"}" : "");
        if (is_taken) {
            (void)put(t->store, "a", "1", "{\"n\":\"old\"}");
            (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, "a", "2", ""));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(counts_versions_and_sequence_numbers),
        WITH_STORE(creates_only_what_is_not_there),
        WITH_STORE(compares_and_sets),
        WITH_STORE(a_group_is_made_as_a_whole),
        WITH_STORE(a_group_fails_as_a_whole),
        WITH_STORE(a_group_has_its_bounds),
        WITH_STORE(searches_see_a_later_write_after_a_refresh),
        WITH_STORE(without_an_interval_searches_see_all),
        WITH_STORE(a_later_write_that_fails_changes_nothing),
        WITH_STORE(writers_lose_no_update),
        WITH_STORE(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.write", tests, NULL, NULL);
}
