/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a remote service answers: however the bytes are cut, and whenever the reader is paused, it
 * is the same answer, within its limit.
 *
 * Input: the length of the pieces (a byte), how to read (a byte: bit 0 streams, bit 1 pauses with
 * each piece that comes, bit 2 leaves out the end of the connection), the bytes of a connection.
 */
#include "plugin/ml_remote/http1_reader.h"

#include "tests/fuzz/fuzz.h"

#define BODY_MAX 4096u

struct reading {
    struct ml_http1_reader reader;
    struct ml_http_answer answer;
    struct base_buf streamed;
    bool pauses;
    enum ml_http1_read read;
};

static int32_t on_bytes(void *user, struct berth_str bytes) {
    struct reading *r = user;
    FUZZ_CHECK(!r->reader.is_paused && bytes.len > 0);
    base_buf_str(&r->streamed, bytes);
    r->reader.is_paused = r->pauses;
    return r->streamed.error;
}

/* Until it is paused no more; what comes of it may pause it again. */
static void resume(struct reading *r) {
    while (r->read == ML_HTTP1_MORE && r->reader.is_paused) {
        r->read = ml_http1_reader_resume(&r->reader);
    }
}

static void read_all(struct reading *r, struct berth_str text, uint64_t step, int how,
                     bool pauses) {
    *r = (struct reading){.pauses = pauses};
    base_buf_init(&r->answer.body, BODY_MAX);
    base_buf_init(&r->streamed, BODY_MAX);
    ml_http1_reader_init(&r->reader, &r->answer, how & 1 ? on_bytes : NULL, r);
    uint64_t at = 0;
    while (at < text.len && r->read == ML_HTTP1_MORE) {
        struct berth_str piece = base_str_slice(text, at, at + step);
        size_t size = 0;
        char *place = ml_http1_reader_place(&r->reader, &size);
        if (place) { /* as a connection does, which reads no more than there is room */
            piece = base_str_slice(piece, 0, size);
            memcpy(place, piece.ptr, BASE_LEN(piece));
            piece.ptr = place;
        }
        at += piece.len;
        r->read = ml_http1_reader_feed(&r->reader, piece.ptr, BASE_LEN(piece));
        resume(r);
    }
    if (r->read == ML_HTTP1_MORE && !(how & 4)) {
        r->read = ml_http1_reader_end(&r->reader);
        resume(r);
        FUZZ_CHECK(r->read != ML_HTTP1_MORE);
    }
    ml_http1_reader_deinit(&r->reader);
}

static void free_all(struct reading *r) {
    base_buf_deinit(&r->answer.body);
    base_buf_deinit(&r->streamed);
}

static void check(const struct reading *r) {
    FUZZ_CHECK(r->answer.body.len <= BODY_MAX && r->streamed.len <= BODY_MAX);
    FUZZ_CHECK((r->read == ML_HTTP1_FAILED) == (r->answer.outcome != ML_HTTP_ANSWERED));
    FUZZ_CHECK(r->read != ML_HTTP1_FAILED || r->answer.detail[0]);
    FUZZ_CHECK(r->read != ML_HTTP1_COMPLETE || r->answer.status >= 200);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size < 2) {
        return 0;
    }
    struct berth_str text = base_str((const char *)bytes + 2, size - 2);
    struct reading whole;
    struct reading cut;
    read_all(&whole, text, text.len, bytes[1], false);
    read_all(&cut, text, bytes[0] + 1u, bytes[1], bytes[1] & 2);
    check(&whole);
    check(&cut);
    FUZZ_CHECK(whole.read == cut.read);
    /* Of two faults in what is packed, the pieces may show the other one first. */
    FUZZ_CHECK((whole.answer.outcome == ML_HTTP_ANSWERED) ==
               (cut.answer.outcome == ML_HTTP_ANSWERED));
    FUZZ_CHECK(whole.answer.status == cut.answer.status);
    FUZZ_CHECK(strcmp(whole.answer.content_type, cut.answer.content_type) == 0);
    FUZZ_CHECK(strcmp(whole.answer.location, cut.answer.location) == 0);
    FUZZ_CHECK(whole.answer.retry_after_ms == cut.answer.retry_after_ms);
    if (whole.read == ML_HTTP1_COMPLETE) {
        FUZZ_CHECK(base_str_eq(base_buf_view(&whole.answer.body), base_buf_view(&cut.answer.body)));
        FUZZ_CHECK(base_str_eq(base_buf_view(&whole.streamed), base_buf_view(&cut.streamed)));
    }
    free_all(&whole);
    free_all(&cut);
    return 0;
}
