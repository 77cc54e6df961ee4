/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of text: comparing, trimming, reading numbers. Nothing here allocates.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <berth/types.h>
#include <stdbool.h>
#include <string.h>

/* The length of a view as size_t, for the C library. */
#define BASE_LEN(view) ((size_t)(view).len)

/* Arguments for "%.*s". */
#define BASE_ARG(view)                                                                             \
    ((int)((view).len > 65536 ? 65536 : (view).len)), ((view).ptr ? (view).ptr : "")
#define BASE_FMT "%.*s"

#define BASE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline struct berth_str base_str(const char *ptr, size_t len) {
    return (struct berth_str){ptr, len};
}

static inline struct berth_str base_cstr(const char *text) {
    return (struct berth_str){text, text ? strlen(text) : 0};
}

static inline bool base_str_empty(struct berth_str s) {
    return s.len == 0;
}

static inline bool base_str_eq(struct berth_str a, struct berth_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, BASE_LEN(a)) == 0);
}

static inline bool base_str_is(struct berth_str a, const char *literal) {
    return base_str_eq(a, base_cstr(literal));
}

/* What lies behind start, and what lies from start to before end; of both, what there is of it. */
static inline struct berth_str base_str_from(struct berth_str s, uint64_t start) {
    return start >= s.len ? (struct berth_str){s.ptr + s.len, 0}
                          : (struct berth_str){s.ptr + start, s.len - start};
}

static inline struct berth_str base_str_slice(struct berth_str s, uint64_t start, uint64_t end) {
    end = end > s.len ? s.len : end;
    start = start > end ? end : start;
    return (struct berth_str){s.ptr + start, end - start};
}

/* Byte order; a prefix comes first. */
int base_str_cmp(struct berth_str a, struct berth_str b);

/* ASCII letters compare without case. */
bool base_str_eq_nocase(struct berth_str a, struct berth_str b);

bool base_str_starts(struct berth_str s, struct berth_str prefix);
bool base_str_ends(struct berth_str s, struct berth_str suffix);
bool base_str_contains(struct berth_str s, struct berth_str part);

/* The index of the first such byte, or s.len. */
uint64_t base_str_find(struct berth_str s, char c);

/* Without ASCII white space at both ends. */
struct berth_str base_str_trim(struct berth_str s);

/* Takes what stands before the first separator off the front of *rest; false at the end. */
bool base_str_split(struct berth_str *rest, char separator, struct berth_str *out_piece);

/* Whole-string match of a pattern in which '*' stands for any text. */
bool base_str_glob(struct berth_str pattern, struct berth_str text);
/* The same, and ? is any one character. */
bool base_str_glob_single(struct berth_str pattern, struct berth_str text);

/* The longest text that is read as a number. */
#define BASE_NUMBER_MAX 1024u

/*
 * Read the whole view as a decimal number; false when it is none, is longer than BASE_NUMBER_MAX,
 * or does not fit. Too small for a double is 0, too large does not fit.
 */
bool base_str_i64(struct berth_str s, int64_t *out_value);
bool base_str_f64(struct berth_str s, double *out_value);

/* Bytes in lower-case hexadecimal, zero-terminated; out has room for 2 * len + 1. */
void base_hex(const unsigned char *bytes, size_t len, char *out);

/* Spread for hash tables whose keys no attacker chooses. */
uint64_t base_str_hash(struct berth_str s);

#endif
