/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/etcd: what etcd tells a watch. A page is told once, or refused with words. However a stream
 * is cut into pieces, the same changes are told; revisions never go back; nothing is told behind
 * what cannot be read; what was told, written as etcd writes it, is told the same again.
 *
 * Input: the length of the pieces (a byte); pages, parted by lines "---"; the stream, behind a line
 * "===".
 */
#include "host/etcd/etcd_stream.h"

#include "base/json_write.h"
#include "tests/fuzz/fuzz.h"

#define KNOWN 5

struct told {
    struct base_buf log;   /* all that was told, to be compared */
    struct base_buf again; /* as etcd writes it */
    int64_t revision;      /* the last */
    uint32_t calls;
    bool is_last;
    char key[64]; /* the last of a page, as far as there is room */
    uint64_t key_len;
};

static void put_pair(struct told *told, const struct etcd_pair *pair) {
    struct base_buf *again = &told->again;
    base_buf_format(&told->log, "%d %llu:", pair->is_deleted, (unsigned long long)pair->key.len);
    base_buf_str(&told->log, pair->key);
    base_buf_format(&told->log, " %llu:", (unsigned long long)pair->value.len);
    base_buf_str(&told->log, pair->value);
    base_buf_format(&told->log, " %lld %lld %lld\n", (long long)pair->create_revision,
                    (long long)pair->mod_revision, (long long)pair->version);
    json_open_object(again);
    if (pair->is_deleted) {
        json_member_cstr(again, "type", "DELETE");
    }
    json_key(again, "kv");
    json_open_object(again);
    json_key(again, "key");
    etcd_put_bytes(again, pair->key);
    json_key(again, "value");
    etcd_put_bytes(again, pair->value);
    base_buf_format(
        again, ",\"create_revision\":\"%lld\",\"mod_revision\":\"%lld\",\"version\":\"%lld\"",
        (long long)pair->create_revision, (long long)pair->mod_revision, (long long)pair->version);
    json_close_object(again);
    json_close_object(again);
}

static void put_pairs(struct told *told, const struct etcd_pair *pairs, uint32_t count,
                      int64_t revision) {
    FUZZ_CHECK(revision > 0);
    told->calls++;
    told->revision = revision;
    base_buf_format(&told->log, "%lld\n", (long long)revision);
    base_buf_format(&told->again, "{\"result\":{\"header\":{\"revision\":\"%lld\"},\"events\":[",
                    (long long)revision);
    for (uint32_t i = 0; i < count; i++) {
        FUZZ_CHECK(pairs[i].key.len > 0 && pairs[i].mod_revision > 0);
        put_pair(told, &pairs[i]);
    }
    base_buf_cstr(&told->again, "]}}\n");
    FUZZ_CHECK(!told->log.error && !told->again.error);
}

static int32_t changed(void *user, const struct etcd_pair *changes, uint32_t count,
                       int64_t revision, struct berth_error *error) {
    struct told *told = user;
    (void)error;
    FUZZ_CHECK(revision >= told->revision && (count > 0 || revision > told->revision));
    for (uint32_t i = 0; i < count; i++) {
        FUZZ_CHECK(changes[i].mod_revision <= revision);
        FUZZ_CHECK(i == 0 || changes[i - 1].mod_revision <= changes[i].mod_revision);
    }
    put_pairs(told, changes, count, revision);
    return BERTH_OK;
}

static int32_t listed(void *user, const struct etcd_pair *pairs, uint32_t count, bool is_first,
                      bool is_last, int64_t revision, struct berth_error *error) {
    struct told *told = user;
    (void)error;
    FUZZ_CHECK(count <= ETCD_PAGE_KEYS && (count > 0 || is_last));
    FUZZ_CHECK(is_first || revision == told->revision); /* all are of that of the first */
    told->is_last = is_last;
    told->key_len = count ? pairs[count - 1].key.len : 0;
    if (count) {
        memcpy(told->key, pairs[count - 1].key.ptr,
               told->key_len < sizeof told->key ? BASE_LEN(pairs[count - 1].key)
                                                : sizeof told->key);
    }
    put_pairs(told, pairs, count, revision);
    return BERTH_OK;
}

static void begin(struct etcd_stream *stream, struct told *told, int64_t revision) {
    const struct etcd_watch_hooks hooks = {.user = told, .listed = listed, .changed = changed};
    *told = (struct told){.revision = revision};
    base_buf_init(&told->log, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&told->again, BASE_BUF_MAX_DEFAULT);
    etcd_stream_init(stream, &hooks, revision);
}

static void end(struct etcd_stream *stream, struct told *told) {
    etcd_stream_deinit(stream);
    base_buf_deinit(&told->log);
    base_buf_deinit(&told->again);
}

/* ---- pages ---- */

static void check_next(const struct told *told, const struct base_buf *next) {
    size_t kept = told->key_len < sizeof told->key ? (size_t)told->key_len : sizeof told->key;
    FUZZ_CHECK(told->is_last == (next->len == 0));
    if (!told->is_last) {
        FUZZ_CHECK(next->len == told->key_len + 1 && next->ptr[next->len - 1] == '\0');
        FUZZ_CHECK(memcmp(next->ptr, told->key, kept) == 0);
    }
}

/* As a list is read: until a page is the last, or is none. */
static void check_pages(struct berth_str texts) {
    struct etcd_stream stream;
    struct told told;
    BASE_BUF_AUTO next;
    struct berth_error error = BASE_ERROR_INIT;
    int64_t revision = 0;
    int32_t code = BERTH_OK;
    base_buf_init(&next, BASE_BUF_MAX_DEFAULT);
    begin(&stream, &told, -1);
    do {
        uint32_t calls = told.calls;
        code =
            etcd_stream_page(&stream, fuzz_part(&texts), revision == 0, &revision, &next, &error);
        FUZZ_CHECK(told.calls == calls + (code == BERTH_OK));
        FUZZ_CHECK(!code || (code == BERTH_E_UNAVAILABLE && error.message[0]));
        if (!code) {
            check_next(&told, &next);
        }
        FUZZ_CHECK(stream.revision == (!code && told.is_last ? told.revision : -1));
    } while (!code && !told.is_last && texts.len);
    end(&stream, &told);
}

/* ---- the stream ---- */

/* The last piece is shorter. */
static void take(struct etcd_stream *stream, const struct told *told, struct berth_str text,
                 size_t piece) {
    for (uint64_t at = 0; at < text.len; at += piece) {
        bool was_ended = stream->code != BERTH_OK;
        uint32_t calls = told->calls;
        struct berth_str part = base_str_slice(text, at, at + piece);
        bool ok = etcd_stream_take(stream, part.ptr, BASE_LEN(part));
        FUZZ_CHECK(ok == !stream->code && (ok || stream->error.message[0]));
        FUZZ_CHECK(!was_ended || (!ok && told->calls == calls));
    }
    FUZZ_CHECK(!stream->code || stream->code == BERTH_E_UNAVAILABLE);
    FUZZ_CHECK(stream->revision == told->revision || (stream->code && stream->revision == -1));
}

static void check_again(const struct told *told) {
    struct etcd_stream stream;
    struct told again;
    begin(&stream, &again, KNOWN);
    take(&stream, &again, base_buf_view(&told->again), told->again.len + 1);
    FUZZ_CHECK(!stream.code);
    FUZZ_CHECK(base_str_eq(base_buf_view(&told->log), base_buf_view(&again.log)));
    end(&stream, &again);
}

static void check_stream(struct berth_str text, size_t piece) {
    const size_t pieces[] = {piece, 1};
    struct etcd_stream whole;
    struct told told;
    begin(&whole, &told, KNOWN);
    take(&whole, &told, text, BASE_LEN(text) + 1);
    for (size_t i = 0; i < BASE_COUNT(pieces); i++) {
        struct etcd_stream stream;
        struct told again;
        begin(&stream, &again, KNOWN);
        take(&stream, &again, text, pieces[i]);
        FUZZ_CHECK(stream.code == whole.code && stream.revision == whole.revision);
        FUZZ_CHECK(stream.has_begun == whole.has_begun);
        FUZZ_CHECK(base_str_eq(base_buf_view(&told.log), base_buf_view(&again.log)));
        end(&stream, &again);
    }
    check_again(&told);
    end(&whole, &told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct berth_str all = fuzz_text(data + 1, size - 1);
    const char *mark = all.len ? memmem(all.ptr, BASE_LEN(all), "\n===\n", 5) : NULL;
    uint64_t at = mark ? (uint64_t)(mark - all.ptr) : 0;
    check_pages(base_str_slice(all, 0, at));
    check_stream(mark ? base_str_from(all, at + 5) : all, (size_t)data[0] + 1);
    return 0;
}
