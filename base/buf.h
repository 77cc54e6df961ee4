/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable buffer with a mandatory bound.
 *
 * Invariant: len <= cap <= max. Appending never fails halfway: either all bytes are there or the
 * buffer is marked with the first error and stays as it was. The mark is sticky, so that a writer
 * appends without looking and asks once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <berth/error.h>

#include "base/str.h"

struct base_buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;
    int32_t error;
    bool is_private;
};

/* For text whose size the program itself decides, such as a document that it writes. */
#define BASE_BUF_MAX_DEFAULT ((size_t)256 << 20)

/* max: what the buffer may hold at most, in bytes. Allocates nothing. */
void base_buf_init(struct base_buf *buf, size_t max);

/* The same for what may hold a secret: memory is overwritten before it is given up or used anew. */
void base_buf_init_private(struct base_buf *buf, size_t max);

/* Frees the memory; the buffer is as after init. */
void base_buf_deinit(struct base_buf *buf);

/* Forgets content and error, keeps the memory. */
void base_buf_clear(struct base_buf *buf);

/* Makes room for more bytes behind len; NULL (and the mark) when there is none. */
char *base_buf_reserve(struct base_buf *buf, size_t more);

void base_buf_append(struct base_buf *buf, const void *bytes, size_t len);
void base_buf_str(struct base_buf *buf, struct berth_str s);
void base_buf_cstr(struct base_buf *buf, const char *text);
void base_buf_char(struct base_buf *buf, char c);
/* A number in decimal. */
void base_buf_u64(struct base_buf *buf, uint64_t value);
__attribute__((format(printf, 2, 3))) void base_buf_format(struct base_buf *buf, const char *format,
                                                           ...);

static inline struct berth_str base_buf_view(const struct base_buf *buf) {
    return base_str(buf->ptr, buf->len);
}

/* Takes the memory out of the buffer; the caller frees it. */
char *base_buf_take(struct base_buf *buf);

#define BASE_BUF_AUTO __attribute__((cleanup(base_buf_deinit))) struct base_buf

#endif
