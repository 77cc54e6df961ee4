/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON: a validating scanner, and an index of nodes that point into the text.
 *
 * Nothing is converted: numbers, escapes and white space stay as they were sent, so that a value
 * can be passed on to the letter. The text must live, unchanged, as long as the document is used.
 * Strict RFC 8259 with UTF-8 checked; the flags allow what OpenSearch allows its clients. Why not
 * a library: docs/decisions/0002-one-json-reader.md.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* Deepest nesting of arrays and objects. */
#define JSON_DEPTH_MAX 512u
/* Longest text, in bytes: offsets are kept in 32 bits. */
#define JSON_TEXT_MAX 0x7fffffffu

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* Flags of json_parse and json_check. */
#define JSON_COMMENTS 1u    /* C and C++ comments count as white space */
#define JSON_TRAILING 2u    /* what follows the value is not looked at */
#define JSON_UNIQUE_KEYS 4u /* an object with a key twice is an error (json_parse alone) */
/* An array that holds numbers alone gets no nodes for them: json_numbers tells it, json_first and
   those like it do not find them (json_parse alone) */
#define JSON_PACK_NUMBERS 8u

enum json_fault {
    JSON_FAULT_NONE,
    JSON_FAULT_END,       /* the text ends within the value */
    JSON_FAULT_SYNTAX,    /* a byte that cannot stand there */
    JSON_FAULT_UTF8,      /* bytes that are no UTF-8 */
    JSON_FAULT_DEPTH,     /* nested deeper than JSON_DEPTH_MAX */
    JSON_FAULT_DUPLICATE, /* a key twice */
    JSON_FAULT_SIZE,      /* longer than JSON_TEXT_MAX */
    JSON_FAULT_MEMORY,
};

/* Where reading failed: a byte offset, and line and column counted from 1. */
struct json_error {
    enum json_fault fault;
    size_t offset;
    size_t line;
    size_t column;
    const char *what;
};

/* A value: [start, end) in the text; next is the node behind it and all that it contains. */
struct json_node {
    uint32_t start;
    uint32_t end;
    uint32_t next;
    uint8_t type;
    uint8_t escaped; /* a string: there are escapes in it */
    uint8_t packed;  /* an array of numbers that have no nodes */
    uint8_t unused;
};

/* A parsed text. Kept and parsed into again, it allocates only where it must grow. */
struct json_doc {
    struct berth_str text;
    struct json_node *nodes;
    uint32_t count;
    uint32_t cap;
    uint32_t deepest; /* how many containers are within one another at most */
};

/* A place in a document. An absent value, as json_get gives for an unknown key, can be passed on.
 */
struct json_value {
    const struct json_doc *doc;
    uint32_t at;
};

#define JSON_NONE ((struct json_value){NULL, 0})

/* All zero is an empty document. */
void json_doc_deinit(struct json_doc *doc);
#define JSON_DOC_AUTO __attribute__((cleanup(json_doc_deinit))) struct json_doc

/* Reads a text. error may be NULL. */
bool json_parse(struct json_doc *doc, struct berth_str text, uint32_t flags,
                struct json_error *error);

/* Whether a text is JSON, without making nodes: for what is only passed on. */
bool json_check(struct berth_str text, uint32_t flags, struct json_error *error);

/*
 * Fills *error from a fault, with the REST type that OpenSearch gives it; what names the text, as
 * in "the body". Returns its code.
 */
int32_t json_report(const struct json_error *fault, const char *what, struct berth_error *error);

/* The same for a text that is not a client's: code, or NO_MEMORY where that is the fault. */
int32_t json_refuse(const struct json_error *fault, int32_t code, const char *what,
                    struct berth_error *error);

/* The outermost value; absent in a document that was not parsed. */
struct json_value json_root(const struct json_doc *doc);

enum json_type json_type(struct json_value value);
static inline bool json_present(struct json_value value) {
    return value.doc != NULL;
}
static inline bool json_is(struct json_value value, enum json_type type) {
    return json_type(value) == type;
}

/* The value as it stands in the text; a string with its quotes. */
struct berth_str json_raw(struct json_value value);

/* What stands between a string's quotes, escapes and all; empty for other types. */
struct berth_str json_inner(struct json_value value);

/*
 * A string's text. Without escapes it is a view into the document's text, else it is in the arena.
 * False for another type or without memory. A lone surrogate becomes U+FFFD.
 */
bool json_string(struct json_value value, struct base_arena *arena, struct berth_str *out_text);

/* Whether it is a string with this text. */
bool json_string_is(struct json_value value, struct berth_str text);

/* A number that is written as an integer; any number. False where it does not fit: base/str.h. */
bool json_i64(struct json_value value, int64_t *out_value);
bool json_f64(struct json_value value, double *out_value);

/* Whether it is an array that holds numbers alone, at least one, and how many. */
bool json_numbers(struct json_value array, uint64_t *out_count);

/* A member of an object, an element of an array; absent when there is none. */
struct json_value json_get(struct json_value object, const char *key);
struct json_value json_get_str(struct json_value object, struct berth_str key);
struct json_value json_at(struct json_value array, size_t index);
size_t json_count(struct json_value container);

/*
 * for (struct json_value v = json_first(array); json_present(v); v = json_next(array, v))
 * In an object the values come alternately: key (a string), value, key, value.
 */
struct json_value json_first(struct json_value container);
struct json_value json_next(struct json_value container, struct json_value value);

/* Appends a text of JSON without comments and without white space outside of strings. */
void json_minify(struct base_buf *buf, struct berth_str raw);

/* Appends the text between a string's quotes, with its escapes resolved. */
void json_unescape(struct base_buf *buf, struct berth_str inner);

#endif
