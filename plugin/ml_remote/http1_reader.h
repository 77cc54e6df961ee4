/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to an answer: llhttp in strict mode, and what is packed unpacked.
 *
 * Touches no socket, so that it can be fuzzed alone. Belongs to its loop, as the call does.
 */
#ifndef ML_REMOTE_HTTP1_READER_H
#define ML_REMOTE_HTTP1_READER_H

#include <llhttp.h>
#include <zlib.h>

#include "plugin/ml_remote/http_client.h"

/* The longest head of an answer, all informational answers before it and its trailer counted in. */
#define ML_HTTP1_HEAD_MAX 65536u
/* As much of a header's name as one needs that is looked at, and of its value. */
#define ML_HTTP1_NAME_MAX 24u

/* How a body is packed. */
enum ml_http1_packing {
    ML_HTTP1_PACKED_NOT,
    ML_HTTP1_PACKED_GZIP,
    ML_HTTP1_PACKED_DEFLATE,
    ML_HTTP1_PACKED_UNKNOWN,
};

struct ml_http1_reader {
    llhttp_t parser;
    struct ml_http_answer *answer; /* filled; its status and outcome when it is complete or bad */
    ml_http_bytes_fn on_bytes;     /* NULL: the body is kept */
    void *user;
    uint32_t head_bytes;
    uint32_t name_len;
    uint32_t value_len;
    char name[ML_HTTP1_NAME_MAX];
    char value[ML_HTTP_DETAIL_MAX];
    enum ml_http1_packing packing;
    uint32_t extension_bytes; /* of the chunk that is coming */
    z_stream *unpacker;       /* NULL: nothing is packed, or nothing came yet */
    struct base_buf held;     /* what came while the reader was paused, as it came */
    bool unpacked;            /* up to the end of what was packed */
    bool has_more;            /* that is unpacked, when it is resumed */
    bool has_begun;           /* a byte came */
    bool is_final;            /* the head is no informational one */
    bool is_paused;           /* on_bytes is not called */
    bool is_read;             /* to its end, though some of it may be held */
    bool keeps_alive;         /* the connection can serve another request */
};

enum ml_http1_read {
    ML_HTTP1_MORE,     /* all bytes were taken, the answer is not complete, or is held back */
    ML_HTTP1_COMPLETE, /* the answer is complete */
    ML_HTTP1_FAILED,   /* the answer's outcome and detail say why */
};

/*
 * answer's body is initialized with the limit of what is unpacked. on_bytes takes the pieces of a
 * successful answer's body; NULL: the body is kept.
 */
void ml_http1_reader_init(struct ml_http1_reader *reader, struct ml_http_answer *answer,
                          ml_http_bytes_fn on_bytes, void *user);
void ml_http1_reader_deinit(struct ml_http1_reader *reader);

/*
 * Where the next bytes of the connection may be read to, so that a long body is not copied: behind
 * what of it has come. NULL where that is not known, and any other place is as good. Bytes that are
 * read there are fed from there.
 */
char *ml_http1_reader_place(struct ml_http1_reader *reader, size_t *out_size);

/* Takes bytes, all of them. Bytes behind the answer take keeps_alive away. */
enum ml_http1_read ml_http1_reader_feed(struct ml_http1_reader *reader, const char *bytes,
                                        size_t len);

/* The connection ended: the answer is complete, if its length was not told, or else broken. */
enum ml_http1_read ml_http1_reader_end(struct ml_http1_reader *reader);

/* Passes on what was held, until it is paused again. */
enum ml_http1_read ml_http1_reader_resume(struct ml_http1_reader *reader);

#endif
