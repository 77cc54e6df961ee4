/* SPDX-License-Identifier: Apache-2.0 */
#include "host/etcd/etcd_watch.h"

#include "base/json_write.h"
#include "host/base/condition.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Keys of a page of a list. */
#define PAGE_KEYS 500
/* Between tries, doubled from the first to the last. */
#define PAUSE_FIRST_MS 50u
#define PAUSE_LAST_MS 2000u
/* A line of the stream: the changes of a few revisions. */
#define LINE_MAX_BYTES ((size_t)256 << 20)
#define PREFIX_MAX 256u

struct etcd_watch {
    struct etcd *etcd;
    const char *name;
    struct etcd_watch_hooks hooks;
    char prefix[PREFIX_MAX];
    size_t prefix_len;
    int64_t revision;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_ending; /* under lock */
    _Atomic bool is_stopped;
    _Atomic bool again;
    /* Of the stream that is open: */
    struct base_buf line;
    struct berth_error error;
    int32_t code;
    bool has_begun;
};

static struct berth_str prefix_of(const struct etcd_watch *watch) {
    return base_str(watch->prefix, watch->prefix_len);
}

/* ---- listing ---- */

/* Tells one page; out_next: the key that the next one begins with, empty with the last. */
static int32_t tell_page(struct etcd_watch *watch, struct berth_str text, bool is_first,
                         int64_t *revision, struct base_buf *next, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 65536);
    struct etcd_pair *pairs = base_arena_array(&arena, PAGE_KEYS, sizeof *pairs);
    if (!pairs || !json_parse(&doc, text, 0, NULL)) {
        return base_error(error, BERTH_E_UNAVAILABLE, "etcd's list of keys cannot be read");
    }
    struct json_value kvs = json_get(json_root(&doc), "kvs");
    uint32_t count = 0;
    for (struct json_value v = json_first(kvs); json_present(v) && count < PAGE_KEYS;
         v = json_next(kvs, v)) {
        if (!etcd_read_pair(v, &arena, &pairs[count++])) {
            return base_error(error, BERTH_E_UNAVAILABLE, "etcd's list of keys cannot be read");
        }
    }
    *revision = *revision ? *revision : etcd_revision(json_root(&doc));
    bool is_last = !json_is(json_get(json_root(&doc), "more"), JSON_TRUE) || count == 0;
    base_buf_clear(next);
    if (!is_last) {
        base_buf_str(next, pairs[count - 1].key);
        base_buf_char(next, '\0');
    }
    return watch->hooks.listed(watch->hooks.user, pairs, count, is_first, is_last, *revision,
                               error);
}

/* All pages are of one revision, that of the first. */
static int32_t list(struct etcd_watch *watch, struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    BASE_BUF_AUTO next;
    int64_t revision = 0;
    base_buf_init(&body, 65536);
    base_buf_init(&answer, LINE_MAX_BYTES);
    base_buf_init(&next, 65536);
    int32_t code = BERTH_OK;
    do {
        base_buf_clear(&body);
        json_open_object(&body);
        etcd_put_range(&body, prefix_of(watch), base_buf_view(&next));
        json_member_i64(&body, "limit", PAGE_KEYS);
        if (revision) {
            json_member_i64(&body, "revision", revision);
        }
        json_close_object(&body);
        code = body.error || next.error
                   ? base_error_memory(error)
                   : etcd_ask(watch->etcd, "kv/range", base_buf_view(&body),
                              ETCD_REPEATABLE | ETCD_PROBE, &answer, NULL, error);
        code =
            code ? code
                 : tell_page(watch, base_buf_view(&answer), revision == 0, &revision, &next, error);
    } while (!code && next.len > 0 && !watch->is_stopped);
    if (!code && next.len == 0) {
        watch->revision = revision;
    }
    return code;
}

/* ---- the stream ---- */

static int32_t tell_changes(struct etcd_watch *watch, struct json_value result,
                            struct berth_error *error) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 65536);
    struct json_value events = json_get(result, "events");
    size_t count = json_count(events);
    struct etcd_pair *pairs = base_arena_array(&arena, count + 1, sizeof *pairs);
    size_t i = 0;
    for (struct json_value v = json_first(events); json_present(v) && pairs;
         v = json_next(events, v)) {
        if (!etcd_read_pair(json_get(v, "kv"), &arena, &pairs[i])) {
            pairs = NULL;
            break;
        }
        pairs[i++].is_deleted = json_string_is(json_get(v, "type"), BERTH_STR("DELETE"));
    }
    if (!pairs) {
        return base_error_memory(error);
    }
    int64_t revision = i ? pairs[i - 1].mod_revision : etcd_revision(result);
    int32_t code = BERTH_OK;
    if (i || revision > watch->revision) {
        code = watch->hooks.changed(watch->hooks.user, pairs, (uint32_t)i, revision, error);
    }
    if (!code && revision > watch->revision) {
        watch->revision = revision;
    }
    return code;
}

/* One answer of the stream. */
static int32_t take_line(struct etcd_watch *watch, struct berth_str line,
                         struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, line, 0, NULL)) {
        return base_error(error, BERTH_E_UNAVAILABLE, "etcd's stream cannot be read");
    }
    struct json_value result = json_get(json_root(&doc), "result");
    if (!json_present(result)) {
        struct berth_str said = json_raw(json_root(&doc));
        said.len = said.len > 300 ? 300 : said.len;
        return base_error(error, BERTH_E_UNAVAILABLE, "etcd ended the stream: " BASE_FMT,
                          BASE_ARG(said));
    }
    if (json_is(json_get(result, "created"), JSON_TRUE)) {
        watch->has_begun = true;
        etcd_has_answered(watch->etcd);
        return BERTH_OK;
    }
    if (json_is(json_get(result, "canceled"), JSON_TRUE)) {
        int64_t compacted = etcd_number(json_get(result, "compact_revision"));
        if (compacted) {
            watch->revision = -1; /* what lies between is gone: list again */
        }
        return base_error(error, BERTH_E_UNAVAILABLE, "etcd ended the watch%s",
                          compacted ? ": what it is to begin with was compacted" : "");
    }
    return tell_changes(watch, result, error);
}

static size_t take(char *bytes, size_t size, size_t count, void *user) {
    struct etcd_watch *watch = user;
    struct base_buf *line = &watch->line;
    base_buf_append(line, bytes, size * count);
    const char *end;
    size_t done = 0;
    while (!line->error && !watch->code && line->len > done &&
           (end = memchr(line->ptr + done, '\n', line->len - done))) {
        size_t length = (size_t)(end - line->ptr) - done;
        if (length) {
            watch->code = take_line(watch, base_str(line->ptr + done, length), &watch->error);
        }
        done += length + 1;
    }
    if (line->error) {
        watch->code = base_error_memory(&watch->error);
    }
    if (done) {
        memmove(line->ptr, line->ptr + done, line->len - done);
        line->len -= done;
    }
    return watch->code ? 0 : size * count;
}

/* Runs a transfer until it ends, or the watch is to end or to begin anew. */
static void run(struct etcd_watch *watch, CURL *easy) {
    int running = 1;
    if (curl_multi_add_handle(watch->multi, easy) != CURLM_OK) {
        watch->code = base_error_memory(&watch->error);
        return;
    }
    while (running && !watch->is_stopped && !watch->again) {
        if (curl_multi_perform(watch->multi, &running) != CURLM_OK) {
            break;
        }
        if (running) {
            (void)curl_multi_poll(watch->multi, NULL, 0, 60000, NULL);
        }
    }
    (void)curl_multi_remove_handle(watch->multi, easy);
}

/* Opens the stream and follows it to its end, which always has a reason. */
static int32_t follow(struct etcd_watch *watch, struct berth_error *error) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, 4096);
    json_open_object(&body);
    json_key(&body, "create_request");
    json_open_object(&body);
    etcd_put_range(&body, prefix_of(watch), base_str("", 0));
    json_member_i64(&body, "start_revision", watch->revision + 1);
    json_member_bool(&body, "progress_notify", true);
    json_close_object(&body);
    json_close_object(&body);
    struct etcd_handle *handle = body.error ? NULL : etcd_handle_take(watch->etcd, error);
    if (!handle) {
        return base_error_memory(error);
    }
    uint32_t endpoint = etcd_endpoint(watch->etcd);
    CURL *easy = etcd_handle_prepare(watch->etcd, handle, endpoint, "watch", base_buf_view(&body));
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, watch);
    base_buf_clear(&watch->line);
    watch->code = BERTH_OK;
    watch->has_begun = false;
    watch->error = (struct berth_error)BASE_ERROR_INIT;
    run(watch, easy);
    etcd_handle_give(watch->etcd, handle);
    if (!watch->has_begun) {
        etcd_endpoint_failed(watch->etcd, endpoint);
    }
    if (watch->code) {
        return base_error(error, watch->code, "%s", watch->error.message);
    }
    return base_error(error, BERTH_E_UNAVAILABLE, "the stream ended");
}

/* ---- the thread ---- */

static void pause_for(struct etcd_watch *watch, uint64_t ms) {
    struct timespec until = condition_in(ms);
    (void)pthread_mutex_lock(&watch->lock);
    if (!watch->is_ending) {
        (void)pthread_cond_timedwait(&watch->wake, &watch->lock, &until);
    }
    (void)pthread_mutex_unlock(&watch->lock);
}

static void *work(void *user) {
    struct etcd_watch *watch = user;
    uint64_t pause = PAUSE_FIRST_MS;
    (void)pthread_setname_np(pthread_self(), watch->name);
    while (!watch->is_stopped) {
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = watch->revision < 0 ? list(watch, &error) : BERTH_OK;
        bool has_listed = !code;
        watch->again = false;
        watch->has_begun = false;
        code = code || watch->is_stopped ? code : follow(watch, &error);
        if (watch->is_stopped || !code) {
            continue;
        }
        pause = has_listed && watch->has_begun ? PAUSE_FIRST_MS
                : pause * 2 > PAUSE_LAST_MS    ? PAUSE_LAST_MS
                                               : pause * 2;
        LOG(etcd_log(watch->etcd), BERTH_LOG_DEBUG, "etcd_watch_ended",
            LOG_FIELD("watch", base_cstr(watch->name)),
            LOG_FIELD("reason", base_cstr(error.message)));
        pause_for(watch, pause);
    }
    return NULL;
}

int32_t etcd_watch_start(const struct etcd_watch_options *options, struct etcd_watch **out_watch,
                         struct berth_error *error) {
    if (options->prefix.len == 0 || options->prefix.len >= PREFIX_MAX) {
        return base_error(error, BERTH_E_INVALID, "a prefix has 1 to %u bytes", PREFIX_MAX - 1);
    }
    struct etcd_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return base_error_memory(error);
    }
    condition_init(&watch->wake);
    (void)pthread_mutex_init(&watch->lock, NULL);
    watch->etcd = options->etcd;
    watch->name = options->name;
    watch->hooks = options->hooks;
    watch->revision = options->revision;
    watch->prefix_len = BASE_LEN(options->prefix);
    memcpy(watch->prefix, options->prefix.ptr, watch->prefix_len);
    base_buf_init(&watch->line, LINE_MAX_BYTES);
    watch->multi = curl_multi_init();
    int failed = watch->multi ? pthread_create(&watch->thread, NULL, work, watch) : -1;
    if (failed) {
        (void)curl_multi_cleanup(watch->multi);
        (void)pthread_cond_destroy(&watch->wake);
        (void)pthread_mutex_destroy(&watch->lock);
        free(watch);
        return base_error_memory(error);
    }
    *out_watch = watch;
    return BERTH_OK;
}

void etcd_watch_again(struct etcd_watch *watch) {
    watch->again = true;
    (void)curl_multi_wakeup(watch->multi);
}

void etcd_watch_stop(struct etcd_watch *watch) {
    if (!watch) {
        return;
    }
    watch->is_stopped = true;
    (void)curl_multi_wakeup(watch->multi);
    (void)pthread_mutex_lock(&watch->lock);
    watch->is_ending = true;
    (void)pthread_cond_signal(&watch->wake);
    (void)pthread_mutex_unlock(&watch->lock);
    (void)pthread_join(watch->thread, NULL);
    (void)curl_multi_cleanup(watch->multi);
    base_buf_deinit(&watch->line);
    (void)pthread_cond_destroy(&watch->wake);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}
