/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/gzip.h"

#include <limits.h>
#include <zlib.h>

/* zlib's windowBits for gzip framing with the largest window. */
#define GZIP_WINDOW (15 + 16)
#define PIECE 16384
/* Memory level and speed: answers are packed on the fly, so the cheapest that still helps. */
#define PACK_LEVEL 1
#define PACK_MEMORY 8

static int32_t inflate_all(z_stream *z, struct base_buf *out) {
    for (;;) {
        char *to = base_buf_reserve(out, out->max - out->len < PIECE ? out->max - out->len : PIECE);
        if (!to) {
            return out->error;
        }
        size_t room = out->max - out->len < PIECE ? out->max - out->len : PIECE;
        z->next_out = (Bytef *)to;
        z->avail_out = (uInt)room;
        int code = inflate(z, Z_NO_FLUSH);
        out->len += room - z->avail_out;
        if (code == Z_STREAM_END) {
            return z->avail_in == 0 ? BERTH_OK : BERTH_E_PARSE;
        }
        if (code == Z_MEM_ERROR) {
            return BERTH_E_NO_MEMORY;
        }
        if (code != Z_OK && code != Z_BUF_ERROR) {
            return BERTH_E_PARSE;
        }
        if (out->len == out->max) {
            return BERTH_E_TOO_LARGE;
        }
        if (z->avail_in == 0 && z->avail_out != 0) {
            return BERTH_E_PARSE; /* the packed text ends too early */
        }
    }
}

int32_t gzip_unpack(struct base_buf *body, uint64_t max) {
    if (body->len > UINT_MAX) {
        return BERTH_E_TOO_LARGE;
    }
    z_stream z = {.next_in = (Bytef *)body->ptr, .avail_in = (uInt)body->len};
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
        return BERTH_E_NO_MEMORY;
    }
    struct base_buf plain;
    /* One byte more, to tell a body that just fits from one that does not. */
    base_buf_init(&plain, (size_t)max + 1);
    int32_t code = inflate_all(&z, &plain);
    (void)inflateEnd(&z);
    if (!code && plain.len > max) {
        code = BERTH_E_TOO_LARGE;
    }
    if (code) {
        base_buf_deinit(&plain);
        return code;
    }
    plain.max = body->max;
    base_buf_deinit(body);
    *body = plain;
    return BERTH_OK;
}

int32_t gzip_pack(struct berth_str plain, struct base_buf *out) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)plain.ptr, .avail_in = (uInt)plain.len};
    if (plain.len > UINT_MAX / 2 || deflateInit2(&z, PACK_LEVEL, Z_DEFLATED, GZIP_WINDOW,
                                                 PACK_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        return BERTH_E_NO_MEMORY;
    }
    uLong bound = deflateBound(&z, (uLong)plain.len);
    char *to = base_buf_reserve(out, bound);
    int code = Z_MEM_ERROR;
    if (to) {
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)bound;
        code = deflate(&z, Z_FINISH);
        out->len += bound - z.avail_out;
    }
    (void)deflateEnd(&z);
    return code == Z_STREAM_END ? BERTH_OK : BERTH_E_NO_MEMORY;
}
