/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch is told by etcd: pages, lines in pieces, and what cannot be read. */
#include "host/etcd/etcd_stream.h"

#include "tests/support/fault.h"
#include "tests/support/temp.h"

#define KEY(base64, revision)                                                                      \
    "{\"key\":\"" base64 "\",\"value\":\"eA==\",\"mod_revision\":\"" revision "\"}"
#define PUT(base64, revision) "{\"kv\":" KEY(base64, revision) "}"
#define EVENTS(events) "{\"result\":{\"header\":{\"revision\":\"99\"},\"events\":[" events "]}}\n"
#define PAGE(revision, kvs, more)                                                                  \
    "{\"header\":{\"revision\":\"" revision "\"},\"kvs\":[" kvs "]" more "}"

/* Keys as they were told, each behind a + or, where it is gone, a -; and the last revision. */
struct told {
    struct base_buf keys;
    int64_t revision;
    uint32_t calls;
    bool is_last;
    int32_t code; /* what the hook answers */
};

static int32_t tell(struct told *told, const struct etcd_pair *pairs, uint32_t count,
                    int64_t revision) {
    told->calls++;
    told->revision = revision;
    for (uint32_t i = 0; i < count; i++) {
        base_buf_char(&told->keys, pairs[i].is_deleted ? '-' : '+');
        base_buf_str(&told->keys, pairs[i].key);
    }
    return told->code;
}

static int32_t changed(void *user, const struct etcd_pair *changes, uint32_t count,
                       int64_t revision, struct berth_error *error) {
    (void)error;
    return tell(user, changes, count, revision);
}

static int32_t listed(void *user, const struct etcd_pair *pairs, uint32_t count, bool is_first,
                      bool is_last, int64_t revision, struct berth_error *error) {
    struct told *told = user;
    (void)is_first;
    (void)error;
    told->is_last = is_last;
    return tell(told, pairs, count, revision);
}

struct fixture {
    struct told told;
    struct etcd_stream stream;
};

static void begin(struct fixture *f, int64_t revision) {
    const struct etcd_watch_hooks hooks = {.user = &f->told, .listed = listed, .changed = changed};
    f->told = (struct told){0};
    base_buf_init(&f->told.keys, 4096);
    etcd_stream_init(&f->stream, &hooks, revision);
}

static void end(struct fixture *f) {
    etcd_stream_deinit(&f->stream);
    base_buf_deinit(&f->told.keys);
}

static bool take(struct fixture *f, const char *text) {
    return etcd_stream_take(&f->stream, text, strlen(text));
}

static void changes_come_in_any_pieces(void **state) {
    static const char text[] =
        "{\"result\":{\"created\":true}}\n\n" EVENTS(PUT("YQ==", "7") "," PUT("Yg==", "8"))
            EVENTS("{\"type\":\"DELETE\",\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"9\"}}");
    (void)state;
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct fixture f;
        begin(&f, 5);
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t left = sizeof text - 1 - at;
            assert_true(etcd_stream_take(&f.stream, text + at, left < piece ? left : piece));
        }
        assert_true(f.stream.has_begun);
        assert_true(base_str_is(base_buf_view(&f.told.keys), "+a+b-a"));
        assert_int_equal(f.told.calls, 2);
        assert_true(f.told.revision == 9 && f.stream.revision == 9);
        end(&f);
    }
}

/* A progress notification has no changes, and is told where it is news. */
static void revisions_never_go_back(void **state) {
    struct fixture f;
    (void)state;
    begin(&f, 100);
    assert_true(take(&f, EVENTS("")));
    assert_int_equal(f.told.calls, 0);
    assert_true(take(&f, EVENTS(PUT("YQ==", "98"))));
    assert_true(base_str_is(base_buf_view(&f.told.keys), "+a"));
    assert_true(f.told.revision == 100 && f.stream.revision == 100);
    assert_true(take(&f, "{\"result\":{\"header\":{\"revision\":\"102\"}}}\n"));
    assert_int_equal(f.told.calls, 2);
    assert_true(f.told.revision == 102 && f.stream.revision == 102);
    end(&f);
}

static void a_change_that_fails_is_not_known(void **state) {
    struct fixture f;
    (void)state;
    begin(&f, 5);
    f.told.code = BERTH_E_IO;
    assert_false(take(&f, EVENTS(PUT("YQ==", "7")) EVENTS(PUT("Yg==", "8"))));
    assert_int_equal(f.stream.code, BERTH_E_IO);
    assert_int_equal(f.told.calls, 1);
    assert_true(f.stream.revision == 5);
    f.told.code = BERTH_OK;
    etcd_stream_begin(&f.stream);
    assert_true(take(&f, EVENTS(PUT("YQ==", "7"))));
    assert_true(f.stream.revision == 7);
    end(&f);
}

static void a_stream_that_ends_says_so(void **state) {
    static const struct {
        const char *line;
        int64_t revision; /* that is known then */
    } cases[] = {
        {"no json\n", 5},
        {"{\"error\":{\"message\":\"x\"}}\n", 5},
        {"{\"result\":{\"canceled\":true}}\n", 5},
        {"{\"result\":{\"canceled\":true,\"compact_revision\":\"9\"}}\n", -1},
        /* So etcd says that it cannot watch, as where the user may not. */
        {"{\"result\":{\"created\":true,\"canceled\":true}}\n", 5},
        {EVENTS("{}"), 5},
        {EVENTS(PUT("", "7")), 5},
        {EVENTS(PUT("YQ", "7")), 5},
        {EVENTS(PUT("YQ==", "")), 5},
        {EVENTS(PUT("YQ==", "-7")), 5},
        {EVENTS(PUT("YQ==", "8") "," PUT("Yg==", "7")), 5},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct fixture f;
        begin(&f, 5);
        assert_false(take(&f, cases[i].line));
        assert_int_equal(f.stream.code, BERTH_E_UNAVAILABLE);
        assert_true(f.stream.error.message[0] && f.stream.revision == cases[i].revision);
        assert_int_equal(f.told.calls, 0);
        assert_false(f.stream.has_begun);
        end(&f);
    }
}

static void pages_are_told_in_turn(void **state) {
    struct fixture f;
    struct berth_error error = BASE_ERROR_INIT;
    int64_t revision = 0;
    BASE_BUF_AUTO next;
    (void)state;
    base_buf_init(&next, 4096);
    begin(&f, -1);
    assert_int_equal(etcd_stream_page(&f.stream,
                                      BERTH_STR(PAGE("9", KEY("YQ==", "3"), ",\"more\":true")),
                                      true, &revision, &next, &error),
                     BERTH_OK);
    assert_true(base_str_eq(base_buf_view(&next), base_str("a\0", 2)));
    assert_true(revision == 9 && !f.told.is_last && f.stream.revision == -1);
    assert_int_equal(etcd_stream_page(&f.stream, BERTH_STR(PAGE("12", KEY("Yg==", "4"), "")), false,
                                      &revision, &next, &error),
                     BERTH_OK);
    assert_true(base_str_is(base_buf_view(&f.told.keys), "+a+b"));
    assert_true(next.len == 0 && f.told.is_last);
    assert_true(f.told.revision == 9 && f.stream.revision == 9);
    end(&f);
}

/* An empty list has a revision too: what has none is no answer of etcd, and empties no replica. */
static void what_is_no_page_is_not_told(void **state) {
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"kvs\":[]}",
                                        "{\"header\":{\"revision\":\"0\"}}",
                                        "{\"header\":{\"revision\":\"-1\"}}",
                                        PAGE("9", "{}", ""),
                                        PAGE("9", KEY("YQ", "3"), ""),
                                        PAGE("9", KEY("YQ==", "0"), "")};
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct fixture f;
        struct berth_error error = BASE_ERROR_INIT;
        int64_t revision = 0;
        BASE_BUF_AUTO next;
        base_buf_init(&next, 4096);
        begin(&f, -1);
        assert_int_equal(
            etcd_stream_page(&f.stream, base_cstr(texts[i]), true, &revision, &next, &error),
            BERTH_E_UNAVAILABLE);
        assert_true(f.told.calls == 0 && f.stream.revision == -1);
        end(&f);
    }
}

/* A page whose next one cannot be named is not the last. */
static void a_key_without_room_does_not_end_the_list(void **state) {
    struct fixture f;
    struct berth_error error = BASE_ERROR_INIT;
    int64_t revision = 0;
    BASE_BUF_AUTO next;
    (void)state;
    base_buf_init(&next, 1);
    begin(&f, -1);
    assert_int_equal(etcd_stream_page(&f.stream,
                                      BERTH_STR(PAGE("9", KEY("YQ==", "3"), ",\"more\":true")),
                                      true, &revision, &next, &error),
                     BERTH_E_NO_MEMORY);
    assert_true(f.stream.revision == -1);
    end(&f);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct fixture f;
        begin(&f, 5);
        (void)take(&f, EVENTS(PUT("YQ==", "7")) EVENTS(PUT("Yg==", "8")));
        assert_true(f.stream.code ? f.stream.revision < 8 : f.stream.revision == 8);
        end(&f);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_in_any_pieces),
        cmocka_unit_test(revisions_never_go_back),
        cmocka_unit_test(a_change_that_fails_is_not_known),
        cmocka_unit_test(a_stream_that_ends_says_so),
        cmocka_unit_test(pages_are_told_in_turn),
        cmocka_unit_test(what_is_no_page_is_not_told),
        cmocka_unit_test(a_key_without_room_does_not_end_the_list),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.etcd.etcd_stream", tests, NULL, NULL);
}
