/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header lines that may hold credentials, as libcurl takes them and as they are sent, in memory
 * that is locked, out of core dumps, and wiped.
 */
#include "plugin/ml_remote/http_headers.h"

#include <stdlib.h>

/* Shorter credentials are too likely to be part of an ordinary word. */
#define SCRUB_MIN 4u

static char *put_text(char *to, struct berth_str text) {
    if (text.len) {
        memcpy(to, text.ptr, BASE_LEN(text));
    }
    to[text.len] = '\0';
    return to + text.len + 1;
}

static int longer_first(const void *a, const void *b) {
    uint64_t left = ((const struct berth_str *)a)->len;
    uint64_t right = ((const struct berth_str *)b)->len;
    return left < right ? 1 : left > right ? -1 : 0;
}

/* Headers that are ours to make: they tell where a request ends. */
static bool is_framing(struct berth_str name) {
    static const char *const names[] = {"content-length", "transfer-encoding", "expect"};
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        if (base_str_eq_nocase(name, base_cstr(names[i]))) {
            return true;
        }
    }
    return false;
}

/* Where the lines' block goes on, with CR LF behind each. */
static char *put_block(struct ml_http_headers *headers, const struct berth_str *lines,
                       uint32_t count, char *to) {
    char *at = to;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t colon = base_str_find(lines[i], ':');
        struct berth_str name = base_str_slice(lines[i], 0, colon);
        if (is_framing(name) || base_str_empty(base_str_trim(base_str_from(lines[i], colon + 1)))) {
            continue;
        }
        headers->has_host |= base_str_eq_nocase(name, BERTH_STR("host"));
        headers->has_accept |= base_str_eq_nocase(name, BERTH_STR("accept"));
        headers->has_accept_encoding |= base_str_eq_nocase(name, BERTH_STR("accept-encoding"));
        memcpy(at, lines[i].ptr, BASE_LEN(lines[i]));
        at += lines[i].len;
        memcpy(at, "\r\n", 2);
        at += 2;
    }
    memcpy(at, "\r\n", 2);
    at += 2;
    headers->block = base_str(to, (size_t)(at - to));
    return at;
}

int32_t ml_http_headers_create(struct ml_locked *locked, const struct berth_str *lines,
                               uint32_t count, const struct berth_str *secrets,
                               uint32_t secret_count, struct ml_http_headers **out_headers) {
    size_t bytes = sizeof(struct ml_http_headers) + count * sizeof(struct curl_slist) +
                   secret_count * sizeof(struct berth_str);
    for (uint32_t i = 0; i < count; i++) {
        bytes += BASE_LEN(lines[i]) + 1 + BASE_LEN(lines[i]) + 2;
    }
    bytes += 2;
    for (uint32_t i = 0; i < secret_count; i++) {
        bytes += BASE_LEN(secrets[i]) + 1;
    }
    struct ml_locked_slab *slab = NULL;
    struct ml_http_headers *headers = ml_locked_take(locked, bytes, &slab);
    if (!headers) {
        return BERTH_E_NO_MEMORY;
    }
    headers->slab = slab;
    headers->bytes = bytes;
    struct curl_slist *nodes = (struct curl_slist *)(headers + 1);
    headers->secrets = (struct berth_str *)(nodes + count);
    headers->secret_count = secret_count;
    char *at = (char *)(headers->secrets + secret_count);
    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = (struct curl_slist){at, i + 1 < count ? &nodes[i + 1] : NULL};
        at = put_text(at, lines[i]);
    }
    at = put_block(headers, lines, count, at);
    for (uint32_t i = 0; i < secret_count; i++) {
        headers->secrets[i] = base_str(at, BASE_LEN(secrets[i]));
        at = put_text(at, secrets[i]);
    }
    /* The longest first: one may be a part of another, which must not be torn before it is found.
     */
    qsort(headers->secrets, secret_count, sizeof *headers->secrets, longer_first);
    headers->list = count ? nodes : NULL;
    headers->count = count;
    *out_headers = headers;
    return BERTH_OK;
}

uint32_t ml_http_headers_count(const struct ml_http_headers *headers) {
    return headers->count;
}

struct berth_str ml_http_headers_line(const struct ml_http_headers *headers, uint32_t i) {
    return base_cstr(headers->list[i].data);
}

struct berth_str ml_http_headers_secret(const struct ml_http_headers *headers,
                                        struct berth_str secret) {
    for (uint32_t i = 0; i < headers->secret_count; i++) {
        if (base_str_eq(headers->secrets[i], secret)) {
            return headers->secrets[i];
        }
    }
    return base_str("", 0);
}

void ml_http_headers_destroy(struct ml_http_headers *headers) {
    if (headers) {
        ml_locked_give(headers->slab, headers, headers->bytes);
    }
}

/* The beginning of a credential at the end of a text, which may have been cut within it. */
static void scrub_end(struct berth_str secret, char *text, size_t len) {
    size_t part = BASE_LEN(secret) - 1;
    for (part = part < len ? part : len; part >= SCRUB_MIN; part--) {
        if (memcmp(text + len - part, secret.ptr, part) == 0) {
            memset(text + len - part, '*', part);
            return;
        }
    }
}

void ml_http_headers_scrub(const struct ml_http_headers *headers, char *text, size_t len) {
    for (uint32_t i = 0; i < headers->secret_count; i++) {
        struct berth_str secret = headers->secrets[i];
        char *at = text;
        if (secret.len < SCRUB_MIN) {
            continue;
        }
        while ((at = memmem(at, len - (size_t)(at - text), secret.ptr, BASE_LEN(secret)))) {
            memset(at, '*', BASE_LEN(secret));
            at += secret.len;
        }
        scrub_end(secret, text, len);
    }
}
