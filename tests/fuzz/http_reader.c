/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/http/reader: how bytes arrive does not change what they mean, and no request passes a limit.
 *
 * Input: four bytes, the lengths of the pieces in which the rest is fed, over and over (0: 256);
 * the rest is what a client sends on one connection. It is read whole, in these pieces, and byte
 * by byte.
 */
#include "host/http/reader.h"
#include "host/router/query.h"
#include "tests/fuzz/fuzz.h"

static const struct http_limits limits = {.max_initial_line_length = 128,
                                          .max_header_size = 512,
                                          .max_headers = 8,
                                          .max_content_length = 600};

static bool is_token(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)) {
            return false;
        }
    }
    return text.len > 0;
}

/* What no byte of a header's value and of a target may be. */
static bool is_clean(struct berth_str text, bool spaces) {
    for (uint64_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\0' || c == '\r' || c == '\n' || (!spaces && c == ' ')) {
            return false;
        }
    }
    return true;
}

static void check_headers(const struct http_request *request) {
    uint32_t hosts = 0;
    FUZZ_CHECK(request->header_count <= limits.max_headers);
    for (uint32_t i = 0; i < request->header_count; i++) {
        struct berth_str name = http_span_view(request, request->headers[i].name);
        struct berth_str value = http_span_view(request, request->headers[i].value);
        FUZZ_CHECK(is_token(name) && is_clean(value, true));
        FUZZ_CHECK(value.len == 0 || !strchr(" \t", value.ptr[0]));
        FUZZ_CHECK(value.len == 0 || !strchr(" \t", value.ptr[value.len - 1]));
        hosts += base_str_eq_nocase(name, BERTH_STR("host"));
    }
    FUZZ_CHECK(hosts == 1 || (hosts == 0 && request->http_1_0));
}

static void check_target(struct berth_str raw) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    struct target target;
    struct berth_error error = BASE_ERROR_INIT;
    if (target_parse(raw, &arena, &target, &error)) {
        FUZZ_CHECK(error.code == BERTH_E_INVALID && error.message[0]);
        return;
    }
    FUZZ_CHECK(target.path.len > 0 && target.path.ptr[0] == '/');
    FUZZ_CHECK(target.segment_count <= TARGET_SEGMENTS_MAX);
    FUZZ_CHECK(target.parameter_count <= TARGET_PARAMETERS_MAX);
    for (uint32_t i = 0; i < target.parameter_count; i++) {
        FUZZ_CHECK(target.parameters[i].name.len + target.parameters[i].value.len <= raw.len);
    }
}

static void check_request(const struct http_request *request) {
    struct berth_str target = http_span_view(request, request->target);
    FUZZ_CHECK(request->method);
    FUZZ_CHECK(target.len > 0 && target.len <= limits.max_initial_line_length);
    FUZZ_CHECK(is_clean(target, false));
    FUZZ_CHECK(request->head.len <= limits.max_initial_line_length + limits.max_header_size);
    FUZZ_CHECK(request->body.len <= limits.max_content_length);
    FUZZ_CHECK(!request->head.error && !request->body.error);
    check_headers(request);
    check_target(target);
}

/* A request as a text that two readings can be compared by. */
static void record(const struct http_request *request, struct base_buf *out) {
    base_buf_format(out, "%s " BASE_FMT " 1.%d keep=%d head=%d\n", request->method,
                    BASE_ARG(http_span_view(request, request->target)), !request->http_1_0,
                    request->keep_alive, request->head_only);
    for (uint32_t i = 0; i < request->header_count; i++) {
        base_buf_str(out, http_span_view(request, request->headers[i].name));
        base_buf_cstr(out, ": ");
        base_buf_str(out, http_span_view(request, request->headers[i].value));
        base_buf_char(out, '\n');
    }
    base_buf_format(out, "body %zu: ", request->body.len);
    base_buf_str(out, base_buf_view(&request->body));
    base_buf_char(out, '\n');
}

/* One connection, up to its first bad request or the first that ends it. */
struct connection {
    struct http_reader reader;
    struct http_request request;
    struct base_buf log;
    bool ended;
};

static void begin_request(struct connection *c) {
    struct base_buf head = c->request.head;
    struct base_buf body = c->request.body;
    base_buf_clear(&head);
    base_buf_clear(&body);
    c->request = (struct http_request){.head = head, .body = body};
    http_reader_next(&c->reader, &c->request);
}

static void open_connection(struct connection *c) {
    *c = (struct connection){0};
    base_buf_init(&c->request.head,
                  (size_t)(limits.max_initial_line_length + limits.max_header_size));
    base_buf_init(&c->request.body, (size_t)limits.max_content_length);
    base_buf_init(&c->log, BASE_BUF_MAX_DEFAULT);
    http_reader_init(&c->reader, &limits);
    begin_request(c);
}

static void close_connection(struct connection *c) {
    base_buf_deinit(&c->request.head);
    base_buf_deinit(&c->request.body);
    base_buf_deinit(&c->log);
}

static void take(struct connection *c, enum http_read result) {
    switch (result) {
    case HTTP_READ_COMPLETE:
        check_request(&c->request);
        FUZZ_CHECK(!http_reader_is_within(&c->reader));
        record(&c->request, &c->log);
        c->ended = !c->request.keep_alive;
        begin_request(c);
        break;
    case HTTP_READ_BAD:
        FUZZ_CHECK(c->reader.status >= 400 && c->reader.status <= 599 && c->reader.reason);
        base_buf_cstr(&c->log, "bad\n");
        c->ended = true;
        break;
    default:
        break;
    }
}

static void feed(struct connection *c, const char *bytes, size_t len) {
    size_t total = 0;
    while (total < len && !c->ended) {
        /* A piece of its own, so that reading beyond it is seen. */
        char *piece = malloc(len - total);
        if (!piece) {
            return;
        }
        memcpy(piece, bytes + total, len - total);
        size_t used = 0;
        enum http_read result = http_reader_feed(&c->reader, piece, len - total, &used);
        FUZZ_CHECK(used <= len - total);
        FUZZ_CHECK(used > 0 || result == HTTP_READ_BAD);
        FUZZ_CHECK(result != HTTP_READ_MORE || used == len - total);
        take(c, result);
        free(piece);
        total += used;
    }
}

static void read_in_pieces(struct berth_str bytes, const uint8_t *lengths, size_t count,
                           struct connection *c) {
    size_t at = 0;
    open_connection(c);
    for (size_t i = 0; at < bytes.len && !c->ended; i++) {
        size_t len = lengths[i % count] ? lengths[i % count] : 256;
        len = len < bytes.len - at ? len : BASE_LEN(bytes) - at;
        feed(c, bytes.ptr + at, len);
        at += len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t single[] = {1};
    if (size < 4) {
        return 0;
    }
    struct berth_str bytes = fuzz_text(data + 4, size - 4);
    struct connection whole;
    struct connection pieces;
    struct connection bytewise;
    open_connection(&whole);
    feed(&whole, bytes.ptr, BASE_LEN(bytes));
    read_in_pieces(bytes, data, 4, &pieces);
    read_in_pieces(bytes, single, 1, &bytewise);
    FUZZ_CHECK(base_str_eq(base_buf_view(&whole.log), base_buf_view(&pieces.log)));
    FUZZ_CHECK(base_str_eq(base_buf_view(&whole.log), base_buf_view(&bytewise.log)));
    close_connection(&whole);
    close_connection(&pieces);
    close_connection(&bytewise);
    return 0;
}
