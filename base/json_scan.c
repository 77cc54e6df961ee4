/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner: one pass, no recursion. With a document it makes nodes, without one it only checks.
 *
 * While a container is open, its node's `next` holds the node of the container around it; a bit a
 * level tells arrays from objects, so that checking alone needs no memory.
 */
#include "base/json.h"
#include "base/json_internal.h"
#include "base/json_run.h"
#include "base/utf8.h"

#include <stdlib.h>

#define NODES_FIRST 32
#define NO_NODE 0xffffffffu

struct scan {
    const unsigned char *begin;
    const unsigned char *end;
    const unsigned char *p;
    struct json_doc *doc;
    uint32_t flags;
    uint32_t open; /* node of the innermost open container */
    uint32_t depth;
    uint64_t is_object[JSON_DEPTH_MAX / 64];
    enum json_fault fault;
    const char *what;
};

static bool fail(struct scan *s, enum json_fault fault, const char *what) {
    s->fault = fault;
    s->what = what;
    return false;
}

static bool fail_here(struct scan *s, const char *what) {
    return s->p >= s->end ? fail(s, JSON_FAULT_END, "the text ends too early")
                          : fail(s, JSON_FAULT_SYNTAX, what);
}

static bool skip_comment(struct scan *s) {
    if (s->end - s->p < 2) {
        s->p = s->end;
        return fail_here(s, "");
    }
    if (s->p[1] == '/') {
        const unsigned char *eol = memchr(s->p, '\n', (size_t)(s->end - s->p));
        s->p = eol ? eol + 1 : s->end;
        return true;
    }
    if (s->p[1] != '*') {
        return fail_here(s, "a slash that begins no comment");
    }
    const unsigned char *close = memmem(s->p + 2, (size_t)(s->end - s->p) - 2, "*/", 2);
    if (!close) {
        s->p = s->end;
        return fail_here(s, "");
    }
    s->p = close + 2;
    return true;
}

static bool skip_space(struct scan *s) {
    for (;;) {
        while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) {
            s->p++;
        }
        if (s->p < s->end && *s->p == '/' && (s->flags & JSON_COMMENTS)) {
            if (!skip_comment(s)) {
                return false;
            }
            continue;
        }
        return true;
    }
}

/* Makes a node that begins here; NO_NODE without memory. Returns 0 when there is no document. */
static uint32_t add_node(struct scan *s, enum json_type type) {
    struct json_doc *doc = s->doc;
    if (!doc) {
        return 0;
    }
    if (doc->count == doc->cap) {
        uint32_t cap = doc->cap ? doc->cap * 2 : NODES_FIRST;
        struct json_node *nodes = realloc(doc->nodes, cap * sizeof *nodes);
        if (!nodes) {
            (void)fail(s, JSON_FAULT_MEMORY, "out of memory");
            return NO_NODE;
        }
        doc->nodes = nodes;
        doc->cap = cap;
    }
    doc->nodes[doc->count] =
        (struct json_node){.start = (uint32_t)(s->p - s->begin), .type = (uint8_t)type};
    return doc->count++;
}

static void close_node(struct scan *s, uint32_t at, bool escaped) {
    if (s->doc) {
        struct json_node *node = &s->doc->nodes[at];
        node->end = (uint32_t)(s->p - s->begin);
        node->next = s->doc->count;
        node->escaped = escaped;
    }
}

static bool scan_escape(struct scan *s) {
    s->p++;
    if (s->p >= s->end) {
        return fail_here(s, "");
    }
    if (*s->p == 'u') {
        for (int i = 1; i <= 4; i++) {
            if (s->p + i >= s->end) {
                s->p = s->end;
                return fail_here(s, "");
            }
            unsigned char c = s->p[i];
            if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))) {
                s->p += i;
                return fail_here(s, "an escape without four hexadecimal digits");
            }
        }
        s->p += 5;
        return true;
    }
    if (!strchr("\"\\/bfnrt", *s->p) || *s->p == '\0') {
        return fail_here(s, "an unknown escape");
    }
    s->p++;
    return true;
}

/* p stands at the opening quote; afterwards behind the closing one. */
static bool scan_string(struct scan *s, bool *out_escaped) {
    *out_escaped = false;
    s->p++;
    for (;;) {
        s->p = json_run_plain(s->p, s->end);
        if (s->p >= s->end) {
            return fail_here(s, "");
        }
        if (*s->p == '"') {
            s->p++;
            return true;
        }
        if (*s->p == '\\') {
            *out_escaped = true;
            if (!scan_escape(s)) {
                return false;
            }
        } else if (*s->p < 0x20) {
            return fail_here(s, "a control character within a string");
        } else {
            do { /* such characters seldom come alone */
                size_t len = base_utf8_length(s->p, s->end);
                if (len == 0) {
                    return fail(s, JSON_FAULT_UTF8, "bytes that are not UTF-8");
                }
                s->p += len;
            } while (s->p < s->end && *s->p >= 0x80);
        }
    }
}

static bool is_digit(const struct scan *s) {
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool scan_digits(struct scan *s) {
    if (!is_digit(s)) {
        return fail_here(s, "a digit was expected");
    }
    while (is_digit(s)) {
        s->p++;
    }
    return true;
}

static bool scan_number(struct scan *s) {
    if (*s->p == '-') {
        s->p++;
    }
    if (s->p < s->end && *s->p == '0') {
        s->p++;
        if (is_digit(s)) {
            return fail_here(s, "a number with a leading zero");
        }
    } else if (!scan_digits(s)) {
        return false;
    }
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!scan_digits(s)) {
            return false;
        }
    }
    if (s->p < s->end && (*s->p | 0x20) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) {
            s->p++;
        }
        return scan_digits(s);
    }
    return true;
}

static bool scan_word(struct scan *s, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0) {
        return fail_here(s, "an unknown word");
    }
    s->p += len;
    return true;
}

static bool in_object(const struct scan *s) {
    return (s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64)) & 1;
}

static bool open_container(struct scan *s, enum json_type type) {
    if (s->depth == JSON_DEPTH_MAX) {
        return fail(s, JSON_FAULT_DEPTH, "nested too deeply");
    }
    uint32_t at = add_node(s, type);
    if (at == NO_NODE) {
        return false;
    }
    if (s->doc) {
        s->doc->nodes[at].next = s->open;
        s->open = at;
    }
    uint64_t bit = (uint64_t)1 << (s->depth % 64);
    uint64_t *word = &s->is_object[s->depth / 64];
    *word = type == JSON_OBJECT ? *word | bit : *word & ~bit;
    s->depth++;
    if (s->doc && s->depth > s->doc->deepest) {
        s->doc->deepest = s->depth;
    }
    s->p++;
    return true;
}

/* What has just been read is complete: leaves the containers that end here. */
enum step { STEP_VALUE, STEP_KEY, STEP_DONE, STEP_FAILED };

static void close_container(struct scan *s) {
    s->p++;
    s->depth--;
    if (s->doc) {
        uint32_t at = s->open;
        s->open = s->doc->nodes[at].next;
        close_node(s, at, false);
    }
}

static enum step after_value(struct scan *s) {
    for (;;) {
        if (s->depth == 0) {
            return STEP_DONE;
        }
        if (!skip_space(s)) {
            return STEP_FAILED;
        }
        bool object = in_object(s);
        if (s->p < s->end && *s->p == ',') {
            s->p++;
            return object ? STEP_KEY : STEP_VALUE;
        }
        if (s->p >= s->end || *s->p != (object ? '}' : ']')) {
            (void)fail_here(s, object ? "a comma or a closing brace was expected"
                                      : "a comma or a closing bracket was expected");
            return STEP_FAILED;
        }
        close_container(s);
    }
}

static bool scan_key(struct scan *s) {
    if (!skip_space(s)) {
        return false;
    }
    if (s->p >= s->end || *s->p != '"') {
        return fail_here(s, "a key in double quotes was expected");
    }
    bool escaped = false;
    uint32_t at = add_node(s, JSON_STRING);
    if (at == NO_NODE || !scan_string(s, &escaped)) {
        return false;
    }
    close_node(s, at, escaped);
    if (!skip_space(s)) {
        return false;
    }
    if (s->p >= s->end || *s->p != ':') {
        return fail_here(s, "a colon was expected");
    }
    s->p++;
    return true;
}

/*
 * Goes over numbers and commas up to the end of the array; at anything else, back to where it
 * began, and the elements are read one by one.
 */
static bool pack_numbers(struct scan *s) {
    const unsigned char *begin = s->p;
    for (;;) {
        s->p = json_run_numbers(s->p, s->end);
        if (!skip_space(s) || s->p >= s->end || (*s->p != '-' && !is_digit(s)) || !scan_number(s) ||
            !skip_space(s) || s->p >= s->end || (*s->p != ',' && *s->p != ']')) {
            s->p = begin;
            s->fault = JSON_FAULT_NONE;
            return false;
        }
        if (*s->p == ']') {
            s->doc->nodes[s->open].packed = true;
            return true;
        }
        s->p++;
    }
}

/* Begins a container; one that is empty is closed at once. */
static enum step scan_container(struct scan *s, enum json_type type) {
    char close = type == JSON_OBJECT ? '}' : ']';
    if (!open_container(s, type) || !skip_space(s)) {
        return STEP_FAILED;
    }
    if (type == JSON_ARRAY && s->doc && s->flags & JSON_PACK_NUMBERS && pack_numbers(s)) {
        close_container(s);
        return after_value(s);
    }
    if (s->p < s->end && *s->p == close) {
        close_container(s);
        return after_value(s);
    }
    return type == JSON_OBJECT ? STEP_KEY : STEP_VALUE;
}

static enum step scan_value(struct scan *s) {
    if (!skip_space(s)) {
        return STEP_FAILED;
    }
    if (s->p >= s->end) {
        (void)fail_here(s, "");
        return STEP_FAILED;
    }
    unsigned char c = *s->p;
    if (c == '{' || c == '[') {
        return scan_container(s, c == '{' ? JSON_OBJECT : JSON_ARRAY);
    }
    enum json_type type = c == '"'   ? JSON_STRING
                          : c == 't' ? JSON_TRUE
                          : c == 'f' ? JSON_FALSE
                          : c == 'n' ? JSON_NULL
                                     : JSON_NUMBER;
    if (type == JSON_NUMBER && c != '-' && !is_digit(s)) {
        (void)fail_here(s, "a value was expected");
        return STEP_FAILED;
    }
    if (type == JSON_NUMBER && !s->doc && s->depth > 0 && !in_object(s)) {
        const unsigned char *behind = json_run_numbers(s->p, s->end);
        if (behind > s->p) {
            s->p = behind;
            return STEP_VALUE;
        }
    }
    bool escaped = false;
    bool ok = false;
    uint32_t at = add_node(s, type);
    if (at == NO_NODE) {
        return STEP_FAILED;
    }
    switch (type) {
    case JSON_STRING:
        ok = scan_string(s, &escaped);
        break;
    case JSON_NUMBER:
        ok = scan_number(s);
        break;
    default:
        ok = scan_word(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
    if (!ok) {
        return STEP_FAILED;
    }
    close_node(s, at, escaped);
    return after_value(s);
}

static bool scan_document(struct scan *s) {
    static const unsigned char bom[] = {0xef, 0xbb, 0xbf};
    if (s->end - s->p >= 3 && memcmp(s->p, bom, sizeof bom) == 0) {
        s->p += sizeof bom;
    }
    enum step step = STEP_VALUE;
    while (step == STEP_VALUE || step == STEP_KEY) {
        if (step == STEP_KEY && !scan_key(s)) {
            return false;
        }
        step = scan_value(s);
    }
    if (step == STEP_FAILED) {
        return false;
    }
    if (s->flags & JSON_TRAILING) {
        return true;
    }
    if (!skip_space(s)) {
        return false;
    }
    return s->p == s->end || fail_here(s, "text after the value");
}

static void describe(const struct scan *s, struct json_error *error) {
    *error = (struct json_error){.fault = s->fault,
                                 .offset = (size_t)(s->p - s->begin),
                                 .line = 1,
                                 .column = 1,
                                 .what = s->what};
    for (const unsigned char *p = s->begin; p < s->p; p++) {
        error->column++;
        if (*p == '\n') {
            error->line++;
            error->column = 1;
        }
    }
}

static bool run(struct json_doc *doc, struct berth_str text, uint32_t flags,
                struct json_error *error) {
    const unsigned char *begin = (const unsigned char *)(text.ptr ? text.ptr : "");
    struct scan s = {.begin = begin,
                     .end = begin + text.len,
                     .p = begin,
                     .doc = doc,
                     .flags = flags,
                     .open = NO_NODE};
    bool ok = text.len <= JSON_TEXT_MAX ? scan_document(&s)
                                        : fail(&s, JSON_FAULT_SIZE, "the text is too long");
    uint32_t duplicate = 0;
    if (ok && doc && (flags & JSON_UNIQUE_KEYS)) {
        enum json_fault fault = json_find_duplicate(doc, &duplicate);
        if (fault != JSON_FAULT_NONE) {
            s.p = begin + duplicate;
            ok = fail(&s, fault,
                      fault == JSON_FAULT_MEMORY ? "out of memory" : "a key that is there already");
        }
    }
    if (!ok && error) {
        describe(&s, error);
    }
    return ok;
}

bool json_parse(struct json_doc *doc, struct berth_str text, uint32_t flags,
                struct json_error *error) {
    doc->count = 0;
    doc->deepest = 0;
    doc->text = text;
    bool ok = run(doc, text, flags, error);
    if (!ok) {
        doc->count = 0;
    }
    return ok;
}

bool json_check(struct berth_str text, uint32_t flags, struct json_error *error) {
    return run(NULL, text, flags, error);
}
