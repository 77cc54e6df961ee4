/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a directory of its own, and short ways to write to it. Failures end the test.
 *
 * With BERTH_TEST_ENGINE=etcd in the environment it is a replica of an etcd that the program
 * starts: a test whose first comment has the word "@engines" is run so as well.
 */
#ifndef TESTS_SUPPORT_STORE_H
#define TESTS_SUPPORT_STORE_H

#include "base/json.h"
#include "host/etcd/etcd.h"
#include "host/store/store.h"
#include "tests/support/etcd_server.h"
#include "tests/support/temp.h"

struct test_store {
    char folder[TEMP_MAX];
    struct store *store;
    struct etcd *etcd; /* NULL: the file is the truth */
    struct log log;
};

static inline bool test_store_is_replica(void) {
    const char *engine = getenv("BERTH_TEST_ENGINE");
    return engine && strcmp(engine, "etcd") == 0;
}

static inline void test_store_use_etcd(struct test_store *t) {
    struct berth_str endpoint = base_cstr(etcd_server());
    struct berth_error error = BASE_ERROR_INIT;
    log_init(&t->log, open("/dev/null", O_WRONLY | O_CLOEXEC), BERTH_LOG_ERROR);
    struct etcd_options options = {
        .endpoints = &endpoint, .endpoint_count = 1, .timeout_ms = 10000, .log = &t->log};
    assert_int_equal(etcd_create(&options, &t->etcd, &error), BERTH_OK);
}

static inline int32_t test_store_try(struct test_store *t, uint64_t refresh_interval_ms,
                                     struct berth_error *error) {
    if (test_store_is_replica() && !t->etcd) {
        test_store_use_etcd(t);
    }
    struct store_options options = {.data_path = t->folder,
                                    .readers = 3,
                                    .refresh_interval_ms = refresh_interval_ms,
                                    .etcd = t->etcd,
                                    .prefix = base_cstr(t->folder),
                                    .timeout_ms = 20000,
                                    .log = &t->log};
    return store_open(&options, &t->store, error);
}

static inline void test_store_open(struct test_store *t) {
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(test_store_try(t, 0, &error), BERTH_OK);
}

static inline void test_store_reopen(struct test_store *t) {
    store_close(t->store);
    t->store = NULL;
    test_store_open(t);
}

static inline int test_store_setup(void **state) {
    struct test_store *t = calloc(1, sizeof *t);
    assert_non_null(t);
    temp_create(t->folder);
    test_store_open(t);
    *state = t;
    return 0;
}

static inline int test_store_teardown(void **state) {
    struct test_store *t = *state;
    store_close(t->store);
    if (t->etcd) {
        etcd_destroy(t->etcd);
        (void)close(t->log.fd);
        log_deinit(&t->log);
    }
    temp_remove(t->folder);
    free(t);
    return 0;
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, test_store_setup, test_store_teardown)

static inline void declare_index(struct store *store, const char *name, const char *mapping) {
    struct berth_index index = {
        .size = sizeof index, .name = base_cstr(name), .mapping = base_cstr(mapping)};
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_declare_index(store, &index, &error), BERTH_OK);
}

static inline struct berth_write make_write(uint32_t op, const char *index, const char *id,
                                            const char *source) {
    return (struct berth_write){.size = sizeof(struct berth_write),
                                .op = op,
                                .index = base_cstr(index),
                                .id = base_cstr(id),
                                .source = base_cstr(source)};
}

static inline struct berth_write_result write_one(struct store *store, struct berth_write write) {
    struct berth_write_result result = {.size = sizeof result};
    struct berth_error error = BASE_ERROR_INIT;
    if (store_write(store, &write, 1, &result, &error)) {
        fail_msg("a write failed: %s", error.message);
    }
    return result;
}

static inline struct berth_write_result put(struct store *store, const char *index, const char *id,
                                            const char *source) {
    return write_one(store, make_write(BERTH_WRITE_PUT, index, id, source));
}

/* The source, or "" where there is no document; zero-terminated, the caller frees it. */
static inline char *get_source(struct store *store, const char *index, const char *id) {
    const struct berth_document *document = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = store_get(store, base_cstr(index), base_cstr(id), &document, &error);
    assert_true(code == BERTH_OK || code == BERTH_E_NOT_FOUND);
    char *text = strdup(document ? document->source.ptr : "");
    assert_non_null(text);
    store_document_release(document);
    return text;
}

static inline void assert_source(struct store *store, const char *index, const char *id,
                                 const char *expected) {
    char *text = get_source(store, index, id);
    assert_string_equal(text, expected);
    free(text);
}

/* Searches; the answer replaces what out holds. */
static inline int32_t search(struct store *store, const char *index, const char *body,
                             const char *filter, uint32_t flags, struct base_buf *out,
                             struct berth_error *error) {
    struct berth_search wanted = {.size = sizeof wanted,
                                  .flags = flags,
                                  .index = base_cstr(index),
                                  .body = base_cstr(body),
                                  .filter = base_cstr(filter)};
    base_buf_clear(out);
    int32_t code = store_search(store, &wanted, out, error);
    base_buf_char(out, '\0');
    out->len -= out->len > 0;
    return code;
}

/* The ids of the hits of an answer, in order, separated by blanks. */
static inline void hit_ids(struct berth_str answer, struct base_buf *out) {
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, answer, 0, NULL));
    struct json_value hits = json_get(json_get(json_root(&doc), "hits"), "hits");
    base_buf_clear(out);
    for (struct json_value h = json_first(hits); json_present(h); h = json_next(hits, h)) {
        base_buf_format(out, "%s" BASE_FMT, out->len ? " " : "",
                        BASE_ARG(json_inner(json_get(h, "_id"))));
    }
    base_buf_char(out, '\0');
}

static inline void assert_hits(struct store *store, const char *index, const char *body,
                               const char *expected) {
    BASE_BUF_AUTO answer;
    BASE_BUF_AUTO ids;
    base_buf_init(&answer, (size_t)1 << 20);
    base_buf_init(&ids, (size_t)1 << 16);
    struct berth_error error = BASE_ERROR_INIT;
    if (search(store, index, body, NULL, 0, &answer, &error)) {
        fail_msg("the search %s failed: %s", body, error.message);
    }
    hit_ids(base_buf_view(&answer), &ids);
    if (strcmp(ids.ptr, expected) != 0) {
        fail_msg("the search %s found [%s], expected [%s]", body, ids.ptr, expected);
    }
}

#endif
