/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int base_str_cmp(struct berth_str a, struct berth_str b) {
    size_t shorter = BASE_LEN(a) < BASE_LEN(b) ? BASE_LEN(a) : BASE_LEN(b);
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool base_str_eq_nocase(struct berth_str a, struct berth_str b) {
    if (a.len != b.len) {
        return false;
    }
    for (uint64_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool base_str_starts(struct berth_str s, struct berth_str prefix) {
    return s.len >= prefix.len && base_str_eq(base_str(s.ptr, BASE_LEN(prefix)), prefix);
}

bool base_str_ends(struct berth_str s, struct berth_str suffix) {
    return s.len >= suffix.len && base_str_eq(base_str_from(s, s.len - suffix.len), suffix);
}

bool base_str_contains(struct berth_str s, struct berth_str part) {
    return part.len == 0 ||
           (s.len >= part.len && memmem(s.ptr, BASE_LEN(s), part.ptr, BASE_LEN(part)) != NULL);
}

uint64_t base_str_find(struct berth_str s, char c) {
    const char *at = s.len ? memchr(s.ptr, c, BASE_LEN(s)) : NULL;
    return at ? (uint64_t)(at - s.ptr) : s.len;
}

struct berth_str base_str_trim(struct berth_str s) {
    while (s.len && is_space(s.ptr[0])) {
        s = base_str_from(s, 1);
    }
    while (s.len && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool base_str_split(struct berth_str *rest, char separator, struct berth_str *out_piece) {
    if (rest->ptr == NULL) {
        return false;
    }
    uint64_t at = base_str_find(*rest, separator);
    *out_piece = base_str_slice(*rest, 0, at);
    *rest = at == rest->len ? (struct berth_str){NULL, 0} : base_str_from(*rest, at + 1);
    return true;
}

static bool glob(struct berth_str pattern, struct berth_str text, bool has_single) {
    uint64_t p = 0;
    uint64_t t = 0;
    uint64_t star = UINT64_MAX;
    uint64_t resume = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.len &&
                   (pattern.ptr[p] == text.ptr[t] || (has_single && pattern.ptr[p] == '?'))) {
            p++;
            t++;
        } else if (star != UINT64_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

bool base_str_glob(struct berth_str pattern, struct berth_str text) {
    return glob(pattern, text, false);
}

bool base_str_glob_single(struct berth_str pattern, struct berth_str text) {
    return glob(pattern, text, true);
}

/* strtoll and strtod want a terminator and allow leading space, which a number may not have. */
static bool number_text(struct berth_str s, char *out_text) {
    if (s.len == 0 || s.len > BASE_NUMBER_MAX || is_space(s.ptr[0])) {
        return false;
    }
    memcpy(out_text, s.ptr, BASE_LEN(s));
    out_text[s.len] = '\0';
    return true;
}

bool base_str_i64(struct berth_str s, int64_t *out_value) {
    char text[BASE_NUMBER_MAX + 1];
    char *end = NULL;
    if (!number_text(s, text)) {
        return false;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end != text + s.len) {
        return false;
    }
    *out_value = value;
    return true;
}

bool base_str_f64(struct berth_str s, double *out_value) {
    char text[BASE_NUMBER_MAX + 1];
    char *end = NULL;
    if (!number_text(s, text) || strspn(text, "+-0123456789.eE") != s.len) {
        return false;
    }
    double value = strtod(text, &end);
    if (end != text + s.len || !isfinite(value)) {
        return false;
    }
    *out_value = value;
    return true;
}

uint64_t base_str_hash(struct berth_str s) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < s.len; i++) {
        hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    }
    return hash ^ (hash >> 29);
}

void base_hex(const unsigned char *bytes, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}
