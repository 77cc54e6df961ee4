/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/http1_reader.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* Unpacked bytes are passed on in pieces of at most this. */
#define PIECE_MAX 16384u
/* Memory that a told length alone gets; what is larger must first come. */
#define BODY_TRUSTED_MAX ((uint64_t)1 << 20)
/* A service that asks to be left alone for longer is not believed: a day. */
#define RETRY_AFTER_MAX_S 86400
/* Windows of zlib: the largest, with a header of gzip or zlib as it comes, or with none. */
#define WINDOW_WITH_HEADER (15 + 32)
#define WINDOW_BARE (-15)
/* The longest extension of a chunk, which has no meaning to us. */
#define EXTENSION_MAX 4096u
/* What an empty head counts, so that heads without end come to an end. */
#define HEAD_LEAST 16u

static struct ml_http1_reader *of(llhttp_t *parser) {
    return parser->data;
}

static int fail(struct ml_http1_reader *r, enum ml_http_outcome outcome, const char *detail) {
    r->answer->outcome = outcome;
    (void)snprintf(r->answer->detail, sizeof r->answer->detail, "%s", detail);
    return HPE_USER;
}

static bool has_failed(const struct ml_http1_reader *r) {
    return r->answer->outcome != ML_HTTP_ANSWERED;
}

/* ---- header lines ---- */

static void copy_text(struct berth_str text, char *out, size_t size) {
    size_t len = BASE_LEN(text) < size ? BASE_LEN(text) : size - 1;
    memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static void take_content_type(struct ml_http1_reader *r, struct berth_str value) {
    copy_text(value, r->answer->content_type, sizeof r->answer->content_type);
}

static void take_location(struct ml_http1_reader *r, struct berth_str value) {
    copy_text(value, r->answer->location, sizeof r->answer->location);
}

static void take_encoding(struct ml_http1_reader *r, struct berth_str value) {
    static const struct {
        const char *name;
        enum ml_http1_packing packing;
    } known[] = {
        {"", ML_HTTP1_PACKED_NOT},
        {"identity", ML_HTTP1_PACKED_NOT},
        {"gzip", ML_HTTP1_PACKED_GZIP},
        {"x-gzip", ML_HTTP1_PACKED_GZIP},
        {"deflate", ML_HTTP1_PACKED_DEFLATE},
    };
    r->packing = ML_HTTP1_PACKED_UNKNOWN;
    for (size_t i = 0; i < BASE_COUNT(known); i++) {
        if (base_str_eq_nocase(value, base_cstr(known[i].name))) {
            r->packing = known[i].packing;
        }
    }
}

static void take_retry_after(struct ml_http1_reader *r, struct berth_str value) {
    int64_t seconds;
    if (base_str_i64(value, &seconds) && seconds > 0 && seconds <= RETRY_AFTER_MAX_S) {
        r->answer->retry_after_ms = (uint64_t)seconds * BASE_MS_PER_S;
    }
}

static void take_error_type(struct ml_http1_reader *r, struct berth_str value) {
    r->answer->is_throttled = base_str_starts(value, BERTH_STR("ThrottlingException"));
}

static const struct {
    struct berth_str name;
    void (*take)(struct ml_http1_reader *r, struct berth_str value);
} lines[] = {
    {BERTH_STR_INIT("content-type"), take_content_type},
    {BERTH_STR_INIT("content-encoding"), take_encoding},
    {BERTH_STR_INIT("location"), take_location},
    {BERTH_STR_INIT("retry-after"), take_retry_after},
    {BERTH_STR_INIT("x-amzn-errortype"), take_error_type},
};

static int count_head(struct ml_http1_reader *r, size_t len) {
    r->head_bytes += (uint32_t)(len < ML_HTTP1_HEAD_MAX ? len : ML_HTTP1_HEAD_MAX);
    return r->head_bytes > ML_HTTP1_HEAD_MAX
               ? fail(r, ML_HTTP_BROKEN, "the head of the answer is longer than 65536 bytes")
               : 0;
}

/* Keeps as much as there is room for; the length goes one beyond it where it is more. */
static void collect(char *to, uint32_t room, uint32_t *len, const char *at, size_t more) {
    size_t left = room - (*len < room ? *len : room);
    size_t taken = more < left ? more : left;
    memcpy(to + (*len < room ? *len : room), at, taken);
    *len += (uint32_t)taken + (more > left && *len <= room ? 1 : 0);
}

static int on_status(llhttp_t *parser, const char *at, size_t len) {
    (void)at;
    return count_head(of(parser), len);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len) {
    struct ml_http1_reader *r = of(parser);
    collect(r->name, sizeof r->name, &r->name_len, at, len);
    return count_head(r, len);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len) {
    struct ml_http1_reader *r = of(parser);
    collect(r->value, sizeof r->value, &r->value_len, at, len);
    return count_head(r, len);
}

static int on_header_value_complete(llhttp_t *parser) {
    struct ml_http1_reader *r = of(parser);
    struct berth_str name = base_str(r->name, r->name_len);
    uint32_t len = r->value_len < sizeof r->value ? r->value_len : sizeof r->value;
    for (size_t i = 0; i < BASE_COUNT(lines) && !r->is_final; i++) {
        if (name.len == lines[i].name.len && base_str_eq_nocase(name, lines[i].name)) {
            lines[i].take(r, base_str_trim(base_str(r->value, len)));
        }
    }
    r->name_len = 0;
    r->value_len = 0;
    return 0;
}

/* ---- the body ---- */

static bool is_success(const struct ml_http1_reader *r) {
    return r->parser.status_code >= 200 && r->parser.status_code < 300;
}

/* A piece of the body as it is meant. */
static int take(struct ml_http1_reader *r, const char *at, size_t len) {
    struct base_buf *body = &r->answer->body;
    if (r->on_bytes && is_success(r)) {
        return r->on_bytes(r->user, base_str(at, len))
                   ? fail(r, ML_HTTP_BROKEN, "what came was not taken")
                   : 0;
    }
    if (body->ptr && at == body->ptr + body->len && len <= body->cap - body->len) {
        body->len += len; /* they were read to their place */
        return 0;
    }
    base_buf_append(body, at, len);
    return !body->error                       ? 0
           : body->error == BERTH_E_TOO_LARGE ? fail(r, ML_HTTP_TOO_LARGE, "the body is too large")
                                              : fail(r, ML_HTTP_NO_MEMORY, "out of memory");
}

static bool start_unpacker(struct ml_http1_reader *r, int window) {
    r->unpacker = calloc(1, sizeof *r->unpacker);
    if (r->unpacker && inflateInit2(r->unpacker, window) != Z_OK) {
        free(r->unpacker);
        r->unpacker = NULL;
    }
    return r->unpacker;
}

/* Some call "deflate" what has no header of zlib, against the standard. */
static bool is_bare(const struct ml_http1_reader *r, const char *at, size_t len) {
    return r->packing == ML_HTTP1_PACKED_DEFLATE && len > 0 && (at[0] & 0x0f) != Z_DEFLATED;
}

static void hold(struct ml_http1_reader *r, const char *at, size_t len) {
    base_buf_append(&r->held, at, len);
}

/* Passes on what is packed, piece by piece; what is left when it is paused is held. */
static int unpack(struct ml_http1_reader *r, const char *at, size_t len) {
    unsigned char piece[PIECE_MAX];
    if (!r->unpacker &&
        !start_unpacker(r, is_bare(r, at, len) ? WINDOW_BARE : WINDOW_WITH_HEADER)) {
        return fail(r, ML_HTTP_NO_MEMORY, "out of memory");
    }
    z_stream *z = r->unpacker;
    z->next_in = (z_const Bytef *)(uintptr_t)at;
    z->avail_in = (uInt)len;
    do {
        z->next_out = piece;
        z->avail_out = sizeof piece;
        int code = inflate(z, Z_NO_FLUSH);
        r->unpacked = code == Z_STREAM_END;
        if (code == Z_MEM_ERROR) {
            return fail(r, ML_HTTP_NO_MEMORY, "out of memory");
        }
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            return fail(r, ML_HTTP_BROKEN, "the body is not packed as its head says");
        }
        size_t made = sizeof piece - z->avail_out;
        if (made > 0 && take(r, (const char *)piece, made)) {
            return HPE_USER;
        }
    } while (!r->unpacked && !r->is_paused && (z->avail_in > 0 || z->avail_out == 0));
    if (!r->unpacked && r->is_paused) {
        r->has_more = z->avail_out == 0;
        hold(r, (const char *)z->next_in, z->avail_in);
    }
    return r->held.error ? fail(r, ML_HTTP_NO_MEMORY, "out of memory") : 0;
}

static int pass_on(struct ml_http1_reader *r, const char *at, size_t len) {
    return r->unpacked                         ? 0 /* what stands behind it has no meaning */
           : r->packing == ML_HTTP1_PACKED_NOT ? take(r, at, len)
                                               : unpack(r, at, len);
}

/* The chunks that one read brings are passed on together: whoever takes them may have to send. */
static bool gathers(const struct ml_http1_reader *r) {
    return r->on_bytes && is_success(r) && r->packing == ML_HTTP1_PACKED_NOT &&
           r->parser.flags & F_CHUNKED;
}

static int on_body(llhttp_t *parser, const char *at, size_t len) {
    struct ml_http1_reader *r = of(parser);
    if (!r->is_paused && !gathers(r)) {
        return pass_on(r, at, len);
    }
    hold(r, at, len);
    return r->held.error ? fail(r, ML_HTTP_NO_MEMORY, "out of memory") : 0;
}

static void pass_held(struct ml_http1_reader *r) {
    if (!r->is_paused && (r->held.len > 0 || r->has_more) && !has_failed(r)) {
        BASE_BUF_AUTO came = r->held;
        base_buf_init(&r->held, BASE_BUF_MAX_DEFAULT);
        r->has_more = false;
        (void)pass_on(r, came.len ? came.ptr : "", came.len);
    }
}

/* ---- the whole ---- */

static int on_headers_complete(llhttp_t *parser) {
    struct ml_http1_reader *r = of(parser);
    struct ml_http_answer *answer = r->answer;
    uint16_t status = parser->status_code;
    if (count_head(r, HEAD_LEAST)) {
        return HPE_USER;
    }
    if (status == 101) {
        return fail(r, ML_HTTP_BROKEN, "the service changed the protocol, which nobody asked for");
    }
    if (status < 200) {
        return 0;
    }
    r->is_final = true;
    if (r->packing == ML_HTTP1_PACKED_UNKNOWN) {
        return fail(r, ML_HTTP_BROKEN,
                    "the body is packed otherwise than asked for (content-encoding)");
    }
    if (parser->flags & F_CONTENT_LENGTH && r->packing == ML_HTTP1_PACKED_NOT &&
        (!r->on_bytes || !is_success(r))) {
        if (parser->content_length > answer->body.max) {
            return fail(r, ML_HTTP_TOO_LARGE, "the body is too large, as its head says");
        }
        if (parser->content_length > 0 && parser->content_length <= BODY_TRUSTED_MAX) {
            /* Where there is no memory for it, the body's bytes say so. */
            (void)base_buf_reserve(&answer->body, (size_t)parser->content_length);
        }
    }
    return 0;
}

static int on_message_complete(llhttp_t *parser) {
    struct ml_http1_reader *r = of(parser);
    if (!r->is_final) {
        take_encoding(r, base_str("", 0)); /* of an informational answer, it has no meaning */
        return 0;
    }
    r->is_read = true;
    r->keeps_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED; /* what comes behind it is no part of it */
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t len) {
    struct ml_http1_reader *r = of(parser);
    (void)at;
    r->extension_bytes += (uint32_t)(len < EXTENSION_MAX ? len : EXTENSION_MAX);
    return r->extension_bytes > EXTENSION_MAX
               ? fail(r, ML_HTTP_BROKEN, "the extension of a chunk is longer than 4096 bytes")
               : 0;
}

static int on_chunk_complete(llhttp_t *parser) {
    of(parser)->extension_bytes = 0;
    return 0;
}

static const llhttp_settings_t callbacks = {
    .on_status = on_status,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_chunk_complete = on_chunk_complete,
};

void ml_http1_reader_init(struct ml_http1_reader *reader, struct ml_http_answer *answer,
                          ml_http_bytes_fn on_bytes, void *user) {
    *reader = (struct ml_http1_reader){.answer = answer, .on_bytes = on_bytes, .user = user};
    base_buf_init(&reader->held, BASE_BUF_MAX_DEFAULT);
    llhttp_init(&reader->parser, HTTP_RESPONSE, &callbacks);
    reader->parser.data = reader;
}

void ml_http1_reader_deinit(struct ml_http1_reader *reader) {
    base_buf_deinit(&reader->held);
    if (reader->unpacker) {
        (void)inflateEnd(reader->unpacker);
        free(reader->unpacker);
        reader->unpacker = NULL;
    }
}

static enum ml_http1_read progress(struct ml_http1_reader *r) {
    if (!has_failed(r) && r->is_read && r->held.len == 0 && !r->has_more) {
        if (!r->unpacker || r->unpacked) {
            r->answer->status = r->parser.status_code;
            return ML_HTTP1_COMPLETE;
        }
        (void)fail(r, ML_HTTP_BROKEN, "the packed body ends too early");
    }
    return has_failed(r) ? ML_HTTP1_FAILED : ML_HTTP1_MORE;
}

char *ml_http1_reader_place(struct ml_http1_reader *r, size_t *out_size) {
    struct base_buf *body = &r->answer->body;
    size_t room = body->cap - body->len;
    bool is_known = r->is_final && r->parser.flags & F_CONTENT_LENGTH && !r->is_read;
    if (!is_known || r->packing != ML_HTTP1_PACKED_NOT || (r->on_bytes && is_success(r)) ||
        r->is_paused || room == 0 || r->parser.content_length == 0) {
        return NULL;
    }
    *out_size = r->parser.content_length < room ? (size_t)r->parser.content_length : room;
    return body->ptr + body->len;
}

enum ml_http1_read ml_http1_reader_feed(struct ml_http1_reader *r, const char *bytes, size_t len) {
    const char *end = bytes + len;
    if (r->is_read) {
        r->keeps_alive = r->keeps_alive && len == 0;
        return progress(r);
    }
    r->has_begun = r->has_begun || len > 0;
    llhttp_errno_t code = llhttp_execute(&r->parser, bytes, len);
    pass_held(r);
    if (r->is_read) {
        r->keeps_alive = r->keeps_alive && llhttp_get_error_pos(&r->parser) == end;
    } else if (code != HPE_OK && !has_failed(r)) {
        (void)fail(r, ML_HTTP_BROKEN, llhttp_get_error_reason(&r->parser));
    }
    return progress(r);
}

enum ml_http1_read ml_http1_reader_end(struct ml_http1_reader *r) {
    if (!r->is_read && !has_failed(r)) {
        (void)llhttp_finish(&r->parser);
        if (!r->is_read && !has_failed(r)) {
            (void)fail(r, ML_HTTP_BROKEN,
                       r->has_begun ? "the service closed the connection within its answer"
                                    : "the service closed the connection without an answer");
        }
    }
    r->keeps_alive = false;
    return progress(r);
}

enum ml_http1_read ml_http1_reader_resume(struct ml_http1_reader *r) {
    r->is_paused = false;
    pass_held(r);
    return progress(r);
}
