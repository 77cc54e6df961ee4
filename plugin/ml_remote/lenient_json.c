/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/lenient_json.h"

#define DEPTH_MAX 128u

struct reader {
    const char *at;
    const char *end;
};

static char peek(const struct reader *r) {
    return r->at < r->end ? *r->at : '\0';
}

/* Skips one comment; false where there is none that ends. */
static bool skip_comment(struct reader *r) {
    struct berth_str rest = base_str(r->at, (size_t)(r->end - r->at));
    bool line = rest.len && (rest.ptr[0] == '#' || base_str_starts(rest, BERTH_STR("//")));
    if (line) {
        r->at += base_str_find(rest, '\n');
        return true;
    }
    const char *close =
        base_str_starts(rest, BERTH_STR("/*")) ? memmem(r->at + 2, rest.len - 2, "*/", 2) : NULL;
    r->at = close ? close + 2 : r->at;
    return close != NULL;
}

static char next_token(struct reader *r) {
    for (;;) {
        char c = peek(r);
        if (r->at < r->end && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            r->at++;
        } else if ((c != '/' && c != '#') || !skip_comment(r)) {
            return c;
        }
    }
}

static bool read_quoted(struct reader *r) {
    char quote = *r->at++;
    for (; r->at < r->end; r->at++) {
        if (*r->at == quote) {
            r->at++;
            return true;
        }
        if (*r->at == '\\') {
            r->at++;
        }
    }
    return false;
}

/* A word without quotes, up to what cannot be in one. */
static bool read_word(struct reader *r) {
    const char *from = r->at;
    while (r->at < r->end && *r->at && !strchr("/\\;#={}[]:, \t\f\r\n", *r->at)) {
        r->at++;
    }
    return r->at > from;
}

static bool read_text(struct reader *r) {
    char c = peek(r);
    return c == '"' || c == '\'' ? read_quoted(r) : read_word(r);
}

static bool read_value(struct reader *r, unsigned depth);

static bool read_member(struct reader *r, unsigned depth) {
    if (!read_text(r)) {
        return false;
    }
    char c = next_token(r);
    if (c != ':' && c != '=') {
        return false;
    }
    r->at++;
    if (c == '=' && peek(r) == '>') {
        r->at++;
    }
    return read_value(r, depth);
}

static bool read_container(struct reader *r, unsigned depth) {
    bool object = *r->at++ == '{';
    char close = object ? '}' : ']';
    if (depth == 0) {
        return false;
    }
    char c = next_token(r);
    while (c != close) {
        if (object ? !read_member(r, depth - 1) : !read_value(r, depth - 1)) {
            return false;
        }
        c = next_token(r);
        if (c == ',' || c == ';') {
            r->at++;
            c = next_token(r);
            if (c == close && object) {
                return false;
            }
        } else if (c != close) {
            return false;
        }
    }
    r->at++;
    return true;
}

/* Depth is bounded by DEPTH_MAX. */
static bool read_value(struct reader *r, unsigned depth) {
    char c = next_token(r);
    return c == '{' || c == '[' ? read_container(r, depth) : read_text(r);
}

bool ml_is_lenient_json(struct berth_str text) {
    struct reader r = {text.ptr, text.ptr + text.len};
    char c = text.len ? next_token(&r) : '\0';
    return (c == '{' || c == '[') && read_container(&r, DEPTH_MAX) && next_token(&r) == '\0' &&
           r.at == r.end;
}
