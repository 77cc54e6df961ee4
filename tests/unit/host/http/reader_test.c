/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/reader.h"

#include "host/http/conn.h"
#include "host/http/gzip.h"
#include "tests/support/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct http_limits limits = {
    .max_initial_line_length = 200,
    .max_header_size = 1000,
    .max_headers = 10,
    .max_content_length = 100,
};

/* How a sequence of bytes is cut up before it is fed; 0: not at all. */
static const size_t steps[] = {0, 1, 2, 3, 7, 16};

struct reading {
    struct http_loop home;
    struct http_reader reader;
    struct http_request *request;
};

static void begin(struct reading *r) {
    *r = (struct reading){.home = {.limits = &limits}};
    http_reader_init(&r->reader, &limits);
    r->request = http_request_create(&r->home);
    assert_non_null(r->request);
    http_reader_next(&r->reader, r->request);
}

static void next(struct reading *r) {
    http_request_destroy(&r->home, r->request);
    r->request = http_request_create(&r->home);
    assert_non_null(r->request);
    http_reader_next(&r->reader, r->request);
}

static void end(struct reading *r) {
    http_request_destroy(&r->home, r->request);
    while (r->home.free_requests) {
        struct http_request *free_one = r->home.free_requests;
        r->home.free_requests = free_one->next;
        base_buf_deinit(&free_one->head);
        base_buf_deinit(&free_one->body);
        free(free_one);
    }
}

/* Feeds until a request is complete or refused, or the bytes are at their end. */
static enum http_read feed(struct reading *r, struct berth_str bytes, size_t step,
                           size_t *out_used) {
    enum http_read result = HTTP_READ_MORE;
    size_t at = 0;
    while (at < bytes.len && (result == HTTP_READ_MORE || result == HTTP_READ_HEAD)) {
        size_t len = BASE_LEN(bytes) - at;
        size_t used = 0;
        result =
            http_reader_feed(&r->reader, bytes.ptr + at, step && step < len ? step : len, &used);
        assert_true(used > 0 || result == HTTP_READ_BAD);
        at += used;
    }
    *out_used = at;
    return result;
}

/* What was read, as zero-terminated text, to compare with. */
static void describe(const struct http_request *request, struct base_buf *out) {
    base_buf_format(out, "%s " BASE_FMT "%s%s\n", request->method,
                    BASE_ARG(http_span_view(request, request->target)),
                    request->http_1_0 ? " 1.0" : "", request->keep_alive ? " keep" : "");
    for (uint32_t i = 0; i < request->header_count; i++) {
        base_buf_format(out, BASE_FMT "=" BASE_FMT "\n",
                        BASE_ARG(http_span_view(request, request->headers[i].name)),
                        BASE_ARG(http_span_view(request, request->headers[i].value)));
    }
    base_buf_str(out, base_buf_view(&request->body));
    base_buf_char(out, '\0');
}

#define CASE(text) BERTH_STR_INIT(text)
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /x HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* ---- what is taken ---- */

static const struct {
    const char *name;
    struct berth_str bytes;
    const char *expected;
} taken[] = {
    {"a GET", CASE(GET "\r\n"), "GET / keep\nHost=a\n"},
    {"a body of a length", CASE(POST "Content-Length: 5\r\n\r\nhello"),
     "POST /x keep\nHost=a\nContent-Length=5\nhello"},
    {"a body of length 0", CASE(POST "Content-Length: 0\r\n\r\n"),
     "POST /x keep\nHost=a\nContent-Length=0\n"},
    {"a length with leading zeros", CASE(POST "Content-Length: 0005\r\n\r\nhello"),
     "POST /x keep\nHost=a\nContent-Length=0005\nhello"},
    {"white space around a value", CASE(GET "A: \t b c \t \r\nB:\r\n\r\n"),
     "GET / keep\nHost=a\nA=b c\nB=\n"},
    {"chunks", CASE(CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
     "POST /x keep\nHost=a\nTransfer-Encoding=chunked\nhello world"},
    {"chunks with an extension", CASE(CHUNKED "5;a=b\r\nhello\r\n0\r\n\r\n"),
     "POST /x keep\nHost=a\nTransfer-Encoding=chunked\nhello"},
    {"chunks with a trailer", CASE(CHUNKED "A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"),
     "POST /x keep\nHost=a\nTransfer-Encoding=chunked\n0123456789"},
    {"a coding in upper case", CASE(POST "TRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n"),
     "POST /x keep\nHost=a\nTRANSFER-ENCODING=CHUNKED\n"},
    {"HTTP/1.0 without Host", CASE("GET /x HTTP/1.0\r\n\r\n"), "GET /x 1.0\n"},
    {"HTTP/1.0 that stays", CASE("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
     "GET /x 1.0 keep\nConnection=keep-alive\n"},
    {"a client that leaves", CASE(GET "Connection: close\r\n\r\n"),
     "GET /\nHost=a\nConnection=close\n"},
    {"an empty Host", CASE("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "GET / keep\nHost=\n"},
    {"a Host with a port", CASE("GET / HTTP/1.1\r\nHost: [::1]:9200\r\n\r\n"),
     "GET / keep\nHost=[::1]:9200\n"},
    {"an empty line before", CASE("\r\n" GET "\r\n"), "GET / keep\nHost=a\n"},
    {"a path without its slash", CASE("POST _plugins/x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n"),
     "POST /_plugins/x?y=1 keep\nHost=a\n"},
    {"an absolute target", CASE("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
     "GET http://a/b keep\nHost=a\n"},
    {"bytes beyond ASCII in a value", CASE(GET "A: \xc3\xa9\r\n\r\n"),
     "GET / keep\nHost=a\nA=\xc3\xa9\n"},
    {"a HEAD", CASE("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), "HEAD / keep\nHost=a\n"},
    {"an encoding that is none", CASE(GET "Content-Encoding: identity\r\n\r\n"),
     "GET / keep\nHost=a\nContent-Encoding=identity\n"},
    {"an upgrade that is not taken", CASE(GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
     "GET / keep\nHost=a\nConnection=Upgrade\nUpgrade=h2c\n"},
};

static void takes_a_request_however_it_is_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(taken); i++) {
        for (size_t k = 0; k < BASE_COUNT(steps); k++) {
            struct reading r;
            size_t used = 0;
            begin(&r);
            enum http_read result = feed(&r, taken[i].bytes, steps[k], &used);
            if (result != HTTP_READ_COMPLETE || used != taken[i].bytes.len) {
                fail_msg("%s, cut into %zu: result %d, %zu bytes taken, %u %s", taken[i].name,
                         steps[k], result, used, r.reader.status,
                         r.reader.reason ? r.reader.reason : "");
            }
            BASE_BUF_AUTO text;
            base_buf_init(&text, 4096);
            describe(r.request, &text);
            assert_string_equal(text.ptr, taken[i].expected);
            assert_false(http_reader_is_within(&r.reader));
            assert_true(r.request->received_ns > 0);
            end(&r);
        }
    }
}

/* ---- what is refused ---- */

static const struct {
    const char *name;
    struct berth_str bytes;
    uint32_t status;
} refused[] = {
    /* two ways to say where the body ends */
    {"length and chunks", CASE(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     400},
    {"chunks and length", CASE(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
     400},
    {"chunks and length 0", CASE(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
     400},
    {"two lengths", CASE(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), 400},
    {"the same length twice", CASE(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
     400},
    {"a list of lengths", CASE(POST "Content-Length: 5, 5\r\n\r\nhello"), 400},
    {"a length with a sign", CASE(POST "Content-Length: +5\r\n\r\nhello"), 400},
    {"a negative length", CASE(POST "Content-Length: -5\r\n\r\nhello"), 400},
    {"a hexadecimal length", CASE(POST "Content-Length: 0x5\r\n\r\nhello"), 400},
    {"a length of two words", CASE(POST "Content-Length: 5 5\r\n\r\nhello"), 400},
    {"an empty length", CASE(POST "Content-Length:\r\n\r\n"), 400},
    {"a length beyond 64 bits", CASE(POST "Content-Length: 18446744073709551621\r\n\r\nhello"),
     400},
    {"a length with white space before its colon", CASE(POST "Content-Length : 5\r\n\r\nhello"),
     400},
    /* transfer codings */
    {"a coding that is not chunked", CASE(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
     501},
    {"chunked twice", CASE(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 400},
    {"another coding before", CASE(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501},
    {"another coding after", CASE(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), 400},
    {"no coding at all", CASE(POST "Transfer-Encoding: identity\r\n\r\n"), 501},
    {"an empty coding", CASE(POST "Transfer-Encoding:\r\n\r\n"), 501},
    {"a coding with a parameter", CASE(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
     501},
    {"a quoted coding", CASE(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), 501},
    {"a coding after a vertical tab", CASE(POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"),
     400},
    {"two codings",
     CASE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {"two codings, one unknown",
     CASE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n"), 400},
    {"a coding with white space before its colon",
     CASE(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400},
    {"a coding in a folded line", CASE(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
     400},
    {"chunks in HTTP/1.0",
     CASE("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    /* lines */
    {"a folded line", CASE(GET "A: b\r\n c\r\n\r\n"), 400},
    {"a line folded with a tab", CASE(GET "A: b\r\n\tc\r\n\r\n"), 400},
    {"white space before the first header", CASE("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400},
    {"a lone CR in a value", CASE(GET "A: b\rc\r\n\r\n"), 400},
    {"a lone CR that hides a header", CASE(GET "A: b\rTransfer-Encoding: chunked\r\n\r\n"), 400},
    {"a lone LF after a header", CASE(GET "A: b\nB: c\r\n\r\n"), 400},
    {"a lone LF after the request line", CASE("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400},
    {"lone LFs everywhere", CASE("GET / HTTP/1.1\nHost: a\n\n"), 400},
    {"a lone LF at the end", CASE(GET "\n"), 400},
    {"a lone CR at the end", CASE(GET "\rX"), 400},
    {"CR CR LF", CASE(GET "A: b\r\r\n\r\n"), 400},
    {"a NUL in a value", CASE(GET "A: b\0c\r\n\r\n"), 400},
    {"a NUL in a name", CASE(GET "A\0: b\r\n\r\n"), 400},
    {"a NUL in the target", CASE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"a NUL before the method", CASE("\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"a control character in a value", CASE(GET "A: b\001c\r\n\r\n"), 400},
    {"a DEL in a value", CASE(GET "A: b\177c\r\n\r\n"), 400},
    {"white space before a colon", CASE(GET "A : b\r\n\r\n"), 400},
    {"white space in a name", CASE(GET "A B: c\r\n\r\n"), 400},
    {"an empty name", CASE(GET ": b\r\n\r\n"), 400},
    {"a line without colon", CASE(GET "A\r\n\r\n"), 400},
    {"a name that is no token", CASE(GET "A(b): c\r\n\r\n"), 400},
    {"a name beyond ASCII", CASE(GET "\xc3\xa9: c\r\n\r\n"), 400},
    /* Host */
    {"no Host", CASE("GET / HTTP/1.1\r\n\r\n"), 400},
    {"two Hosts", CASE(GET "Host: a\r\n\r\n"), 400},
    {"a Host with a path", CASE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
    {"a Host with a user", CASE("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400},
    {"two Hosts in one", CASE("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400},
    {"two Hosts in HTTP/1.0", CASE("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400},
    /* the request line */
    {"no version", CASE("GET /\r\nHost: a\r\n\r\n"), 505},
    {"a later version", CASE("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505},
    {"a minor version that is not", CASE("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 400},
    {"a version with a tail", CASE("GET / HTTP/1.1x\r\nHost: a\r\n\r\n"), 400},
    {"a version in lower case", CASE("GET / http/1.1\r\nHost: a\r\n\r\n"), 400},
    {"the preface of HTTP/2", CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
    {"a method in lower case", CASE("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"an unknown method", CASE("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"a method without route", CASE("MKCOL / HTTP/1.1\r\nHost: a\r\n\r\n"), 501},
    {"a tunnel", CASE("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 501},
    {"white space in the target", CASE("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"a tab after the method", CASE("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"a control character in the target", CASE("GET /\001 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"TLS on a plain port", CASE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"), 400},
    /* chunks */
    {"a chunk size that is no number", CASE(CHUNKED "g\r\n"), 400},
    {"a chunk size with 0x", CASE(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), 400},
    {"a chunk size with a sign", CASE(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"), 400},
    {"a negative chunk size", CASE(CHUNKED "-5\r\nhello\r\n0\r\n\r\n"), 400},
    {"an empty chunk size", CASE(CHUNKED "\r\nhello\r\n0\r\n\r\n"), 400},
    {"a chunk size after white space", CASE(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"), 400},
    {"a chunk size before white space", CASE(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"), 400},
    {"a chunk size beyond 64 bits", CASE(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
    {"a chunk size that ends in LF", CASE(CHUNKED "5\nhello\r\n0\r\n\r\n"), 400},
    {"a chunk size that ends in CR", CASE(CHUNKED "5\rhello\r\n0\r\n\r\n"), 400},
    {"a chunk that is longer than its size", CASE(CHUNKED "5\r\nhelloo\r\n0\r\n\r\n"), 400},
    {"a chunk that ends in LF", CASE(CHUNKED "5\r\nhello\n0\r\n\r\n"), 400},
    {"an extension with a lone LF", CASE(CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n"), 400},
    {"an extension with a lone CR", CASE(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
    {"an extension with a NUL", CASE(CHUNKED "5;a\0b\r\nhello\r\n0\r\n\r\n"), 400},
    {"a trailer with white space before its colon", CASE(CHUNKED "0\r\nA : b\r\n\r\n"), 400},
    {"a trailer with a lone LF", CASE(CHUNKED "0\r\nA: b\nB: c\r\n\r\n"), 400},
    {"a trailer with a lone CR", CASE(CHUNKED "0\r\nA: b\rB: c\r\n\r\n"), 400},
    {"a folded trailer", CASE(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), 400},
    {"an end with a lone LF", CASE(CHUNKED "0\r\n\n"), 400},
    {"a last chunk with a lone LF", CASE(CHUNKED "0\n\r\n"), 400},
    /* expectations and encodings */
    {"an unknown expectation", CASE(GET "Expect: tea\r\n\r\n"), 417},
    {"an unknown encoding", CASE(POST "Content-Encoding: br\r\n\r\n"), 415},
    {"two encodings", CASE(POST "Content-Encoding: gzip, gzip\r\n\r\n"), 415},
};

static void refuses_what_can_be_read_two_ways(void **state) {
    (void)state;
    uint32_t wrong = 0;
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        for (size_t k = 0; k < BASE_COUNT(steps); k++) {
            struct reading r;
            size_t used = 0;
            begin(&r);
            enum http_read result = feed(&r, refused[i].bytes, steps[k], &used);
            if (result != HTTP_READ_BAD || r.reader.status != refused[i].status ||
                !r.reader.reason || !r.reader.reason[0]) {
                print_error("%s, cut into %zu: result %d, status %u (%s)\n", refused[i].name,
                            steps[k], result, r.reader.status,
                            r.reader.reason ? r.reader.reason : "no reason");
                wrong++;
            }
            end(&r);
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- one after the other ---- */

static void takes_pipelined_requests_apart(void **state) {
    (void)state;
    static const char *const expected[] = {
        "POST /x keep\nHost=a\nContent-Length=5\nGET /",
        "POST /x keep\nHost=a\nTransfer-Encoding=chunked\nabc",
        "GET / keep\nHost=a\n",
    };
    struct berth_str bytes =
        BERTH_STR(POST "Content-Length: 5\r\n\r\nGET /" CHUNKED "3\r\nabc\r\n0\r\n\r\n" GET "\r\n");
    for (size_t k = 0; k < BASE_COUNT(steps); k++) {
        struct reading r;
        struct berth_str rest = bytes;
        begin(&r);
        for (size_t i = 0; i < BASE_COUNT(expected); i++) {
            size_t used = 0;
            assert_int_equal(feed(&r, rest, steps[k], &used), HTTP_READ_COMPLETE);
            BASE_BUF_AUTO text;
            base_buf_init(&text, 4096);
            describe(r.request, &text);
            assert_string_equal(text.ptr, expected[i]);
            rest = base_str_from(rest, used);
            next(&r);
        }
        assert_int_equal(rest.len, 0);
        end(&r);
    }
}

static void tells_when_the_head_is_complete(void **state) {
    (void)state;
    struct reading r;
    struct berth_str bytes = BERTH_STR(POST "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nok");
    size_t used = 0;
    begin(&r);
    assert_false(http_reader_is_within(&r.reader));
    assert_int_equal(http_reader_feed(&r.reader, bytes.ptr, 10, &used), HTTP_READ_MORE);
    assert_int_equal(used, 10);
    assert_true(http_reader_is_within(&r.reader));
    bytes = base_str_from(bytes, used);
    assert_int_equal(http_reader_feed(&r.reader, bytes.ptr, BASE_LEN(bytes), &used),
                     HTTP_READ_HEAD);
    assert_int_equal(used, bytes.len - 2);
    assert_true(r.reader.expects_continue);
    bytes = base_str_from(bytes, used);
    assert_int_equal(http_reader_feed(&r.reader, bytes.ptr, BASE_LEN(bytes), &used),
                     HTTP_READ_COMPLETE);
    end(&r);
}

static void an_incomplete_request_is_never_complete(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(taken); i++) {
        for (uint64_t len = 1; len < taken[i].bytes.len; len++) {
            struct reading r;
            size_t used = 0;
            begin(&r);
            enum http_read result = feed(&r, base_str_slice(taken[i].bytes, 0, len), 0, &used);
            assert_true(result == HTTP_READ_MORE || result == HTTP_READ_HEAD);
            end(&r);
        }
    }
}

/* ---- limits ---- */

static void put_text(struct base_buf *buf, const char *before, size_t count, const char *after) {
    base_buf_cstr(buf, before);
    for (size_t i = 0; i < count; i++) {
        base_buf_char(buf, 'x');
    }
    base_buf_cstr(buf, after);
}

enum kind { TARGET, HEADER, HEADERS, LENGTH, CHUNK, EXTENSIONS };

/* A request of which one thing is this large. */
static void make_request(struct base_buf *buf, enum kind kind, size_t size) {
    char text[64];
    switch (kind) {
    case TARGET:
        put_text(buf, "GET /", size, " HTTP/1.1\r\nHost: a\r\n\r\n");
        break;
    case HEADER:
        put_text(buf, GET "A: ", size, "\r\n\r\n");
        break;
    case HEADERS:
        base_buf_cstr(buf, GET);
        for (size_t i = 1; i < size; i++) {
            base_buf_cstr(buf, "A: b\r\n");
        }
        base_buf_cstr(buf, "\r\n");
        break;
    case LENGTH:
        (void)snprintf(text, sizeof text, POST "Content-Length: %zu\r\n\r\n", size);
        put_text(buf, text, size, "");
        break;
    case CHUNK:
        (void)snprintf(text, sizeof text, "%zx\r\n", size);
        base_buf_cstr(buf, CHUNKED);
        put_text(buf, text, size, "\r\n0\r\n\r\n");
        break;
    case EXTENSIONS:
        put_text(buf, CHUNKED "1;", size, "\r\nx\r\n0\r\n\r\n");
        break;
    }
}

static void keeps_each_limit(void **state) {
    (void)state;
    static const struct {
        enum kind kind;
        size_t allowed;
        size_t too_much;
        uint32_t status;
    } cases[] = {
        {TARGET, 180, 200, 414},  {TARGET, 1, 5000, 414},         {HEADER, 900, 1200, 431},
        {HEADER, 1, 100000, 431}, {HEADERS, 10, 11, 431},         {LENGTH, 100, 101, 413},
        {CHUNK, 100, 101, 413},   {EXTENSIONS, 1000, 70000, 400},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        for (int over = 0; over < 2; over++) {
            for (size_t k = 0; k < BASE_COUNT(steps); k++) {
                BASE_BUF_AUTO bytes;
                base_buf_init(&bytes, (size_t)1 << 20);
                make_request(&bytes, cases[i].kind, over ? cases[i].too_much : cases[i].allowed);
                struct reading r;
                size_t used = 0;
                begin(&r);
                enum http_read result = feed(&r, base_buf_view(&bytes), steps[k], &used);
                if (result != (over ? HTTP_READ_BAD : HTTP_READ_COMPLETE) ||
                    r.reader.status != (over ? cases[i].status : 0)) {
                    fail_msg("limit %zu, over %d, cut into %zu: result %d, status %u (%s)", i, over,
                             steps[k], result, r.reader.status,
                             r.reader.reason ? r.reader.reason : "");
                }
                end(&r);
            }
        }
    }
}

/* ---- packed bodies ---- */

/* A request whose body is text of this length, packed; cut: without its last bytes. */
static void make_packed(struct base_buf *buf, size_t text_len, size_t cut, const char *behind) {
    BASE_BUF_AUTO text;
    BASE_BUF_AUTO packed;
    base_buf_init(&text, (size_t)1 << 20);
    base_buf_init(&packed, (size_t)1 << 20);
    put_text(&text, "", text_len, "");
    assert_int_equal(gzip_pack(base_buf_view(&text), &packed), BERTH_OK);
    packed.len -= cut;
    base_buf_cstr(&packed, behind);
    base_buf_format(buf, POST "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len);
    base_buf_str(buf, base_buf_view(&packed));
}

static void unpacks_bodies_within_the_limit(void **state) {
    (void)state;
    static const struct {
        size_t text_len;
        size_t cut;
        const char *behind;
        uint32_t status; /* 0: taken */
    } cases[] = {
        {0, 0, "", 0},       {1, 0, "", 0},    {100, 0, "", 0},  {101, 0, "", 413},
        {50000, 0, "", 413}, {50, 1, "", 400}, {50, 9, "", 400}, {50, 0, "more", 400},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO bytes;
        base_buf_init(&bytes, (size_t)1 << 20);
        make_packed(&bytes, cases[i].text_len, cases[i].cut, cases[i].behind);
        struct reading r;
        size_t used = 0;
        begin(&r);
        enum http_read result = feed(&r, base_buf_view(&bytes), 0, &used);
        assert_int_equal(r.reader.status, cases[i].status);
        assert_int_equal(result, cases[i].status ? HTTP_READ_BAD : HTTP_READ_COMPLETE);
        if (!cases[i].status) {
            assert_int_equal(r.request->body.len, cases[i].text_len);
        }
        end(&r);
    }
}

static void read_without_memory(struct berth_str bytes) {
    struct reading r = {.home = {.limits = &limits}};
    r.request = http_request_create(&r.home);
    if (r.request) {
        size_t used = 0;
        http_reader_init(&r.reader, &limits);
        http_reader_next(&r.reader, r.request);
        enum http_read result = feed(&r, bytes, 0, &used);
        assert_true(result == HTTP_READ_COMPLETE ||
                    (result == HTTP_READ_BAD && r.reader.status == 503));
        end(&r);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    BASE_BUF_AUTO bytes;
    base_buf_init(&bytes, (size_t)1 << 20);
    make_packed(&bytes, 90, 0, "");
    FAULT_EACH_ALLOCATION(read_without_memory(base_buf_view(&bytes)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_request_however_it_is_cut),
        cmocka_unit_test(refuses_what_can_be_read_two_ways),
        cmocka_unit_test(takes_pipelined_requests_apart),
        cmocka_unit_test(tells_when_the_head_is_complete),
        cmocka_unit_test(an_incomplete_request_is_never_complete),
        cmocka_unit_test(keeps_each_limit),
        cmocka_unit_test(unpacks_bodies_within_the_limit),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.http.reader", tests, NULL, NULL);
}
