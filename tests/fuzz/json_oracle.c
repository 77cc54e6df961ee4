/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/json_oracle.h"

struct cursor {
    const unsigned char *p;
    size_t left;
    bool comments;
    size_t count;
};

static int peek(const struct cursor *c) {
    return c->left ? c->p[0] : -1;
}

static void skip(struct cursor *c, size_t n) {
    c->p += n;
    c->left -= n;
}

static bool take(struct cursor *c, int byte) {
    bool there = peek(c) == byte;
    skip(c, there);
    return there;
}

static bool space(struct cursor *c) {
    while (c->left) {
        if (c->p[0] == 0x20 || c->p[0] == 0x09 || c->p[0] == 0x0a || c->p[0] == 0x0d) {
            skip(c, 1);
        } else if (c->comments && c->left >= 2 && c->p[0] == '/' && c->p[1] == '/') {
            while (c->left && c->p[0] != '\n') {
                skip(c, 1);
            }
        } else if (c->comments && c->left >= 2 && c->p[0] == '/' && c->p[1] == '*') {
            skip(c, 2);
            while (c->left >= 2 && !(c->p[0] == '*' && c->p[1] == '/')) {
                skip(c, 1);
            }
            if (c->left < 2) {
                return false;
            }
            skip(c, 2);
        } else {
            return !(c->comments && c->p[0] == '/');
        }
    }
    return true;
}

/* Decodes by arithmetic and looks at the result, where the scanner looks at the bytes. */
static bool character(struct cursor *c) {
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = c->p[0];
    size_t len = first < 0x80             ? 1
                 : (first & 0xe0) == 0xc0 ? 2
                 : (first & 0xf0) == 0xe0 ? 3
                 : (first & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (len == 0 || c->left < len) {
        return false;
    }
    unsigned long value = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((c->p[i] & 0xc0) != 0x80) {
            return false;
        }
        value = value * 64 + (c->p[i] & 0x3f);
    }
    skip(c, len);
    return value >= least[len] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
}

static bool escape(struct cursor *c) {
    skip(c, 1);
    int kind = peek(c);
    if (kind < 0 || kind == 0 || !strchr("\"\\/bfnrtu", kind)) {
        return false;
    }
    skip(c, 1);
    for (int i = 0; kind == 'u' && i < 4; i++) {
        int digit = peek(c);
        if (digit <= 0 || !strchr("0123456789abcdefABCDEF", digit)) {
            return false;
        }
        skip(c, 1);
    }
    return true;
}

static bool string(struct cursor *c) {
    if (!take(c, '"')) {
        return false;
    }
    while (c->left && c->p[0] != '"') {
        if (c->p[0] < 0x20 || !(c->p[0] == '\\' ? escape(c) : character(c))) {
            return false;
        }
    }
    return take(c, '"');
}

static size_t digits(struct cursor *c) {
    size_t n = 0;
    while (c->left && c->p[0] >= '0' && c->p[0] <= '9') {
        skip(c, 1);
        n++;
    }
    return n;
}

static bool number(struct cursor *c) {
    (void)take(c, '-');
    bool zero = peek(c) == '0';
    size_t whole = digits(c);
    if (whole == 0 || (zero && whole > 1)) {
        return false;
    }
    if (take(c, '.') && digits(c) == 0) {
        return false;
    }
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+')) {
            (void)take(c, '-');
        }
        return digits(c) > 0;
    }
    return true;
}

static bool word(struct cursor *c, const char *text) {
    size_t len = strlen(text);
    bool there = c->left >= len && memcmp(c->p, text, len) == 0;
    skip(c, there ? len : 0);
    return there;
}

static bool value(struct cursor *c, unsigned depth);

static bool member(struct cursor *c, unsigned depth) {
    c->count++;
    return space(c) && string(c) && space(c) && take(c, ':') && value(c, depth);
}

static bool container(struct cursor *c, int close, unsigned depth) {
    skip(c, 1);
    if (depth == JSON_DEPTH_MAX || !space(c)) {
        return false;
    }
    if (take(c, close)) {
        return true;
    }
    do {
        if (!(close == '}' ? member(c, depth + 1) : value(c, depth + 1)) || !space(c)) {
            return false;
        }
    } while (take(c, ','));
    return take(c, close);
}

static bool value(struct cursor *c, unsigned depth) {
    c->count++;
    if (!space(c)) {
        return false;
    }
    switch (peek(c)) {
    case '{':
        return container(c, '}', depth);
    case '[':
        return container(c, ']', depth);
    case '"':
        return string(c);
    case 't':
        return word(c, "true");
    case 'f':
        return word(c, "false");
    case 'n':
        return word(c, "null");
    default:
        return number(c);
    }
}

bool oracle_is_json(struct berth_str text, uint32_t flags, size_t *out_count) {
    struct cursor c = {.p = (const unsigned char *)text.ptr,
                       .left = BASE_LEN(text),
                       .comments = (flags & JSON_COMMENTS) != 0};
    (void)word(&c, "\xef\xbb\xbf");
    bool ok = value(&c, 0) && ((flags & JSON_TRAILING) || (space(&c) && c.left == 0));
    if (out_count) {
        *out_count = c.count;
    }
    return ok;
}

bool oracle_is_utf8(struct berth_str text) {
    struct cursor c = {.p = (const unsigned char *)text.ptr, .left = BASE_LEN(text)};
    while (c.left) {
        if (!character(&c)) {
            return false;
        }
    }
    return true;
}
