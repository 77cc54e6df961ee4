/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/aws_sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HASH_BYTES 32
#define QUERY_PARTS_MAX 256u

static const char hex_upper[] = "0123456789ABCDEF";

struct signing {
    const struct ml_aws_key *key;
    const struct ml_aws_request *request;
    struct berth_str authority;
    struct berth_str path;
    struct berth_str query;
    char time[17]; /* 20260102T030405Z */
    char hash[2 * HASH_BYTES + 1];
    struct ml_aws_header headers[ML_AWS_HEADERS_MAX]; /* what is signed, by name */
    uint32_t header_count;
    struct base_buf names; /* of the signed headers, joined by semicolons */
    struct berth_error *error;
};

/* ---- pieces ---- */

static int32_t hash_hex(const void *bytes, size_t len, char out[2 * HASH_BYTES + 1]) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest(bytes, len, hash, &size, EVP_sha256(), NULL) != 1 || size != HASH_BYTES) {
        return BERTH_E_INTERNAL;
    }
    base_hex(hash, HASH_BYTES, out);
    return BERTH_OK;
}

static int32_t keyed(const void *key, size_t key_len, struct berth_str text,
                     unsigned char out[HASH_BYTES]) {
    unsigned int size = 0;
    return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, BASE_LEN(text),
                out, &size)
               ? BERTH_OK
               : BERTH_E_INTERNAL;
}

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_escaped(struct base_buf *out, struct berth_str text, bool slashes_stay) {
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_unreserved(c) || (c == '/' && slashes_stay)) {
            base_buf_char(out, c);
        } else {
            base_buf_char(out, '%');
            base_buf_char(out, hex_upper[(unsigned char)c >> 4]);
            base_buf_char(out, hex_upper[(unsigned char)c & 15]);
        }
    }
}

static int digit(char c) {
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* A part of the query, whatever of it is escaped, with the escapes that are canonical. */
static void put_query_text(struct base_buf *out, struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' && i + 2 < text.len && digit(text.ptr[i + 1]) >= 0 &&
            digit(text.ptr[i + 2]) >= 0) {
            c = (char)(digit(text.ptr[i + 1]) * 16 + digit(text.ptr[i + 2]));
            i += 2;
        }
        put_escaped(out, base_str(&c, 1), false);
    }
}

/* ---- the canonical request ---- */

static int32_t split_url(struct signing *s) {
    struct berth_str url = s->request->url;
    const char *mark = memmem(url.ptr, BASE_LEN(url), "://", 3);
    if (!mark) {
        return base_error(s->error, BERTH_E_INVALID, "the URL has no scheme");
    }
    struct berth_str rest = base_str_from(url, (uint64_t)(mark - url.ptr) + 3);
    rest = base_str_slice(rest, 0, base_str_find(rest, '#'));
    uint64_t question = base_str_find(rest, '?');
    struct berth_str before = base_str_slice(rest, 0, question);
    uint64_t slash = base_str_find(before, '/');
    s->query = question < rest.len ? base_str_from(rest, question + 1) : base_str("", 0);
    s->authority = base_str_slice(before, 0, slash);
    s->path = slash < before.len ? base_str_from(before, slash) : BERTH_STR("/");
    return BERTH_OK;
}

static int by_text(const void *a, const void *b) {
    const struct berth_str *x = a;
    const struct berth_str *y = b;
    uint64_t shorter = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->ptr, y->ptr, shorter);
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/*
 * Name and value of each part, escaped anew, in the order of the names and then of the values. A
 * zero byte between the two, until they are sorted, has a name come before one that it begins.
 */
static int32_t put_query(struct signing *s, struct base_buf *out) {
    struct berth_str rest = s->query;
    struct berth_str part;
    struct berth_str parts[QUERY_PARTS_MAX];
    size_t ends[QUERY_PARTS_MAX];
    uint32_t count = 0;
    BASE_BUF_AUTO texts;
    base_buf_init(&texts, BASE_BUF_MAX_DEFAULT);
    while (rest.len && base_str_split(&rest, '&', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (count == QUERY_PARTS_MAX) {
            return base_error(s->error, BERTH_E_LIMIT, "a signed query has at most %u parts",
                              QUERY_PARTS_MAX);
        }
        uint64_t equals = base_str_find(part, '=');
        put_query_text(&texts, base_str_slice(part, 0, equals));
        base_buf_char(&texts, '\0');
        put_query_text(&texts, base_str_from(part, equals < part.len ? equals + 1 : part.len));
        ends[count++] = texts.len;
    }
    if (texts.error) {
        return base_error_memory(s->error);
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t from = i ? ends[i - 1] : 0;
        parts[i] = base_str(texts.ptr + from, ends[i] - from);
    }
    qsort(parts, count, sizeof *parts, by_text);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t zero = base_str_find(parts[i], '\0');
        base_buf_cstr(out, i ? "&" : "");
        base_buf_str(out, base_str_slice(parts[i], 0, zero));
        base_buf_char(out, '=');
        base_buf_str(out, base_str_from(parts[i], zero + 1));
    }
    return BERTH_OK;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static int compare_names(struct berth_str a, struct berth_str b) {
    for (uint64_t i = 0; i < a.len && i < b.len; i++) {
        char left = lower(a.ptr[i]);
        char right = lower(b.ptr[i]);
        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

/* Puts a header in its place by name, behind those of the same name. */
static int32_t add_header(struct signing *s, struct berth_str name, struct berth_str value) {
    uint32_t at = s->header_count;
    if (at == ML_AWS_HEADERS_MAX) {
        return base_error(s->error, BERTH_E_LIMIT, "at most %u headers are signed",
                          ML_AWS_HEADERS_MAX);
    }
    for (; at > 0 && compare_names(s->headers[at - 1].name, name) > 0; at--) {
        s->headers[at] = s->headers[at - 1];
    }
    s->headers[at] = (struct ml_aws_header){name, value};
    s->header_count++;
    return BERTH_OK;
}

static void put_name(struct base_buf *out, struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        base_buf_char(out, lower(name.ptr[i]));
    }
}

/* Values with their runs of spaces made one. */
static void put_value(struct base_buf *out, struct berth_str value) {
    value = base_str_trim(value);
    for (uint64_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') {
            base_buf_char(out, value.ptr[i]);
        }
    }
}

static int32_t put_headers(struct signing *s, struct base_buf *out) {
    const struct ml_aws_request *r = s->request;
    int32_t code = add_header(s, BERTH_STR("host"), s->authority);
    code = code ? code : add_header(s, BERTH_STR("x-amz-date"), base_cstr(s->time));
    if (s->key->session_token.len) {
        code =
            code ? code : add_header(s, BERTH_STR("x-amz-security-token"), s->key->session_token);
    }
    if (r->with_hash) {
        code = code ? code : add_header(s, BERTH_STR("x-amz-content-sha256"), base_cstr(s->hash));
    }
    for (uint32_t i = 0; i < r->header_count && !code; i++) {
        code = add_header(s, r->headers[i].name, r->headers[i].value);
    }
    if (code) {
        return code;
    }
    for (uint32_t i = 0; i < s->header_count; i++) {
        const struct ml_aws_header *header = &s->headers[i];
        /* Those of one name are signed as one, as whoever is asked may join them. */
        if (i > 0 && compare_names(header[-1].name, header->name) == 0) {
            base_buf_char(out, ',');
        } else {
            base_buf_cstr(out, i ? "\n" : "");
            base_buf_cstr(&s->names, i ? ";" : "");
            put_name(&s->names, header->name);
            put_name(out, header->name);
            base_buf_char(out, ':');
        }
        put_value(out, header->value);
    }
    base_buf_char(out, '\n');
    return BERTH_OK;
}

/* The hash of the canonical request. */
static int32_t hash_request(struct signing *s, char out[2 * HASH_BYTES + 1]) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    base_buf_str(&text, s->request->method);
    base_buf_char(&text, '\n');
    put_escaped(&text, s->path, true);
    base_buf_char(&text, '\n');
    int32_t code = put_query(s, &text);
    base_buf_char(&text, '\n');
    code = code ? code : put_headers(s, &text);
    base_buf_char(&text, '\n');
    base_buf_str(&text, base_buf_view(&s->names));
    base_buf_format(&text, "\n%s", s->hash);
    if (!code && (text.error || s->names.error || hash_hex(text.ptr, text.len, out))) {
        code = base_error_memory(s->error);
    }
    return code;
}

/* ---- the signature ---- */

static int32_t sign(struct signing *s, const char *request_hash, struct base_buf *scope,
                    char out[2 * HASH_BYTES + 1]) {
    unsigned char key[HASH_BYTES];
    BASE_BUF_AUTO first;
    BASE_BUF_AUTO text;
    base_buf_init_private(&first, 4096);
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    base_buf_cstr(&first, "AWS4");
    base_buf_str(&first, s->key->secret_key);
    base_buf_format(scope, "%.8s/" BASE_FMT "/" BASE_FMT "/aws4_request", s->time,
                    BASE_ARG(s->key->region), BASE_ARG(s->key->service));
    base_buf_format(&text, "%s\n%s\n" BASE_FMT "\n%s", ALGORITHM, s->time,
                    BASE_ARG(base_buf_view(scope)), request_hash);
    bool ok = !first.error && !text.error && !scope->error &&
              !keyed(first.ptr, first.len, base_str(s->time, 8), key) &&
              !keyed(key, sizeof key, s->key->region, key) &&
              !keyed(key, sizeof key, s->key->service, key) &&
              !keyed(key, sizeof key, BERTH_STR("aws4_request"), key) &&
              !keyed(key, sizeof key, base_buf_view(&text), key);
    if (!ok) {
        return base_error_memory(s->error);
    }
    base_hex(key, HASH_BYTES, out);
    return BERTH_OK;
}

static void put_lines(struct signing *s, struct berth_str scope, const char *signature,
                      struct base_buf *out) {
    base_buf_format(out,
                    "Authorization: " ALGORITHM " Credential=" BASE_FMT "/" BASE_FMT
                    ", SignedHeaders=" BASE_FMT ", Signature=%s",
                    BASE_ARG(s->key->access_key), BASE_ARG(scope),
                    BASE_ARG(base_buf_view(&s->names)), signature);
    base_buf_char(out, '\0');
    base_buf_format(out, "X-Amz-Date: %s", s->time);
    base_buf_char(out, '\0');
    if (s->key->session_token.len) {
        base_buf_format(out, "X-Amz-Security-Token: " BASE_FMT, BASE_ARG(s->key->session_token));
        base_buf_char(out, '\0');
    }
    if (s->request->with_hash) {
        base_buf_format(out, "X-Amz-Content-Sha256: %s", s->hash);
        base_buf_char(out, '\0');
    }
}

int32_t ml_aws_sign(const struct ml_aws_key *key, const struct ml_aws_request *request,
                    struct base_buf *out_lines, struct berth_error *error) {
    struct signing s = {.key = key, .request = request, .error = error};
    char request_hash[2 * HASH_BYTES + 1];
    char signature[2 * HASH_BYTES + 1];
    struct tm utc;
    BASE_BUF_AUTO scope;
    base_buf_init(&scope, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&s.names, BASE_BUF_MAX_DEFAULT);
    (void)gmtime_r(&request->now, &utc);
    (void)strftime(s.time, sizeof s.time, "%Y%m%dT%H%M%SZ", &utc);
    int32_t code = split_url(&s);
    if (!code &&
        hash_hex(request->body.ptr ? request->body.ptr : "", BASE_LEN(request->body), s.hash)) {
        code = base_error_memory(error);
    }
    code = code ? code : hash_request(&s, request_hash);
    code = code ? code : sign(&s, request_hash, &scope, signature);
    if (!code) {
        put_lines(&s, base_buf_view(&scope), signature, out_lines);
        code = out_lines->error ? base_error_memory(error) : BERTH_OK;
    }
    base_buf_deinit(&s.names);
    return code;
}
