/* SPDX-License-Identifier: Apache-2.0 */
#include "host/etcd/etcd_watch.h"

#include "base/json_write.h"
#include "host/base/condition.h"
#include "host/etcd/etcd_stream.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Between tries, doubled from the first to the last. */
#define PAUSE_FIRST_MS 50u
#define PAUSE_LAST_MS 2000u
#define PREFIX_MAX 256u

struct etcd_watch {
    struct etcd *etcd;
    const char *name;
    struct etcd_stream stream;
    char prefix[PREFIX_MAX];
    size_t prefix_len;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_ending; /* under lock */
    _Atomic bool is_stopped;
    _Atomic bool again;
};

static struct berth_str prefix_of(const struct etcd_watch *watch) {
    return base_str(watch->prefix, watch->prefix_len);
}

/* ---- listing ---- */

/* All pages are of one revision, that of the first. */
static int32_t list(struct etcd_watch *watch, struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    BASE_BUF_AUTO next;
    int64_t revision = 0;
    base_buf_init(&body, ETCD_LINE_MAX); /* a key has no bound but its request's */
    base_buf_init(&answer, ETCD_LINE_MAX);
    base_buf_init(&next, ETCD_LINE_MAX);
    int32_t code = BERTH_OK;
    do {
        base_buf_clear(&body);
        json_open_object(&body);
        etcd_put_range(&body, prefix_of(watch), base_buf_view(&next));
        json_member_i64(&body, "limit", ETCD_PAGE_KEYS);
        if (revision) {
            json_member_i64(&body, "revision", revision);
        }
        json_close_object(&body);
        code = body.error || next.error
                   ? base_error_memory(error)
                   : etcd_ask(watch->etcd, "kv/range", base_buf_view(&body),
                              ETCD_REPEATABLE | ETCD_PROBE, &answer, NULL, error);
        code = code ? code
                    : etcd_stream_page(&watch->stream, base_buf_view(&answer), revision == 0,
                                       &revision, &next, error);
    } while (!code && next.len > 0 && !watch->is_stopped);
    return code;
}

/* ---- the stream ---- */

/* What libcurl has received. */
static size_t take(char *bytes, size_t size, size_t count, void *user) {
    struct etcd_watch *watch = user;
    bool had_begun = watch->stream.has_begun;
    bool ok = etcd_stream_take(&watch->stream, bytes, size * count);
    if (watch->stream.has_begun && !had_begun) {
        etcd_has_answered(watch->etcd);
    }
    return ok ? size * count : 0;
}

/* Runs a transfer until it ends, or the watch is to end or to begin anew. */
static void run(struct etcd_watch *watch, CURL *easy) {
    int running = 1;
    if (curl_multi_add_handle(watch->multi, easy) != CURLM_OK) {
        watch->stream.code = base_error_memory(&watch->stream.error);
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
    json_member_i64(&body, "start_revision", watch->stream.revision + 1);
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
    etcd_stream_begin(&watch->stream);
    run(watch, easy);
    etcd_handle_give(watch->etcd, handle);
    if (!watch->stream.has_begun) {
        etcd_endpoint_failed(watch->etcd, endpoint);
    }
    if (watch->stream.code) {
        return base_error(error, watch->stream.code, "%s", watch->stream.error.message);
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
        int32_t code = watch->stream.revision < 0 ? list(watch, &error) : BERTH_OK;
        bool has_listed = !code;
        watch->again = false;
        watch->stream.has_begun = false;
        code = code || watch->is_stopped ? code : follow(watch, &error);
        if (watch->is_stopped || !code) {
            continue;
        }
        pause = has_listed && watch->stream.has_begun ? PAUSE_FIRST_MS
                : pause * 2 > PAUSE_LAST_MS           ? PAUSE_LAST_MS
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
    etcd_stream_init(&watch->stream, &options->hooks, options->revision);
    watch->prefix_len = BASE_LEN(options->prefix);
    memcpy(watch->prefix, options->prefix.ptr, watch->prefix_len);
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
    etcd_stream_deinit(&watch->stream);
    (void)pthread_cond_destroy(&watch->wake);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}
