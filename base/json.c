/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document's half of the reader: walking nodes, resolving strings and numbers.
 */
#include "base/json.h"
#include "base/json_internal.h"
#include "base/json_run.h"
#include "base/utf8.h"

#include <stdlib.h>

#define REPLACEMENT_CHARACTER 0xfffdu

void json_doc_deinit(struct json_doc *doc) {
    free(doc->nodes);
    *doc = (struct json_doc){0};
}

int32_t json_report(const struct json_error *fault, const char *what, struct berth_error *error) {
    if (fault->fault == JSON_FAULT_MEMORY) {
        return base_error_memory(error);
    }
    return base_error_rest(error, BERTH_E_PARSE, 400,
                           fault->fault == JSON_FAULT_END ? "json_e_o_f_exception"
                                                          : "json_parse_exception",
                           "%s is not valid JSON: %s, at line %zu, column %zu", what, fault->what,
                           fault->line, fault->column);
}

int32_t json_refuse(const struct json_error *fault, int32_t code, const char *what,
                    struct berth_error *error) {
    return fault->fault == JSON_FAULT_MEMORY
               ? base_error_memory(error)
               : base_error(error, code, "%s is no JSON: %s at byte %zu", what, fault->what,
                            fault->offset);
}

static const struct json_node *node_of(struct json_value value) {
    return &value.doc->nodes[value.at];
}

struct json_value json_root(const struct json_doc *doc) {
    return doc->count ? (struct json_value){doc, 0} : JSON_NONE;
}

enum json_type json_type(struct json_value value) {
    return value.doc ? (enum json_type)node_of(value)->type : JSON_ABSENT;
}

struct berth_str json_raw(struct json_value value) {
    if (!value.doc) {
        return base_str("", 0);
    }
    const struct json_node *node = node_of(value);
    return base_str_slice(value.doc->text, node->start, node->end);
}

struct berth_str json_inner(struct json_value value) {
    if (!json_is(value, JSON_STRING)) {
        return base_str("", 0);
    }
    const struct json_node *node = node_of(value);
    return base_str_slice(value.doc->text, node->start + 1u, node->end - 1u);
}

static uint32_t hex4(const char *p) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        value = value << 4 | digit;
    }
    return value;
}

/* p stands at "uXXXX". Gives the character, of a pair the whole one, and how far it reaches. */
static uint32_t unicode_escape(const char *p, const char *end, const char **out_next) {
    uint32_t c = hex4(p + 1);
    *out_next = p + 5;
    if (c < 0xd800 || c > 0xdfff) {
        return c;
    }
    if (c <= 0xdbff && end - p >= 11 && p[5] == '\\' && p[6] == 'u') {
        uint32_t low = hex4(p + 7);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *out_next = p + 11;
            return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return REPLACEMENT_CHARACTER;
}

/* Resolves escapes; the result is never longer than what it comes from. */
static size_t unescape(struct berth_str inner, char *out) {
    static const char names[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    const char *p = inner.ptr;
    const char *end = p + inner.len;
    size_t len = 0;
    while (p < end) {
        if (*p != '\\') {
            out[len++] = *p++;
            continue;
        }
        p++;
        if (*p == 'u') {
            len += base_utf8_encode(unicode_escape(p, end, &p), out + len);
            continue;
        }
        const char *name = strchr(names, *p);
        out[len++] = name ? meant[name - names] : *p;
        p++;
    }
    return len;
}

void json_unescape(struct base_buf *buf, struct berth_str inner) {
    char *to = inner.len ? base_buf_reserve(buf, BASE_LEN(inner)) : NULL;
    if (to) {
        buf->len += unescape(inner, to);
    }
}

bool json_string(struct json_value value, struct base_arena *arena, struct berth_str *out_text) {
    if (!json_is(value, JSON_STRING)) {
        return false;
    }
    struct berth_str inner = json_inner(value);
    if (!node_of(value)->escaped) {
        *out_text = inner;
        return true;
    }
    char *text = base_arena_alloc(arena, BASE_LEN(inner) + 1);
    if (!text) {
        return false;
    }
    *out_text = base_str(text, unescape(inner, text));
    text[out_text->len] = '\0';
    return true;
}

/* Compares without memory: escapes are resolved a piece at a time. */
bool json_string_is(struct json_value value, struct berth_str text) {
    if (!json_is(value, JSON_STRING)) {
        return false;
    }
    struct berth_str inner = json_inner(value);
    if (!node_of(value)->escaped) {
        return base_str_eq(inner, text);
    }
    const char *p = inner.ptr;
    const char *end = p + inner.len;
    uint64_t at = 0;
    while (p < end) {
        const char *next = p + 1;
        if (*p == '\\') {
            next = p + 2;
            if (p[1] == 'u') {
                (void)unicode_escape(p + 1, end, &next);
            }
        }
        char piece[12];
        size_t len = unescape(base_str(p, (size_t)(next - p)), piece);
        if (text.len - at < len || memcmp(text.ptr + at, piece, len) != 0) {
            return false;
        }
        at += len;
        p = next;
    }
    return at == text.len;
}

bool json_i64(struct json_value value, int64_t *out_value) {
    return json_is(value, JSON_NUMBER) && base_str_i64(json_raw(value), out_value);
}

bool json_f64(struct json_value value, double *out_value) {
    return json_is(value, JSON_NUMBER) && base_str_f64(json_raw(value), out_value);
}

bool json_numbers(struct json_value array, uint64_t *out_count) {
    uint64_t count = 0;
    if (!json_is(array, JSON_ARRAY)) {
        return false;
    }
    if (node_of(array)->packed) {
        struct berth_str raw = json_raw(array);
        const unsigned char *begin = (const unsigned char *)raw.ptr;
        *out_count = json_run_commas(begin, begin + raw.len) + 1;
        return true;
    }
    for (struct json_value v = json_first(array); json_present(v); v = json_next(array, v)) {
        if (!json_is(v, JSON_NUMBER)) {
            return false;
        }
        count++;
    }
    *out_count = count;
    return count > 0;
}

struct json_value json_first(struct json_value container) {
    enum json_type type = json_type(container);
    if (type != JSON_OBJECT && type != JSON_ARRAY) {
        return JSON_NONE;
    }
    struct json_value first = {container.doc, container.at + 1};
    return first.at < node_of(container)->next ? first : JSON_NONE;
}

struct json_value json_next(struct json_value container, struct json_value value) {
    struct json_value next = {container.doc, node_of(value)->next};
    return next.at < node_of(container)->next ? next : JSON_NONE;
}

struct json_value json_get_str(struct json_value object, struct berth_str key) {
    if (!json_is(object, JSON_OBJECT)) {
        return JSON_NONE;
    }
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        if (json_string_is(k, key)) {
            return v;
        }
        k = json_next(object, v);
    }
    return JSON_NONE;
}

struct json_value json_get(struct json_value object, const char *key) {
    return json_get_str(object, base_cstr(key));
}

struct json_value json_at(struct json_value array, size_t index) {
    if (!json_is(array, JSON_ARRAY)) {
        return JSON_NONE;
    }
    struct json_value v = json_first(array);
    while (json_present(v) && index-- > 0) {
        v = json_next(array, v);
    }
    return v;
}

size_t json_count(struct json_value container) {
    size_t count = 0;
    for (struct json_value v = json_first(container); json_present(v);
         v = json_next(container, v)) {
        count++;
    }
    return json_is(container, JSON_OBJECT) ? count / 2 : count;
}

/* The end of the comment or string that begins at p, or p itself where neither does. */
static const char *skip_token(const char *p, const char *end) {
    if (*p == '"') {
        for (p++; p < end && *p != '"'; p++) {
            p += *p == '\\';
        }
        return p < end ? p + 1 : end;
    }
    if (*p == '/' && end - p >= 2) {
        const char *close = p[1] == '/' ? memchr(p, '\n', (size_t)(end - p))
                                        : memmem(p + 2, (size_t)(end - p) - 2, "*/", 2);
        return close ? close + (p[1] == '/' ? 1 : 2) : end;
    }
    return p;
}

void json_minify(struct base_buf *buf, struct berth_str raw) {
    const char *p = raw.ptr;
    const char *end = p + raw.len;
    const char *run = p;
    while (p < end) {
        const char *next = skip_token(p, end);
        bool comment = next != p && *p == '/';
        bool space = *p == ' ' || *p == '\n' || *p == '\r' || *p == '\t';
        if (!comment && !space) {
            p = next == p ? p + 1 : next;
            continue;
        }
        base_buf_append(buf, run, (size_t)(p - run));
        p = comment ? next : p + 1;
        run = p;
    }
    base_buf_append(buf, run, (size_t)(end - run));
}

/* A key with its escapes resolved, for sorting. */
struct key {
    struct berth_str text;
    uint32_t start;
};

static int compare_keys(const void *a, const void *b) {
    const struct key *left = a;
    const struct key *right = b;
    int order = base_str_cmp(left->text, right->text);
    return order ? order : (left->start > right->start) - (left->start < right->start);
}

/* Few keys are compared with one another, which needs no memory unless they have escapes. */
#define COMPARE_ALL_MAX 12u

static bool is_same_key(struct json_value a, struct json_value b, struct base_arena *arena,
                        bool *out_failed) {
    if (!node_of(a)->escaped && !node_of(b)->escaped) {
        return base_str_eq(json_inner(a), json_inner(b));
    }
    struct berth_str text;
    if (!json_string(a, arena, &text)) {
        *out_failed = true;
        return false;
    }
    return json_string_is(b, text);
}

static enum json_fault duplicate_among_few(struct json_value object, struct base_arena *arena,
                                           uint32_t *out_offset) {
    bool failed = false;
    for (struct json_value k = json_first(object); json_present(k);
         k = json_next(object, json_next(object, k))) {
        for (struct json_value other = json_first(object); other.at != k.at;
             other = json_next(object, json_next(object, other))) {
            if (is_same_key(other, k, arena, &failed)) {
                *out_offset = node_of(k)->start;
                return JSON_FAULT_DUPLICATE;
            }
        }
    }
    return failed ? JSON_FAULT_MEMORY : JSON_FAULT_NONE;
}

static enum json_fault duplicate_among_many(struct json_value object, size_t count,
                                            struct base_arena *arena, uint32_t *out_offset) {
    struct key *keys = calloc(count, sizeof *keys);
    enum json_fault fault = keys ? JSON_FAULT_NONE : JSON_FAULT_MEMORY;
    size_t i = 0;
    for (struct json_value k = json_first(object); !fault && json_present(k);
         k = json_next(object, json_next(object, k))) {
        keys[i].start = node_of(k)->start;
        if (!json_string(k, arena, &keys[i++].text)) {
            fault = JSON_FAULT_MEMORY;
        }
    }
    if (!fault) {
        qsort(keys, count, sizeof *keys, compare_keys);
    }
    for (i = 1; !fault && i < count; i++) {
        if (base_str_eq(keys[i - 1].text, keys[i].text)) {
            *out_offset = keys[i].start;
            fault = JSON_FAULT_DUPLICATE;
        }
    }
    free(keys);
    return fault;
}

static enum json_fault duplicate_in(struct json_value object, uint32_t *out_offset) {
    size_t count = json_count(object);
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 4096);
    return count <= COMPARE_ALL_MAX ? duplicate_among_few(object, &arena, out_offset)
                                    : duplicate_among_many(object, count, &arena, out_offset);
}

enum json_fault json_find_duplicate(const struct json_doc *doc, uint32_t *out_offset) {
    for (uint32_t i = 0; i < doc->count; i++) {
        if (doc->nodes[i].type == JSON_OBJECT) {
            enum json_fault fault = duplicate_in((struct json_value){doc, i}, out_offset);
            if (fault != JSON_FAULT_NONE) {
                return fault;
            }
        }
    }
    return JSON_FAULT_NONE;
}
