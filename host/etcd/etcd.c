/* SPDX-License-Identifier: Apache-2.0 */
#include "host/etcd/etcd.h"

#include "base/clock.h"
#include "base/curl/curl_late.h"
#include "base/json_write.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* For a connection; an endpoint that is there takes less than a millisecond. */
#define CONNECT_TIMEOUT_MS 1000L
/* While no endpoint answers, how long requests fail without asking one. */
#define AWAY_MS 1000u
/* An answer; pages of lists and transactions are well below. */
#define ANSWER_MAX ((size_t)256 << 20)
#define TOKEN_MAX 512u
#define URL_MAX 512u

/* Codes of gRPC that the gateway passes on. */
enum grpc_code {
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

struct etcd_handle {
    struct etcd_handle *next;
    CURL *easy;
    char url[URL_MAX];
    char token[TOKEN_MAX + 32];
    struct curl_slist headers[3];
};

struct etcd {
    char *endpoints[ETCD_ENDPOINTS_MAX];
    uint32_t endpoint_count;
    char *ca;
    char *certificate;
    char *key;
    char *user;
    char *password;
    uint64_t timeout_ms;
    struct log *log;
    _Atomic uint32_t current;
    _Atomic bool is_up;
    _Atomic uint64_t try_at; /* base_monotonic_ns; while it is not up */
    pthread_mutex_t lock;
    struct etcd_handle *handles; /* free ones; under lock */
    char token[TOKEN_MAX];       /* under lock */
};

/* ---- creation ---- */

static char *copy(struct berth_str text) {
    return strndup(text.ptr ? text.ptr : "", BASE_LEN(text));
}

static int32_t copy_endpoint(struct etcd *etcd, struct berth_str text, struct berth_error *error) {
    bool http = base_str_starts(text, BERTH_STR("http://"));
    if ((!http && !base_str_starts(text, BERTH_STR("https://"))) || text.len > URL_MAX / 2) {
        return base_error(error, BERTH_E_INVALID,
                          "cluster.endpoints: [" BASE_FMT
                          "] is no address: http://host:port or https://host:port",
                          BASE_ARG(text));
    }
    while (text.len && text.ptr[text.len - 1] == '/') {
        text.len--;
    }
    char *kept = copy(text);
    etcd->endpoints[etcd->endpoint_count] = kept;
    etcd->endpoint_count += kept != NULL;
    return kept ? BERTH_OK : base_error_memory(error);
}

int32_t etcd_create(const struct etcd_options *options, struct etcd **out_etcd,
                    struct berth_error *error) {
    if (!base_curl_load()) {
        return base_error(error, BERTH_E_UNSUPPORTED,
                          "a cluster needs libcurl (Debian's package libcurl4)");
    }
    if (options->endpoint_count == 0 || options->endpoint_count > ETCD_ENDPOINTS_MAX) {
        return base_error(error, BERTH_E_INVALID,
                          "cluster.endpoints: 1 to %u addresses of etcd's members, not %u",
                          ETCD_ENDPOINTS_MAX, options->endpoint_count);
    }
    struct etcd *etcd = calloc(1, sizeof *etcd);
    if (!etcd) {
        return base_error_memory(error);
    }
    (void)pthread_mutex_init(&etcd->lock, NULL);
    etcd->timeout_ms = options->timeout_ms;
    etcd->log = options->log;
    etcd->is_up = true;
    etcd->ca = copy(options->ca);
    etcd->certificate = copy(options->certificate);
    etcd->key = copy(options->key);
    etcd->user = copy(options->user);
    etcd->password = copy(options->password);
    int32_t code = etcd->ca && etcd->certificate && etcd->key && etcd->user && etcd->password
                       ? BERTH_OK
                       : base_error_memory(error);
    for (uint32_t i = 0; i < options->endpoint_count && !code; i++) {
        code = copy_endpoint(etcd, options->endpoints[i], error);
    }
    if (code) {
        etcd_destroy(etcd);
        return code;
    }
    *out_etcd = etcd;
    return BERTH_OK;
}

static void wipe(char *text) {
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void etcd_destroy(struct etcd *etcd) {
    if (!etcd) {
        return;
    }
    while (etcd->handles) {
        struct etcd_handle *next = etcd->handles->next;
        curl_easy_cleanup(etcd->handles->easy);
        explicit_bzero(etcd->handles->token, sizeof etcd->handles->token);
        free(etcd->handles);
        etcd->handles = next;
    }
    for (uint32_t i = 0; i < etcd->endpoint_count; i++) {
        free(etcd->endpoints[i]);
    }
    free(etcd->ca);
    free(etcd->certificate);
    free(etcd->key);
    free(etcd->user);
    wipe(etcd->password);
    explicit_bzero(etcd->token, sizeof etcd->token);
    (void)pthread_mutex_destroy(&etcd->lock);
    free(etcd);
}

bool etcd_is_up(const struct etcd *etcd) {
    return etcd->is_up;
}

struct log *etcd_log(const struct etcd *etcd) {
    return etcd->log;
}

uint32_t etcd_endpoint(const struct etcd *etcd) {
    return etcd->current;
}

uint32_t etcd_endpoint_count(const struct etcd *etcd) {
    return etcd->endpoint_count;
}

void etcd_endpoint_failed(struct etcd *etcd, uint32_t endpoint) {
    uint32_t expected = endpoint;
    (void)atomic_compare_exchange_strong(&etcd->current, &expected,
                                         (endpoint + 1) % etcd->endpoint_count);
}

/* ---- handles ---- */

struct etcd_handle *etcd_handle_take(struct etcd *etcd, struct berth_error *error) {
    (void)pthread_mutex_lock(&etcd->lock);
    struct etcd_handle *handle = etcd->handles;
    if (handle) {
        etcd->handles = handle->next;
    }
    (void)pthread_mutex_unlock(&etcd->lock);
    if (handle) {
        return handle;
    }
    handle = calloc(1, sizeof *handle);
    if (handle) {
        handle->easy = curl_easy_init();
    }
    if (!handle || !handle->easy) {
        free(handle);
        (void)base_error_memory(error);
        return NULL;
    }
    return handle;
}

void etcd_handle_give(struct etcd *etcd, struct etcd_handle *handle) {
    (void)pthread_mutex_lock(&etcd->lock);
    handle->next = etcd->handles;
    etcd->handles = handle;
    (void)pthread_mutex_unlock(&etcd->lock);
}

static struct curl_slist *make_headers(struct etcd *etcd, struct etcd_handle *handle) {
    static char type[] = "Content-Type: application/json";
    static char expect[] = "Expect:";
    handle->headers[0] = (struct curl_slist){type, &handle->headers[1]};
    handle->headers[1] = (struct curl_slist){expect, NULL};
    (void)pthread_mutex_lock(&etcd->lock);
    if (etcd->token[0]) {
        (void)snprintf(handle->token, sizeof handle->token, "Authorization: %s", etcd->token);
        handle->headers[1].next = &handle->headers[2];
        handle->headers[2] = (struct curl_slist){handle->token, NULL};
    }
    (void)pthread_mutex_unlock(&etcd->lock);
    return handle->headers;
}

void *etcd_handle_prepare(struct etcd *etcd, struct etcd_handle *handle, uint32_t endpoint,
                          const char *path, struct berth_str body) {
    CURL *easy = handle->easy;
    (void)snprintf(handle->url, sizeof handle->url, "%s/v3/%s", etcd->endpoints[endpoint], path);
    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_URL, handle->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, make_headers(etcd, handle));
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (etcd->ca[0]) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, etcd->ca);
    }
    if (etcd->certificate[0]) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, etcd->certificate);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, etcd->key);
    }
    return easy;
}

/* ---- requests ---- */

static size_t keep(char *bytes, size_t size, size_t count, void *user) {
    struct base_buf *out = user;
    base_buf_append(out, bytes, size * count);
    return out->error ? 0 : size * count;
}

/* What came of one try. */
enum outcome {
    ANSWERED,
    NEVER_SENT, /* no connection: nothing can have happened */
    LOST,       /* sent, perhaps: it may have happened */
    REFUSED,    /* etcd says why, or what it says has no room */
    NO_TOKEN,
};

/* etcd has a limit of its own, and so has the gateway before it. */
static bool is_too_large(struct berth_str said) {
    return base_str_contains(said, BERTH_STR("too large")) ||
           base_str_contains(said, BERTH_STR("larger than max"));
}

static int32_t meaning_of(int64_t grpc, long status, struct berth_str said) {
    switch (grpc) {
    case GRPC_INVALID_ARGUMENT:
    case GRPC_RESOURCE_EXHAUSTED:
        if (is_too_large(said)) {
            return BERTH_E_TOO_LARGE;
        }
        return grpc == GRPC_RESOURCE_EXHAUSTED ? BERTH_E_UNAVAILABLE : BERTH_E_INTERNAL;
    case GRPC_OUT_OF_RANGE:
        return BERTH_E_CONFLICT;
    case GRPC_UNAVAILABLE:
    case GRPC_UNAUTHENTICATED:
        return BERTH_E_UNAVAILABLE;
    default:
        return status >= 502 ? BERTH_E_UNAVAILABLE : BERTH_E_INTERNAL;
    }
}

static enum outcome try_once(struct etcd *etcd, struct etcd_handle *handle, uint32_t endpoint,
                             const char *path, struct berth_str body, struct base_buf *out,
                             struct berth_error *error) {
    CURL *easy = etcd_handle_prepare(etcd, handle, endpoint, path, body);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)etcd->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
    base_buf_clear(out);
    CURLcode code = curl_easy_perform(easy);
    if (out->error) {
        (void)base_error_memory(error); /* it answered, and this could not be kept */
        return REFUSED;
    }
    if (code != CURLE_OK) {
        (void)base_error(error, BERTH_E_UNAVAILABLE, "etcd at %s does not answer: %s",
                         etcd->endpoints[endpoint], curl_easy_strerror(code));
        return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
                       code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION
                   ? NEVER_SENT
                   : LOST;
    }
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
        return ANSWERED;
    }
    JSON_DOC_AUTO doc = {0};
    int64_t grpc = 0;
    struct berth_str said = base_buf_view(out);
    if (json_parse(&doc, said, 0, NULL)) {
        (void)json_i64(json_get(json_root(&doc), "code"), &grpc);
        struct json_value message = json_get(json_root(&doc), "message");
        said = json_present(message) ? json_inner(message)
                                     : json_inner(json_get(json_root(&doc), "error"));
    }
    said.len = said.len > 300 ? 300 : said.len;
    int32_t meaning = meaning_of(grpc, status, said);
    (void)base_error(error, meaning, "etcd at %s answers %ld: " BASE_FMT, etcd->endpoints[endpoint],
                     status, BASE_ARG(said));
    if (grpc == GRPC_UNAUTHENTICATED) {
        return NO_TOKEN;
    }
    return grpc == GRPC_UNAVAILABLE || status >= 502 ? LOST : REFUSED;
}

/* Gets a token for the user and keeps it for the requests that follow. */
static bool authenticate(struct etcd *etcd, struct etcd_handle *handle, uint32_t endpoint,
                         struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    base_buf_init_private(&body, 4096);
    base_buf_init_private(&answer, 65536);
    (void)pthread_mutex_lock(&etcd->lock);
    etcd->token[0] = '\0';
    (void)pthread_mutex_unlock(&etcd->lock);
    json_open_object(&body);
    json_member_cstr(&body, "name", etcd->user);
    json_member_cstr(&body, "password", etcd->password);
    json_close_object(&body);
    if (body.error ||
        try_once(etcd, handle, endpoint, "auth/authenticate", base_buf_view(&body), &answer,
                 error) != ANSWERED ||
        !json_parse(&doc, base_buf_view(&answer), 0, NULL)) {
        return false;
    }
    struct berth_str token = json_inner(json_get(json_root(&doc), "token"));
    if (token.len == 0 || token.len >= TOKEN_MAX) {
        return false;
    }
    (void)pthread_mutex_lock(&etcd->lock);
    memcpy(etcd->token, token.ptr, BASE_LEN(token));
    etcd->token[token.len] = '\0';
    (void)pthread_mutex_unlock(&etcd->lock);
    return true;
}

static void found_up(struct etcd *etcd, bool is_up, const struct berth_error *error) {
    etcd->try_at = base_monotonic_ns() + (uint64_t)AWAY_MS * BASE_NS_PER_MS;
    if (atomic_exchange(&etcd->is_up, is_up) == is_up) {
        return;
    }
    if (is_up) {
        uint32_t endpoint = atomic_load(&etcd->current);
        LOG(etcd->log, BERTH_LOG_INFO, "etcd_is_back",
            LOG_FIELD("endpoint", base_cstr(etcd->endpoints[endpoint])));
    } else {
        LOG(etcd->log, BERTH_LOG_WARN, "etcd_is_away",
            LOG_FIELD("reason", base_cstr(error ? error->message : "")));
    }
}

void etcd_has_answered(struct etcd *etcd) {
    found_up(etcd, true, NULL);
}

static enum outcome try_endpoint(struct etcd *etcd, struct etcd_handle *handle, uint32_t endpoint,
                                 const char *path, struct berth_str body, struct base_buf *out,
                                 struct berth_error *error) {
    bool wants_token = etcd->user[0] != '\0';
    (void)pthread_mutex_lock(&etcd->lock);
    wants_token = wants_token && !etcd->token[0];
    (void)pthread_mutex_unlock(&etcd->lock);
    if (wants_token && !authenticate(etcd, handle, endpoint, error)) {
        return NEVER_SENT;
    }
    enum outcome outcome = try_once(etcd, handle, endpoint, path, body, out, error);
    if (outcome == NO_TOKEN && etcd->user[0] && authenticate(etcd, handle, endpoint, error)) {
        outcome = try_once(etcd, handle, endpoint, path, body, out, error);
    }
    return outcome;
}

int32_t etcd_ask(struct etcd *etcd, const char *path, struct berth_str body, uint32_t flags,
                 struct base_buf *out_answer, bool *out_is_certain, struct berth_error *error) {
    bool ignored = false;
    bool *is_certain = out_is_certain ? out_is_certain : &ignored;
    *is_certain = true;
    if (!etcd->is_up && !(flags & ETCD_PROBE) && base_monotonic_ns() < etcd->try_at) {
        return base_error(error, BERTH_E_UNAVAILABLE, "no member of etcd answers");
    }
    struct berth_error local = BASE_ERROR_INIT;
    struct berth_error *why = error ? error : &local;
    struct etcd_handle *handle = etcd_handle_take(etcd, why);
    if (!handle) {
        return BERTH_E_NO_MEMORY;
    }
    enum outcome outcome = NEVER_SENT;
    uint32_t first = etcd->current;
    for (uint32_t i = 0; i < etcd->endpoint_count; i++) {
        uint32_t endpoint = (first + i) % etcd->endpoint_count;
        outcome = try_endpoint(etcd, handle, endpoint, path, body, out_answer, why);
        if (outcome == ANSWERED || outcome == REFUSED || outcome == NO_TOKEN) {
            etcd->current = endpoint;
            break;
        }
        etcd_endpoint_failed(etcd, endpoint);
        if (outcome == LOST && !(flags & ETCD_REPEATABLE)) {
            break;
        }
    }
    etcd_handle_give(etcd, handle);
    found_up(etcd, outcome == ANSWERED || outcome == REFUSED || outcome == NO_TOKEN, why);
    *is_certain = outcome != LOST && !out_answer->error;
    return outcome == ANSWERED ? BERTH_OK : why->code;
}
