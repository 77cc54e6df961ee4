/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change feed: every watch is told every change, in the order of the writes, before the write
 * is acknowledged. @threads @engines
 */
#include "host/store/feed.h"
#include "tests/support/fault.h"
#include "tests/support/store.h"

#include <stdatomic.h>

#define TOLD_MAX 2048

/* What a watch was told. The feed calls one at a time, so that it needs no lock. */
struct told {
    struct store *store;
    uint32_t count;
    uint32_t calls;
    uint64_t seq_nos[TOLD_MAX];
    char text[4096];
    int32_t write_code;
};

static void record(void *user, const struct berth_change *changes, uint32_t count) {
    struct told *told = user;
    told->calls++;
    for (uint32_t i = 0; i < count; i++) {
        const struct berth_change *c = &changes[i];
        assert_true(told->count < TOLD_MAX);
        told->seq_nos[told->count++] = c->seq_no;
        size_t len = strlen(told->text);
        (void)snprintf(told->text + len, sizeof told->text - len,
                       "%s" BASE_FMT "/" BASE_FMT "=" BASE_FMT, len ? " " : "", BASE_ARG(c->index),
                       BASE_ARG(c->id),
                       BASE_ARG(c->document ? c->document->source : BERTH_STR("deleted")));
        if (c->document) {
            assert_int_equal(c->document->seq_no, c->seq_no);
            assert_int_equal(c->document->size, sizeof *c->document);
            assert_true(base_str_eq(c->document->id, c->id));
        }
    }
}

static void watch(struct store *store, const char *owner, const char *index, berth_watch_fn fn,
                  void *user) {
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_watch(store, owner, base_cstr(index), fn, user, &error), BERTH_OK);
}

static void tells_each_watch_what_is_of_its_index(void **state) {
    struct test_store *t = *state;
    struct told a = {0};
    struct told b = {0};
    declare_index(t->store, "a", "");
    declare_index(t->store, "b", "");
    watch(t->store, "one", "a", record, &a);
    watch(t->store, "one", "b", record, &b);
    (void)put(t->store, "a", "1", "{}");
    struct berth_write group[] = {
        make_write(BERTH_WRITE_PUT, "a", "2", "{\"n\":1}"),
        make_write(BERTH_WRITE_PUT, "a", "4", "{\"n\":2}"),
        make_write(BERTH_WRITE_PUT, "b", "3", "{}"),
        make_write(BERTH_WRITE_DELETE, "a", "none", ""),
        make_write(BERTH_WRITE_DELETE, "a", "1", ""),
    };
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(t->store, group, 5, NULL, &error), BERTH_OK);
    assert_string_equal(a.text, "a/1={} a/2={\"n\":1} a/4={\"n\":2} a/1=deleted");
    assert_string_equal(b.text, "b/3={}");
    assert_int_equal(a.calls, 3); /* the group's changes of a come in two runs */
    if (!test_store_is_replica()) {
        static const uint64_t expected[] = {0, 1, 2, 5};
        assert_memory_equal(a.seq_nos, expected, sizeof expected);
    }
}

static void tells_nothing_of_a_group_that_failed(void **state) {
    struct test_store *t = *state;
    struct told a = {0};
    declare_index(t->store, "a", "");
    (void)put(t->store, "a", "2", "{}");
    watch(t->store, "one", "a", record, &a);
    struct berth_write group[] = {make_write(BERTH_WRITE_CREATE, "a", "1", "{}"),
                                  make_write(BERTH_WRITE_CREATE, "a", "2", "{}")};
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(store_write(t->store, group, 2, NULL, &error), BERTH_E_EXISTS);
    assert_int_equal(a.calls, 0);
    (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, "a", "none", ""));
    assert_int_equal(a.calls, 0);
}

static void forgets_the_watches_of_an_owner(void **state) {
    struct test_store *t = *state;
    struct told one = {0};
    struct told other = {0};
    declare_index(t->store, "a", "");
    watch(t->store, "one", "a", record, &one);
    watch(t->store, "other", "a", record, &other);
    watch(t->store, "one", "a", record, &one);
    (void)put(t->store, "a", "1", "{}");
    store_unwatch(t->store, "one");
    (void)put(t->store, "a", "2", "{}");
    store_unwatch(t->store, "nobody");
    assert_int_equal(one.count, 2);
    assert_int_equal(other.count, 2);
}

/* The document that is told can be read, and the watch cannot write. */
static void read_and_try_to_write(void *user, const struct berth_change *changes, uint32_t count) {
    struct told *told = user;
    struct berth_error error = BASE_ERROR_INIT;
    const struct berth_document *document = NULL;
    assert_true(feed_is_current());
    assert_int_equal(store_get(told->store, changes[0].index, changes[0].id, &document, &error),
                     BERTH_OK);
    assert_int_equal(document->seq_no, changes[0].seq_no);
    store_document_release(document);
    struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "2", "{}");
    told->write_code = store_write(told->store, &write, 1, NULL, &error);
    told->calls++;
    (void)count;
}

static void a_watch_reads_but_does_not_write(void **state) {
    struct test_store *t = *state;
    struct told told = {.store = t->store};
    declare_index(t->store, "a", "");
    watch(t->store, "one", "a", read_and_try_to_write, &told);
    (void)put(t->store, "a", "1", "{}");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.write_code, BERTH_E_STATE);
    assert_false(feed_is_current());
    assert_source(t->store, "a", "2", "");
}

/* ---- several writers ---- */

#define WRITERS 4
#define ROUNDS 60

struct newest {
    _Atomic uint64_t seen[WRITERS]; /* rounds that the watch was told of, for each writer */
    struct told told;
};

struct writer {
    struct store *store;
    struct newest *newest;
    int number;
    uint32_t unseen; /* writes that were acknowledged before the watch had seen them */
};

static void note_newest(void *user, const struct berth_change *changes, uint32_t count) {
    struct newest *newest = user;
    record(&newest->told, changes, count);
    for (uint32_t i = 0; i < count; i++) {
        newest->seen[changes[i].id.ptr[0] - '0']++;
    }
}

static void *write_rounds(void *arg) {
    struct writer *w = arg;
    char ids[][3] = {{(char)('0' + w->number)}, {(char)('0' + w->number), 'x'}};
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct berth_write group[] = {make_write(BERTH_WRITE_PUT, "a", ids[0], "{}"),
                                      make_write(BERTH_WRITE_PUT, "a", ids[1], "{}")};
        struct berth_error error = BASE_ERROR_INIT;
        if (store_write(w->store, group, 2, NULL, &error) ||
            w->newest->seen[w->number] != 2 * round) {
            w->unseen++;
        }
    }
    return NULL;
}

static void tells_changes_of_several_writers_in_order(void **state) {
    struct test_store *t = *state;
    struct newest *newest = calloc(1, sizeof *newest);
    assert_non_null(newest);
    declare_index(t->store, "a", "");
    watch(t->store, "one", "a", note_newest, newest);
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.store = t->store, .newest = newest, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_rounds, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].unseen, 0);
    }
    assert_int_equal(newest->told.count, 2 * WRITERS * ROUNDS);
    /* Without a cluster each write has a number of its own, in it each group. */
    for (uint32_t i = 1; i < newest->told.count; i++) {
        assert_true(newest->told.seq_nos[i] > newest->told.seq_nos[i - 1] ||
                    (test_store_is_replica() && i % 2 &&
                     newest->told.seq_nos[i] == newest->told.seq_nos[i - 1]));
    }
    free(newest);
}

/* While others write, watches come and go; after unwatch none of them is told any more. */
static void watches_come_and_go_while_others_write(void **state) {
    struct test_store *t = *state;
    struct newest *newest = calloc(1, sizeof *newest);
    assert_non_null(newest);
    declare_index(t->store, "a", "");
    watch(t->store, "lasting", "a", note_newest, newest);
    pthread_t thread;
    struct writer writer = {.store = t->store, .newest = newest};
    assert_int_equal(pthread_create(&thread, NULL, write_rounds, &writer), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct told *told = calloc(1, sizeof *told);
        assert_non_null(told);
        watch(t->store, "passing", "a", record, told);
        store_unwatch(t->store, "passing");
        free(told);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(writer.unseen, 0);
    free(newest);
}

static void add_a_watch(struct store *store) {
    struct berth_error error = BASE_ERROR_INIT;
    struct told told = {0};
    int32_t code = store_watch(store, "one", BERTH_STR("a"), record, &told, &error);
    assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    store_unwatch(store, "one");
}

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    FAULT_EACH_ALLOCATION(add_a_watch(t->store));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(tells_each_watch_what_is_of_its_index),
        WITH_STORE(tells_nothing_of_a_group_that_failed),
        WITH_STORE(forgets_the_watches_of_an_owner),
        WITH_STORE(a_watch_reads_but_does_not_write),
        WITH_STORE(tells_changes_of_several_writers_in_order),
        WITH_STORE(watches_come_and_go_while_others_write),
        WITH_STORE(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.feed", tests, NULL, NULL);
}
