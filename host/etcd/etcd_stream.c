/* SPDX-License-Identifier: Apache-2.0 */
#include "host/etcd/etcd_stream.h"

void etcd_stream_init(struct etcd_stream *stream, const struct etcd_watch_hooks *hooks,
                      int64_t revision) {
    *stream = (struct etcd_stream){.hooks = *hooks, .revision = revision};
    base_buf_init(&stream->line, ETCD_LINE_MAX);
    etcd_stream_begin(stream);
}

void etcd_stream_deinit(struct etcd_stream *stream) {
    base_buf_deinit(&stream->line);
}

void etcd_stream_begin(struct etcd_stream *stream) {
    base_buf_clear(&stream->line);
    stream->has_begun = false;
    stream->code = BERTH_OK;
    stream->error = (struct berth_error)BASE_ERROR_INIT;
}

/* A key that is there, or was: without name and revision it is none of etcd's. */
static bool read_pair(struct json_value kv, struct base_arena *arena, struct etcd_pair *out_pair) {
    return etcd_read_pair(kv, arena, out_pair) && out_pair->key.len > 0 &&
           out_pair->mod_revision > 0;
}

/* ---- pages ---- */

static int32_t refuse_page(struct berth_error *error) {
    return base_error(error, BERTH_E_UNAVAILABLE, "etcd's list of keys cannot be read");
}

int32_t etcd_stream_page(struct etcd_stream *stream, struct berth_str answer, bool is_first,
                         int64_t *revision, struct base_buf *next, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 65536);
    struct etcd_pair *pairs = base_arena_array(&arena, ETCD_PAGE_KEYS, sizeof *pairs);
    if (!pairs || !json_parse(&doc, answer, 0, NULL)) {
        return refuse_page(error);
    }
    /* An empty list has one too. What says nothing of it is not of etcd, and means not that there
     * are no keys. */
    int64_t of_page = etcd_revision(json_root(&doc));
    if (of_page <= 0) {
        return refuse_page(error);
    }
    *revision = *revision ? *revision : of_page;
    struct json_value kvs = json_get(json_root(&doc), "kvs");
    uint32_t count = 0;
    for (struct json_value v = json_first(kvs); json_present(v) && count < ETCD_PAGE_KEYS;
         v = json_next(kvs, v)) {
        if (!read_pair(v, &arena, &pairs[count++])) {
            return refuse_page(error);
        }
    }
    bool is_last = !json_is(json_get(json_root(&doc), "more"), JSON_TRUE) || count == 0;
    base_buf_clear(next);
    if (!is_last) {
        base_buf_str(next, pairs[count - 1].key);
        base_buf_char(next, '\0');
    }
    if (next->error) {
        return base_error_memory(error);
    }
    int32_t code =
        stream->hooks.listed(stream->hooks.user, pairs, count, is_first, is_last, *revision, error);
    if (!code && is_last) {
        stream->revision = *revision;
    }
    return code;
}

/* ---- the stream ---- */

static int32_t refuse_line(struct berth_error *error) {
    return base_error(error, BERTH_E_UNAVAILABLE, "etcd's stream cannot be read");
}

static int32_t tell_changes(struct etcd_stream *stream, struct json_value result,
                            struct berth_error *error) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 65536);
    struct json_value events = json_get(result, "events");
    size_t count = json_count(events);
    struct etcd_pair *pairs = base_arena_array(&arena, count + 1, sizeof *pairs);
    if (!pairs) {
        return base_error_memory(error);
    }
    size_t i = 0;
    for (struct json_value v = json_first(events); json_present(v); v = json_next(events, v)) {
        if (!read_pair(json_get(v, "kv"), &arena, &pairs[i]) ||
            (i > 0 && pairs[i].mod_revision < pairs[i - 1].mod_revision)) {
            return refuse_line(error);
        }
        pairs[i++].is_deleted = json_string_is(json_get(v, "type"), BERTH_STR("DELETE"));
    }
    /* A change of what is known already is told again rather than lost, as no step back. */
    int64_t revision = i ? pairs[i - 1].mod_revision : etcd_revision(result);
    revision = revision < stream->revision ? stream->revision : revision;
    int32_t code = BERTH_OK;
    if (i || revision > stream->revision) {
        code = stream->hooks.changed(stream->hooks.user, pairs, (uint32_t)i, revision, error);
    }
    stream->revision = code ? stream->revision : revision;
    return code;
}

/* One answer of the stream. */
static int32_t take_line(struct etcd_stream *stream, struct berth_str line,
                         struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, line, 0, NULL)) {
        return refuse_line(error);
    }
    struct json_value result = json_get(json_root(&doc), "result");
    if (!json_present(result)) {
        struct berth_str said = json_raw(json_root(&doc));
        said.len = said.len > 300 ? 300 : said.len;
        return base_error(error, BERTH_E_UNAVAILABLE, "etcd ended the stream: " BASE_FMT,
                          BASE_ARG(said));
    }
    /* First, as a watch that cannot be made is created and canceled in one. */
    if (json_is(json_get(result, "canceled"), JSON_TRUE)) {
        int64_t compacted = etcd_number(json_get(result, "compact_revision"));
        if (compacted) {
            stream->revision = -1; /* what lies between is gone: list again */
        }
        return base_error(error, BERTH_E_UNAVAILABLE, "etcd ended the watch%s",
                          compacted ? ": what it is to begin with was compacted" : "");
    }
    if (json_is(json_get(result, "created"), JSON_TRUE)) {
        stream->has_begun = true;
        return BERTH_OK;
    }
    return tell_changes(stream, result, error);
}

bool etcd_stream_take(struct etcd_stream *stream, const char *bytes, size_t len) {
    struct base_buf *line = &stream->line;
    base_buf_append(line, bytes, len);
    const char *end;
    size_t done = 0;
    while (!line->error && !stream->code && line->len > done &&
           (end = memchr(line->ptr + done, '\n', line->len - done))) {
        size_t length = (size_t)(end - line->ptr) - done;
        if (length) {
            stream->code = take_line(stream, base_str(line->ptr + done, length), &stream->error);
        }
        done += length + 1;
    }
    if (line->error) {
        stream->code = base_error_memory(&stream->error);
    }
    if (done) {
        memmove(line->ptr, line->ptr + done, line->len - done);
        line->len -= done;
    }
    return !stream->code;
}
