/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP_FIRST 256

void base_buf_init(struct base_buf *buf, size_t max) {
    *buf = (struct base_buf){.max = max};
}

void base_buf_init_private(struct base_buf *buf, size_t max) {
    *buf = (struct base_buf){.max = max, .is_private = true};
}

static void overwrite(const struct base_buf *buf, size_t len) {
    if (buf->is_private && len) {
        explicit_bzero(buf->ptr, len);
    }
}

void base_buf_deinit(struct base_buf *buf) {
    overwrite(buf, buf->cap);
    free(buf->ptr);
    *buf = (struct base_buf){.max = buf->max, .is_private = buf->is_private};
}

void base_buf_clear(struct base_buf *buf) {
    overwrite(buf, buf->len);
    buf->len = 0;
    buf->error = BERTH_OK;
}

static char *fail(struct base_buf *buf, int32_t code) {
    buf->error = code;
    return NULL;
}

/* realloc would leave what is private where it was. */
static char *resize(struct base_buf *buf, size_t cap) {
    if (!buf->is_private) {
        return realloc(buf->ptr, cap);
    }
    char *grown = malloc(cap);
    if (grown && buf->len) {
        memcpy(grown, buf->ptr, buf->len);
    }
    if (grown) {
        overwrite(buf, buf->cap);
        free(buf->ptr);
    }
    return grown;
}

char *base_buf_reserve(struct base_buf *buf, size_t more) {
    if (buf->error) {
        return NULL;
    }
    if (buf->cap - buf->len >= more && buf->ptr) {
        return buf->ptr + buf->len;
    }
    if (more > buf->max - buf->len) {
        return fail(buf, BERTH_E_TOO_LARGE);
    }
    size_t wanted = buf->len + more;
    size_t cap = buf->cap ? buf->cap : CAP_FIRST;
    while (cap < wanted) {
        cap = cap > buf->max / 2 ? buf->max : cap * 2;
    }
    if (cap > buf->max) {
        cap = buf->max;
    }
    char *grown = resize(buf, cap ? cap : 1);
    if (!grown) {
        return fail(buf, BERTH_E_NO_MEMORY);
    }
    buf->ptr = grown;
    buf->cap = cap;
    return buf->ptr + buf->len;
}

void base_buf_append(struct base_buf *buf, const void *bytes, size_t len) {
    char *to = len ? base_buf_reserve(buf, len) : NULL;
    if (to) {
        memcpy(to, bytes, len);
        buf->len += len;
    }
}

void base_buf_str(struct base_buf *buf, struct berth_str s) {
    base_buf_append(buf, s.ptr, BASE_LEN(s));
}

void base_buf_cstr(struct base_buf *buf, const char *text) {
    base_buf_append(buf, text, strlen(text));
}

void base_buf_char(struct base_buf *buf, char c) {
    base_buf_append(buf, &c, 1);
}

void base_buf_u64(struct base_buf *buf, uint64_t value) {
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    base_buf_append(buf, text + at, sizeof text - at);
}

void base_buf_format(struct base_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = len >= 0 ? base_buf_reserve(buf, (size_t)len + 1) : NULL;
    if (to) {
        (void)vsnprintf(to, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

char *base_buf_take(struct base_buf *buf) {
    char *ptr = buf->ptr;
    *buf = (struct base_buf){.max = buf->max, .is_private = buf->is_private};
    return ptr;
}
