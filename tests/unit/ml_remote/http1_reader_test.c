/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to an answer: whole and byte by byte, and while it is paused.
 */
#include "plugin/ml_remote/http1_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

#define BODY_MAX 64u

struct reading {
    struct ml_http1_reader reader;
    struct ml_http_answer answer;
    struct base_buf streamed;
    unsigned pieces;
    bool pauses;
    bool refuses;
};

static int32_t on_bytes(void *user, struct berth_str bytes) {
    struct reading *r = user;
    base_buf_str(&r->streamed, bytes);
    r->pieces++;
    r->reader.is_paused = r->pauses;
    return r->refuses ? BERTH_E_CANCELLED : BERTH_OK;
}

static void begin(struct reading *r, bool streams) {
    *r = (struct reading){0};
    base_buf_init(&r->answer.body, BODY_MAX);
    base_buf_init(&r->streamed, BASE_BUF_MAX_DEFAULT);
    ml_http1_reader_init(&r->reader, &r->answer, streams ? on_bytes : NULL, r);
}

static void end(struct reading *r) {
    ml_http1_reader_deinit(&r->reader);
    base_buf_deinit(&r->answer.body);
    base_buf_deinit(&r->streamed);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define LENGTH(n) "Content-Length: " #n "\r\n"
#define GZIP "Content-Encoding: gzip\r\n"
/* "hello hello hello" */
#define GZIPPED                                                                                    \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x80\x88\xf9" \
    "\xe5\x11\x00\x00\x00"
#define DEFLATED "\x78\xda\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x3a\x2e\x06\x7d"
#define BARE "\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00"

#define TEXT(literal) {literal, sizeof(literal) - 1}

/* What a service sends before it closes, and what comes of it. */
static const struct {
    struct berth_str text;
    enum ml_http_outcome outcome;
    uint32_t status;
    const char *body;
    bool keeps_alive;
} cases[] = {
    {TEXT(OK LENGTH(2) "\r\nok"), ML_HTTP_ANSWERED, 200, "ok", true},
    {TEXT(OK LENGTH(2) "Connection: close\r\n\r\nok"), ML_HTTP_ANSWERED, 200, "ok", false},
    {TEXT(OK LENGTH(2) "\r\nokmore"), ML_HTTP_ANSWERED, 200, "ok", false},
    {TEXT(OK "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\nT: x\r\n\r\n"),
     ML_HTTP_ANSWERED, 200, "ok", true},
    {TEXT(OK "\r\nuntil the end"), ML_HTTP_ANSWERED, 200, "until the end", false},
    {TEXT("HTTP/1.0 200 OK\r\n" LENGTH(2) "\r\nok"), ML_HTTP_ANSWERED, 200, "ok", false},
    {TEXT("HTTP/1.1 100 Continue\r\n\r\n" OK LENGTH(2) "\r\nok"), ML_HTTP_ANSWERED, 200, "ok",
     true},
    {TEXT("HTTP/1.1 103 Hints\r\nContent-Encoding: br\r\n\r\n" OK LENGTH(2) "\r\nok"),
     ML_HTTP_ANSWERED, 200, "ok", true},
    {TEXT("HTTP/1.1 204 None\r\n\r\n"), ML_HTTP_ANSWERED, 204, "", true},
    {TEXT(OK GZIP LENGTH(0) "\r\n"), ML_HTTP_ANSWERED, 200, "", true},
    {TEXT(OK GZIP LENGTH(28) "\r\n" GZIPPED), ML_HTTP_ANSWERED, 200, "hello hello hello", true},
    {TEXT(OK "content-encoding: X-GZIP\r\n" LENGTH(30) "\r\n" GZIPPED "zz"), ML_HTTP_ANSWERED, 200,
     "hello hello hello", true},
    {TEXT(OK "Content-Encoding: deflate\r\n" LENGTH(16) "\r\n" DEFLATED), ML_HTTP_ANSWERED, 200,
     "hello hello hello", true},
    {TEXT(OK "Content-Encoding: deflate\r\n" LENGTH(10) "\r\n" BARE), ML_HTTP_ANSWERED, 200,
     "hello hello hello", true},
    {TEXT(OK GZIP LENGTH(12) "\r\n"
                             "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48"),
     ML_HTTP_BROKEN, 0, NULL, false},
    {TEXT(OK GZIP LENGTH(4) "\r\nabcd"), ML_HTTP_BROKEN, 0, NULL, false},
    {TEXT(OK "Content-Encoding: br\r\n" LENGTH(1) "\r\nx"), ML_HTTP_BROKEN, 0, NULL, false},
    {TEXT("HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), ML_HTTP_BROKEN, 0,
     NULL, false},
    {TEXT(OK LENGTH(9) "\r\nshort"), ML_HTTP_BROKEN, 0, NULL, false},
    {TEXT(OK LENGTH(65) "\r\n"), ML_HTTP_TOO_LARGE, 0, NULL, false},
    {TEXT(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), ML_HTTP_BROKEN, 0, NULL, false},
    {TEXT(OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ML_HTTP_BROKEN, 0,
     NULL, false},
    {TEXT("SSH-2.0-x\r\n"), ML_HTTP_BROKEN, 0, NULL, false},
    {TEXT(""), ML_HTTP_BROKEN, 0, NULL, false},
};

static void check(size_t i, struct reading *r, enum ml_http1_read read) {
    struct berth_str body = base_buf_view(&r->answer.body);
    if (r->answer.outcome != cases[i].outcome || r->answer.status != cases[i].status ||
        (cases[i].body && !base_str_is(body, cases[i].body)) ||
        (cases[i].body && r->reader.keeps_alive != cases[i].keeps_alive)) {
        fail_msg("case %zu: outcome %d (%s), status %u, body [" BASE_FMT "], keeps %d", i,
                 r->answer.outcome, r->answer.detail, r->answer.status, BASE_ARG(body),
                 r->reader.keeps_alive);
    }
    assert_int_equal(read,
                     cases[i].outcome == ML_HTTP_ANSWERED ? ML_HTTP1_COMPLETE : ML_HTTP1_FAILED);
    assert_true(read == ML_HTTP1_COMPLETE || r->answer.detail[0]);
}

static void reads_answers_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str text = cases[i].text;
        for (uint64_t step = 1; step <= text.len + 1; step += text.len / 2 + 1) {
            struct reading r;
            enum ml_http1_read read = ML_HTTP1_MORE;
            begin(&r, false);
            for (uint64_t at = 0; at < text.len && read != ML_HTTP1_FAILED; at += step) {
                struct berth_str piece = base_str_slice(text, at, at + step);
                read = ml_http1_reader_feed(&r.reader, piece.ptr, BASE_LEN(piece));
            }
            if (read == ML_HTTP1_MORE) {
                read = ml_http1_reader_end(&r.reader);
            }
            check(i, &r, read);
            end(&r);
        }
    }
}

static enum ml_http1_read feed(struct reading *r, struct berth_str text) {
    return ml_http1_reader_feed(&r->reader, text.ptr, BASE_LEN(text));
}

static void takes_what_is_looked_at(void **state) {
    (void)state;
    struct reading r;
    begin(&r, false);
    assert_int_equal(
        feed(&r,
             BERTH_STR("HTTP/1.1 429 Slow\r\ncontent-TYPE:  text/plain \r\nLocation: /x\r\n"
                       "Retry-After: 7\r\nX-Amzn-ErrorType: ThrottlingException:http\r\n" LENGTH(
                           0) "\r\n")),
        ML_HTTP1_COMPLETE);
    assert_string_equal(r.answer.content_type, "text/plain");
    assert_string_equal(r.answer.location, "/x");
    assert_int_equal(r.answer.retry_after_ms, 7000);
    assert_true(r.answer.is_throttled);
    end(&r);
    /* Not from a trailer; nothing of a date; of a long value the beginning. */
    begin(&r, false);
    assert_int_equal(feed(&r, BERTH_STR(OK "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
                                           "Transfer-Encoding: chunked\r\nLocation: ")),
                     ML_HTTP1_MORE);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(feed(&r, BERTH_STR("a")), ML_HTTP1_MORE);
    }
    assert_int_equal(feed(&r, BERTH_STR("\r\n\r\n0\r\nContent-Type: no\r\n\r\n")),
                     ML_HTTP1_COMPLETE);
    assert_int_equal(strlen(r.answer.location), sizeof r.answer.location - 1);
    assert_string_equal(r.answer.content_type, "");
    assert_int_equal(r.answer.retry_after_ms, 0);
    end(&r);
}

/* A body of a told length is read to where it stays; nothing is beyond what is left of it. */
static void tells_where_to_read_a_body_to(void **state) {
    (void)state;
    struct reading r;
    size_t size = 0;
    begin(&r, false);
    assert_null(ml_http1_reader_place(&r.reader, &size));
    assert_int_equal(feed(&r, BERTH_STR(OK LENGTH(5) "\r\nab")), ML_HTTP1_MORE);
    char *place = ml_http1_reader_place(&r.reader, &size);
    assert_ptr_equal(place, r.answer.body.ptr + 2);
    assert_int_equal(size, 3);
    memcpy(place, "cd", 2);
    assert_int_equal(ml_http1_reader_feed(&r.reader, place, 2), ML_HTTP1_MORE);
    place = ml_http1_reader_place(&r.reader, &size);
    assert_int_equal(size, 1);
    *place = 'e';
    assert_int_equal(ml_http1_reader_feed(&r.reader, place, 1), ML_HTTP1_COMPLETE);
    assert_true(base_str_is(base_buf_view(&r.answer.body), "abcde"));
    assert_null(ml_http1_reader_place(&r.reader, &size));
    end(&r);
    /* Not of one in chunks, nor of one that is passed on as it comes. */
    begin(&r, false);
    (void)feed(&r, BERTH_STR(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nab"));
    assert_null(ml_http1_reader_place(&r.reader, &size));
    end(&r);
    begin(&r, true);
    (void)feed(&r, BERTH_STR(OK LENGTH(5) "\r\nab"));
    assert_null(ml_http1_reader_place(&r.reader, &size));
    end(&r);
}

/* What would go on for ever, one line after another. */
static const char *const endless[] = {
    "x: y\r\n",
    "x",
    "\r\nHTTP/1.1 100 \r\n",
};

static void ends_what_has_no_end(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(endless); i++) {
        struct reading r;
        enum ml_http1_read read;
        begin(&r, false);
        read = feed(&r, i == 2 ? BERTH_STR("HTTP/1.1 100 \r\n") : BERTH_STR(OK));
        for (int n = 0; n < 100000 && read == ML_HTTP1_MORE; n++) {
            read = feed(&r, base_cstr(endless[i]));
        }
        assert_int_equal(read, ML_HTTP1_FAILED);
        assert_non_null(strstr(r.answer.detail, "65536"));
        end(&r);
    }
    struct reading r;
    begin(&r, false);
    enum ml_http1_read read = feed(&r, BERTH_STR(OK "Transfer-Encoding: chunked\r\n\r\n1;"));
    for (int n = 0; n < 10000 && read == ML_HTTP1_MORE; n++) {
        read = feed(&r, BERTH_STR("x"));
    }
    assert_int_equal(read, ML_HTTP1_FAILED);
    end(&r);
}

static void streams_only_success(void **state) {
    (void)state;
    struct reading r;
    begin(&r, true);
    assert_int_equal(feed(&r, BERTH_STR(OK LENGTH(2) "\r\nok")), ML_HTTP1_COMPLETE);
    assert_true(base_str_is(base_buf_view(&r.streamed), "ok"));
    assert_int_equal(r.answer.body.len, 0);
    end(&r);
    begin(&r, true);
    assert_int_equal(feed(&r, BERTH_STR("HTTP/1.1 500 No\r\n" LENGTH(2) "\r\nno")),
                     ML_HTTP1_COMPLETE);
    assert_int_equal(r.pieces, 0);
    assert_true(base_str_is(base_buf_view(&r.answer.body), "no"));
    end(&r);
    begin(&r, true);
    r.refuses = true;
    assert_int_equal(feed(&r, BERTH_STR(OK LENGTH(2) "\r\nok")), ML_HTTP1_FAILED);
    assert_int_equal(r.answer.outcome, ML_HTTP_BROKEN);
    end(&r);
}

/* What came while it was paused comes when it is resumed, and only then is the answer complete. */
static void holds_back_while_paused(void **state) {
    (void)state;
    struct reading r;
    begin(&r, true);
    r.pauses = true;
    assert_int_equal(
        feed(&r, BERTH_STR(OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n")),
        ML_HTTP1_MORE);
    assert_int_equal(r.pieces, 1); /* what comes together is passed on together */
    assert_true(base_str_is(base_buf_view(&r.streamed), "ab"));
    assert_int_equal(feed(&r, BERTH_STR("1\r\nc\r\n0\r\n\r\n")), ML_HTTP1_MORE);
    assert_int_equal(r.pieces, 1);
    assert_true(r.reader.is_read);
    assert_int_equal(ml_http1_reader_resume(&r.reader), ML_HTTP1_COMPLETE);
    assert_int_equal(r.pieces, 2);
    assert_true(base_str_is(base_buf_view(&r.streamed), "abc"));
    end(&r);
}

/* 64 KiB of zeroes, in a hundred bytes: no piece is larger than 16 KiB, nor comes uncalled for. */
static void unpacks_no_further_than_asked(void **state) {
    (void)state;
    unsigned char packed[256];
    static const unsigned char zeroes[65536];
    z_stream z = {0};
    assert_int_equal(deflateInit(&z, 9), Z_OK);
    z.next_in = (z_const Bytef *)(uintptr_t)zeroes;
    z.avail_in = sizeof zeroes;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    int len = (int)(sizeof packed - z.avail_out);
    assert_int_equal(deflateEnd(&z), Z_OK);
    char head[128];
    int head_len = snprintf(head, sizeof head,
                            OK "Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n", len);
    struct reading r;
    begin(&r, true);
    r.pauses = true;
    assert_int_equal(feed(&r, base_str(head, (size_t)head_len)), ML_HTTP1_MORE);
    enum ml_http1_read read = feed(&r, base_str((const char *)packed, (size_t)len));
    unsigned pieces = 1;
    for (; read == ML_HTTP1_MORE; pieces++) {
        assert_int_equal(r.pieces, pieces);
        read = ml_http1_reader_resume(&r.reader);
    }
    assert_int_equal(read, ML_HTTP1_COMPLETE);
    assert_int_equal(r.streamed.len, sizeof zeroes);
    assert_true(r.pieces >= 4);
    end(&r);
    /* Kept, it is refused at its limit. */
    begin(&r, false);
    (void)feed(&r, base_str(head, (size_t)head_len));
    assert_int_equal(feed(&r, base_str((const char *)packed, (size_t)len)), ML_HTTP1_FAILED);
    assert_int_equal(r.answer.outcome, ML_HTTP_TOO_LARGE);
    end(&r);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        for (size_t i = 9; i < 13; i++) {
            struct reading r;
            begin(&r, false);
            enum ml_http1_read read = feed(&r, cases[i].text);
            assert_true(read == ML_HTTP1_COMPLETE || r.answer.outcome == ML_HTTP_NO_MEMORY);
            end(&r);
        }
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_answers_by_table),
        cmocka_unit_test(takes_what_is_looked_at),
        cmocka_unit_test(tells_where_to_read_a_body_to),
        cmocka_unit_test(ends_what_has_no_end),
        cmocka_unit_test(streams_only_success),
        cmocka_unit_test(holds_back_while_paused),
        cmocka_unit_test(unpacks_no_further_than_asked),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.http1_reader", tests, NULL, NULL);
}
