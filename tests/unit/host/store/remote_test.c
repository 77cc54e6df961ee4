/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes' stores on one etcd: what one writes the other reads, whatever happens to etcd between
 * the two. @threads
 */
#include "base/json_write.h"
#include "host/store/remote.h"
#include "tests/support/store.h"

#include <pthread.h>

struct pair {
    struct test_store nodes[2];
};

static int32_t try_open(struct pair *p, int i, bool alone, struct berth_error *error) {
    struct test_store *t = &p->nodes[i];
    struct store_options options = {.data_path = t->folder,
                                    .readers = 3,
                                    .etcd = alone ? NULL : t->etcd,
                                    .prefix = base_cstr(p->nodes[0].folder),
                                    .timeout_ms = 20000,
                                    .log = &t->log};
    return store_open(&options, &t->store, error);
}

static void open_node(struct pair *p, int i) {
    struct berth_error error = BASE_ERROR_INIT;
    if (try_open(p, i, false, &error)) {
        fail_msg("%s", error.message);
    }
}

static void close_node(struct pair *p, int i) {
    store_close(p->nodes[i].store);
    p->nodes[i].store = NULL;
}

static int setup(void **state) {
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    for (int i = 0; i < 2; i++) {
        temp_create(p->nodes[i].folder);
        test_store_use_etcd(&p->nodes[i]);
        open_node(p, i);
        declare_index(p->nodes[i].store, "a", "");
    }
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct pair *p = *state;
    for (int i = 0; i < 2; i++) {
        close_node(p, i);
        etcd_destroy(p->nodes[i].etcd);
        (void)close(p->nodes[i].log.fd);
        log_deinit(&p->nodes[i].log);
        temp_remove(p->nodes[i].folder);
    }
    free(p);
    return 0;
}

static void what_one_writes_the_other_reads(void **state) {
    struct pair *p = *state;
    for (int round = 0; round < 100; round++) {
        char source[32];
        (void)snprintf(source, sizeof source, "{\"n\":%d}", round);
        (void)put(p->nodes[round % 2].store, "a", "1", source);
        assert_source(p->nodes[1 - round % 2].store, "a", "1", source);
    }
    assert_hits(p->nodes[0].store, "a", "{\"query\":{\"term\":{\"n\":99}}}", "1");
    (void)write_one(p->nodes[0].store, make_write(BERTH_WRITE_DELETE, "a", "1", ""));
    assert_source(p->nodes[1].store, "a", "1", "");
    assert_hits(p->nodes[1].store, "a", "{}", "");
}

static void a_condition_holds_for_all_nodes(void **state) {
    struct pair *p = *state;
    struct berth_write_result first = put(p->nodes[0].store, "a", "1", "{}");
    struct berth_write create = make_write(BERTH_WRITE_CREATE, "a", "1", "{}");
    struct berth_write change = make_write(BERTH_WRITE_PUT, "a", "1", "{\"by\":2}");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(p->nodes[1].store, &create, 1, NULL, &error), BERTH_E_EXISTS);
    change.flags = BERTH_WRITE_IF_SEQ_NO;
    change.if_seq_no = first.seq_no;
    assert_int_equal(write_one(p->nodes[1].store, change).version, 2);
    assert_int_equal(store_write(p->nodes[0].store, &change, 1, NULL, &error), BERTH_E_CONFLICT);
}

#define ROUNDS 40

static void *count_up(void *arg) {
    struct store *store = arg;
    for (int done = 0; done < ROUNDS;) {
        const struct berth_document *document = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        JSON_DOC_AUTO doc = {0};
        int64_t n = -1;
        char source[32];
        if (store_get(store, BERTH_STR("a"), BERTH_STR("n"), &document, &error) ||
            !json_parse(&doc, document->source, 0, NULL) ||
            !json_i64(json_get(json_root(&doc), "n"), &n)) {
            return arg;
        }
        (void)snprintf(source, sizeof source, "{\"n\":%lld}", (long long)n + 1);
        struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "n", source);
        write.flags = BERTH_WRITE_IF_SEQ_NO;
        write.if_seq_no = document->seq_no;
        store_document_release(document);
        int32_t code = store_write(store, &write, 1, NULL, &error);
        if (code && code != BERTH_E_CONFLICT) {
            return arg;
        }
        done += code == BERTH_OK;
    }
    return NULL;
}

static void no_node_loses_an_update(void **state) {
    struct pair *p = *state;
    (void)put(p->nodes[0].store, "a", "n", "{\"n\":0}");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, p->nodes[i % 2].store), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    char expected[32];
    (void)snprintf(expected, sizeof expected, "{\"n\":%d}", 4 * ROUNDS);
    assert_source(p->nodes[0].store, "a", "n", expected);
    assert_source(p->nodes[1].store, "a", "n", expected);
}

/* Makes etcd forget all revisions but the last. */
static void compact(struct pair *p) {
    struct etcd *etcd = p->nodes[0].etcd;
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&body, 4096);
    base_buf_init(&answer, 65536);
    assert_int_equal(
        etcd_ask(etcd, "kv/range", BERTH_STR("{\"key\":\"AA==\"}"), 0, &answer, NULL, &error), 0);
    assert_true(json_parse(&doc, base_buf_view(&answer), 0, NULL));
    json_open_object(&body);
    json_member_i64(&body, "revision", etcd_revision(json_root(&doc)));
    json_member_bool(&body, "physical", true);
    json_close_object(&body);
    assert_int_equal(
        etcd_ask(etcd, "kv/compaction", base_buf_view(&body), 0, &answer, NULL, &error), 0);
}

static void a_node_that_was_away_has_all(void **state) {
    struct pair *p = *state;
    for (int compacted = 0; compacted < 2; compacted++) {
        (void)put(p->nodes[0].store, "a", "stays", "{\"n\":1}");
        (void)put(p->nodes[0].store, "a", "goes", "{\"n\":1}");
        close_node(p, 1);
        (void)put(p->nodes[0].store, "a", "stays", "{\"n\":2}");
        (void)put(p->nodes[0].store, "a", "comes", "{\"n\":2}");
        (void)write_one(p->nodes[0].store, make_write(BERTH_WRITE_DELETE, "a", "goes", ""));
        if (compacted) {
            compact(p);
        }
        open_node(p, 1);
        declare_index(p->nodes[1].store, "a", "");
        assert_source(p->nodes[1].store, "a", "stays", "{\"n\":2}");
        assert_source(p->nodes[1].store, "a", "goes", "");
        assert_hits(p->nodes[1].store, "a", "{\"query\":{\"term\":{\"n\":2}},\"sort\":\"_id\"}",
                    "comes stays");
        (void)write_one(p->nodes[1].store, make_write(BERTH_WRITE_DELETE, "a", "comes", ""));
    }
}

/* More than a page of keys, and more than a group of missing ones. */
static void lists_many(void **state) {
    struct pair *p = *state;
    struct berth_write group[50];
    char ids[50][16];
    for (int round = 0; round < 24; round++) {
        for (int i = 0; i < 50; i++) {
            (void)snprintf(ids[i], sizeof ids[i], "%d", round * 50 + i);
            group[i] = make_write(BERTH_WRITE_PUT, "a", ids[i], "{}");
        }
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(store_write(p->nodes[0].store, group, 50, NULL, &error), BERTH_OK);
    }
    close_node(p, 1);
    for (int i = 0; i < 200; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i * 6);
        (void)write_one(p->nodes[0].store, make_write(BERTH_WRITE_DELETE, "a", id, ""));
    }
    compact(p);
    open_node(p, 1);
    struct berth_index_info info = {.size = sizeof info};
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_index_info(p->nodes[1].store, BERTH_STR("a"), &info, &error), BERTH_OK);
    declare_index(p->nodes[1].store, "a", "");
    assert_int_equal(store_index_info(p->nodes[1].store, BERTH_STR("a"), &info, &error), BERTH_OK);
    assert_int_equal(info.document_count, 1000);
    assert_source(p->nodes[1].store, "a", "6", "");
    assert_source(p->nodes[1].store, "a", "1199", "{}");
}

static bool is_stale(struct store *store) {
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.is_stale;
}

static void without_etcd_reads_go_on_and_writes_are_refused(void **state) {
    struct pair *p = *state;
    struct store *store = p->nodes[1].store;
    (void)put(p->nodes[0].store, "a", "1", "{\"n\":1}");
    assert_source(store, "a", "1", "{\"n\":1}");
    assert_false(is_stale(store));
    etcd_server_kill();
    struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "1", "{\"n\":2}");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(store, &write, 1, NULL, &error), BERTH_E_UNAVAILABLE);
    assert_int_equal(base_error_status(&error), 503);
    assert_non_null(strstr(error.message, "nothing was written"));
    assert_source(store, "a", "1", "{\"n\":1}");
    assert_hits(store, "a", "{}", "1");
    assert_true(is_stale(store));
    /* A node that starts meanwhile has what it had. */
    close_node(p, 1);
    open_node(p, 1);
    declare_index(p->nodes[1].store, "a", "");
    assert_source(p->nodes[1].store, "a", "1", "{\"n\":1}");
    etcd_server_start_again();
    int32_t code = BERTH_E_UNAVAILABLE;
    while (code == BERTH_E_UNAVAILABLE) {
        code = store_write(p->nodes[1].store, &write, 1, NULL, &error);
    }
    assert_int_equal(code, BERTH_OK);
    assert_source(p->nodes[1].store, "a", "1", "{\"n\":2}");
    assert_false(is_stale(p->nodes[1].store));
    (void)put(p->nodes[1].store, "a", "1", "{\"n\":3}");
    char *seen = NULL;
    do { /* until this one has noticed as well */
        free(seen);
        seen = get_source(p->nodes[0].store, "a", "1");
    } while (is_stale(p->nodes[0].store));
    assert_string_equal(seen, "{\"n\":3}");
    free(seen);
}

static void a_file_is_a_replica_or_the_truth(void **state) {
    struct pair *p = *state;
    struct berth_error error = BASE_ERROR_INIT;
    close_node(p, 1);
    assert_int_equal(try_open(p, 1, true, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "replica"));
    temp_remove(p->nodes[1].folder);
    temp_create(p->nodes[1].folder);
    assert_int_equal(try_open(p, 1, true, &error), BERTH_OK);
    declare_index(p->nodes[1].store, "a", "");
    (void)put(p->nodes[1].store, "a", "1", "{}");
    close_node(p, 1);
    assert_int_equal(try_open(p, 1, false, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "of its own"));
    assert_source(p->nodes[0].store, "a", "1", "");
}

static void without_a_replica_a_node_does_not_start_alone(void **state) {
    struct pair *p = *state;
    struct berth_error error = BASE_ERROR_INIT;
    close_node(p, 1);
    temp_remove(p->nodes[1].folder);
    temp_create(p->nodes[1].folder);
    etcd_server_kill();
    assert_int_equal(try_open(p, 1, false, &error), BERTH_E_UNAVAILABLE);
    etcd_server_start_again();
    assert_int_equal(try_open(p, 1, false, &error), BERTH_OK);
}

static void note(void *user, const struct berth_change *changes, uint32_t count) {
    uint32_t *told = user;
    *told += count;
    (void)changes;
}

/* What is written by a plugin that this node has not yet is kept for when it has. */
static void an_index_that_is_declared_later(void **state) {
    struct pair *p = *state;
    uint32_t told = 0;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_watch(p->nodes[1].store, "one", BERTH_STR("later"), note, &told, &error),
                     BERTH_OK);
    declare_index(p->nodes[0].store, "later", "{\"properties\":{\"n\":{\"type\":\"long\"}}}");
    (void)put(p->nodes[0].store, "later", "x/y", "{\"n\":7}");
    assert_source(p->nodes[1].store, "later", "x/y", "{\"n\":7}");
    assert_int_equal(told, 1);
    declare_index(p->nodes[1].store, "later", "{\"properties\":{\"n\":{\"type\":\"long\"}}}");
    assert_hits(p->nodes[1].store, "later", "{\"query\":{\"range\":{\"n\":{\"gt\":6}}}}", "x/y");
}

static void a_document_beyond_etcds_limit_is_refused(void **state) {
    struct pair *p = *state;
    size_t len = (size_t)2 << 20;
    char *source = malloc(len + 16);
    assert_non_null(source);
    memset(source, 'x', len + 16);
    memcpy(source, "{\"n\":\"", 6);
    memcpy(source + len, "\"}", 3);
    struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "big", source);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(p->nodes[0].store, &write, 1, NULL, &error), BERTH_E_TOO_LARGE);
    assert_source(p->nodes[0].store, "a", "big", "");
    free(source);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAIR(what_one_writes_the_other_reads),
        WITH_PAIR(a_condition_holds_for_all_nodes),
        WITH_PAIR(no_node_loses_an_update),
        WITH_PAIR(a_node_that_was_away_has_all),
        WITH_PAIR(lists_many),
        WITH_PAIR(without_etcd_reads_go_on_and_writes_are_refused),
        WITH_PAIR(a_file_is_a_replica_or_the_truth),
        WITH_PAIR(without_a_replica_a_node_does_not_start_alone),
        WITH_PAIR(an_index_that_is_declared_later),
        WITH_PAIR(a_document_beyond_etcds_limit_is_refused),
    };
    return cmocka_run_group_tests_name("host.store.remote", tests, NULL, NULL);
}
