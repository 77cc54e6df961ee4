/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/reader.h"

#include "base/clock.h"
#include "host/http/gzip.h"

/* Told where the parser's pieces or the bytes themselves show it. */
#define LINE_TOO_LONG "the request line is too long (setting http.max_initial_line_length)"
#define HEADERS_TOO_LARGE "the headers are too large (setting http.max_header_size)"
/* Method, target and version. */
#define LINE_BLANKS 2u

/* The methods that may come; what a route answers to is the router's matter. */
static const char *method_name(uint8_t method) {
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_HEAD:
        return "HEAD";
    case HTTP_OPTIONS:
        return "OPTIONS";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_TRACE:
        return "TRACE";
    default:
        return NULL;
    }
}

static int refuse(struct http_reader *r, uint32_t status, const char *reason) {
    r->status = status;
    r->reason = reason;
    return HPE_USER;
}

static struct http_reader *of(llhttp_t *parser) {
    return parser->data;
}

/* Appends to a span that grows at the end of the head; the pieces of one span come in a row. */
static int append_span(struct http_reader *r, struct http_span *span, const char *at, size_t len) {
    struct base_buf *head = &r->request->head;
    if (span->len == 0) {
        span->start = (uint32_t)head->len;
    }
    base_buf_append(head, at, len);
    span->len += (uint32_t)len;
    return head->error ? refuse(r, 503, "out of memory") : 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len) {
    struct http_reader *r = of(parser);
    if (r->request->target.len + len > r->limits->max_initial_line_length) {
        return refuse(r, 414, LINE_TOO_LONG);
    }
    return append_span(r, &r->request->target, at, len);
}

static int append_header(struct http_reader *r, struct http_span *span, const char *at,
                         size_t len) {
    size_t before = r->request->head.len - r->request->target.len;
    if (before + len > r->limits->max_header_size) {
        return refuse(r, 431, HEADERS_TOO_LARGE);
    }
    return append_span(r, span, at, len);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len) {
    struct http_reader *r = of(parser);
    if (r->head_done) {
        return 0; /* a trailer: its size is counted, its content dropped */
    }
    if (r->request->header_count >= r->limits->max_headers) {
        return refuse(r, 431, "too many header lines (setting http.max_headers)");
    }
    return append_header(r, &r->request->headers[r->request->header_count].name, at, len);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len) {
    struct http_reader *r = of(parser);
    if (r->head_done) {
        return 0;
    }
    return append_header(r, &r->request->headers[r->request->header_count].value, at, len);
}

static int on_header_value_complete(llhttp_t *parser) {
    struct http_reader *r = of(parser);
    if (!r->head_done) {
        struct http_span *value = &r->request->headers[r->request->header_count].value;
        if (r->request->headers[r->request->header_count].name.len == 0) {
            return refuse(r, 400, "a header line has no name");
        }
        while (value->len && strchr(" \t", r->request->head.ptr[value->start + value->len - 1])) {
            value->len--;
        }
        r->request->header_count++;
    }
    return 0;
}

static uint32_t count_header(const struct http_request *request, const char *name,
                             struct berth_str *out_value) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (base_str_eq_nocase(http_span_view(request, request->headers[i].name),
                               base_cstr(name))) {
            count++;
            *out_value = http_span_view(request, request->headers[i].value);
        }
    }
    return count;
}

static bool is_host(struct berth_str value) {
    for (uint64_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr(",/?#@\\\"<>", c)) {
            return false;
        }
    }
    return true;
}

static int check_host(struct http_reader *r) {
    struct berth_str value = {NULL, 0};
    uint32_t count = count_header(r->request, "host", &value);
    if (count > 1 || (count == 0 && !r->request->http_1_0)) {
        return refuse(r, 400, "a request has exactly one Host header");
    }
    return is_host(value) ? 0 : refuse(r, 400, "the Host header is no host");
}

static int check_framing(struct http_reader *r) {
    struct berth_str value = {NULL, 0};
    uint32_t codings = count_header(r->request, "transfer-encoding", &value);
    struct berth_str length = {NULL, 0};
    if (codings) {
        if (r->request->http_1_0 || count_header(r->request, "content-length", &length)) {
            return refuse(r, 400, "Transfer-Encoding does not go with HTTP/1.0 or Content-Length");
        }
        if (codings > 1 || !base_str_eq_nocase(value, BERTH_STR("chunked"))) {
            return refuse(r, 501, "the only transfer coding that is taken is a single chunked");
        }
    }
    if (r->parser.content_length > r->limits->max_content_length &&
        (r->parser.flags & F_CONTENT_LENGTH)) {
        return refuse(r, 413, "the body is too large (setting http.max_content_length)");
    }
    return 0;
}

static int check_headers(struct http_reader *r) {
    struct berth_str value = {NULL, 0};
    if (count_header(r->request, "expect", &value)) {
        if (!base_str_eq_nocase(value, BERTH_STR("100-continue"))) {
            return refuse(r, 417, "the only expectation that is met is 100-continue");
        }
        r->expects_continue = !r->request->http_1_0;
    }
    if (count_header(r->request, "content-encoding", &value) && value.len &&
        !base_str_eq_nocase(value, BERTH_STR("identity"))) {
        if (!base_str_eq_nocase(value, BERTH_STR("gzip"))) {
            return refuse(r, 415, "the only content encoding that is taken is gzip");
        }
        r->body_packed = true;
    }
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct http_reader *r = of(parser);
    struct http_request *request = r->request;
    if (parser->http_major != 1 || parser->http_minor > 1) {
        return refuse(r, 505, "the versions that are spoken are HTTP/1.1 and HTTP/1.0");
    }
    request->http_1_0 = parser->http_minor == 0;
    request->method = method_name(parser->method);
    if (!request->method) {
        return refuse(r, 501, "unknown method");
    }
    request->head_only = parser->method == HTTP_HEAD;
    request->keep_alive = llhttp_should_keep_alive(parser) != 0;
    int code = check_host(r);
    code = code ? code : check_framing(r);
    code = code ? code : check_headers(r);
    r->head_done = true;
    /* Paused, so that the caller knows where the head ends. */
    return code ? code : HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t len) {
    struct http_reader *r = of(parser);
    struct base_buf *body = &r->request->body;
    if (body->len + len > r->limits->max_content_length) {
        return refuse(r, 413, "the body is too large (setting http.max_content_length)");
    }
    base_buf_append(body, at, len);
    return body->error ? refuse(r, 503, "out of memory") : 0;
}

/* Paused behind the size of the last chunk, so that the trailer is checked as the head is. */
static int on_chunk_header(llhttp_t *parser) {
    of(parser)->in_trailer = parser->content_length == 0;
    return parser->content_length == 0 ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

void http_reader_init(struct http_reader *reader, const struct http_limits *limits) {
    *reader = (struct http_reader){.limits = limits};
}

void http_reader_next(struct http_reader *reader, struct http_request *request) {
    const struct http_limits *limits = reader->limits;
    *reader = (struct http_reader){.limits = limits, .request = request};
    llhttp_init(&reader->parser, HTTP_REQUEST, &callbacks);
    reader->parser.data = reader;
}

/*
 * Head bytes that llhttp has taken: every line ends in CR LF, no line begins with white space, no
 * byte is NUL. llhttp takes some of that, and a server behind or before us might read it
 * otherwise.
 */
static bool lines_are_clean(struct http_reader *r, const char *bytes, size_t len) {
    char last = r->last_byte;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (c == '\0' || (c == '\n') != (last == '\r') ||
            (last == '\n' && (c == ' ' || c == '\t'))) {
            return false;
        }
        last = c;
    }
    r->last_byte = last;
    return true;
}

static enum http_read bad(struct http_reader *r, uint32_t status, const char *reason) {
    r->status = status;
    r->reason = reason;
    return HTTP_READ_BAD;
}

/*
 * Takes what belongs to the request line; returns how many bytes that is. Empty lines may come
 * before it. llhttp takes several blanks where one belongs, which others read otherwise.
 */
static size_t measure_line(struct http_reader *r, const char *bytes, size_t len) {
    size_t i = 0;
    for (; i < len && !r->line_done; i++) {
        bool end = bytes[i] == '\r' || bytes[i] == '\n';
        r->line_done = bytes[i] == '\n' && r->line_bytes > 0;
        r->head_bytes += end;
        r->line_bytes += !end;
        r->line_blanks += bytes[i] == ' ';
    }
    return i;
}

static enum http_read check_head_bytes(struct http_reader *r, const char *bytes, size_t used) {
    if (!lines_are_clean(r, bytes, used)) {
        return bad(r, 400, "the head has a lone CR or LF, a NUL or a folded line");
    }
    r->head_bytes += used - measure_line(r, bytes, used);
    if (r->line_blanks > LINE_BLANKS) {
        return bad(r, 400, "the request line has more blanks than it needs");
    }
    if (r->line_bytes > r->limits->max_initial_line_length) {
        return bad(r, 414, LINE_TOO_LONG);
    }
    if (r->head_bytes > r->limits->max_header_size) {
        return bad(r, 431, HEADERS_TOO_LARGE);
    }
    return HTTP_READ_MORE;
}

/* Bytes behind the head: framing beside the body, and whether the request is complete. */
static enum http_read check_body_bytes(struct http_reader *r, const char *bytes, size_t used,
                                       bool in_trailer, llhttp_errno_t code) {
    if (r->body_wire_bytes > HTTP_CHUNK_OVERHEAD_MAX) {
        return bad(r, 400, "the framing of the chunked body is larger than any body needs");
    }
    if (in_trailer && !lines_are_clean(r, bytes, used)) {
        return bad(r, 400, "the trailer has a lone CR or LF, a NUL or a folded line");
    }
    if (r->in_trailer && !in_trailer) {
        r->last_byte = '\n';
        llhttp_resume(&r->parser);
        return HTTP_READ_MORE;
    }
    return code == HPE_OK ? HTTP_READ_MORE : HTTP_READ_COMPLETE;
}

/* One call of the parser, over bytes that all belong to the head or all to what follows it. */
static enum http_read execute(struct http_reader *r, const char *bytes, size_t len,
                              size_t *out_used) {
    bool in_head = !r->head_done;
    bool in_trailer = r->in_trailer;
    size_t body_before = r->request->body.len;
    llhttp_errno_t code = llhttp_execute(&r->parser, bytes, len);
    size_t used = len;
    if (code != HPE_OK) {
        const char *stop = llhttp_get_error_pos(&r->parser);
        used = stop ? (size_t)(stop - bytes) : len;
    }
    *out_used = used;
    if (r->status) {
        return HTTP_READ_BAD;
    }
    if (code != HPE_OK && code != HPE_PAUSED && code != HPE_PAUSED_UPGRADE) {
        return bad(r, 400, llhttp_get_error_reason(&r->parser));
    }
    if (in_head) {
        enum http_read checked = check_head_bytes(r, bytes, used);
        if (checked == HTTP_READ_BAD) {
            return checked;
        }
        if (code == HPE_OK) {
            return HTTP_READ_MORE;
        }
        if (code == HPE_PAUSED) {
            llhttp_resume(&r->parser);
        }
        return HTTP_READ_HEAD;
    }
    r->body_wire_bytes += used - (r->request->body.len - body_before);
    return check_body_bytes(r, bytes, used, in_trailer, code);
}

/*
 * Some clients leave out the slash that a path begins with ("POST _plugins/… HTTP/1.1"), which
 * OpenSearch takes and llhttp does not: it is put in here.
 */
static enum http_read feed_method(struct http_reader *r, const char *bytes, size_t len,
                                  size_t *out_used) {
    const char *space = memchr(bytes, ' ', len);
    if (!space) {
        return execute(r, bytes, len, out_used);
    }
    size_t upto = (size_t)(space - bytes) + 1;
    enum http_read result = execute(r, bytes, upto, out_used);
    r->method_done = true;
    return result;
}

/* The next byte is the target's first: the one blank behind the method was the last to come. */
static bool is_before_target(const struct http_reader *r) {
    return r->line_blanks == 1 && r->last_byte == ' ';
}

static enum http_read feed_target(struct http_reader *r, const char *bytes, size_t len,
                                  size_t *out_used) {
    if (bytes[0] == '_') {
        size_t ignored = 0;
        enum http_read result = execute(r, "/", 1, &ignored);
        if (result != HTTP_READ_MORE) {
            *out_used = 0;
            return result;
        }
    }
    return execute(r, bytes, len, out_used);
}

static enum http_read finish(struct http_reader *r) {
    if (r->body_packed && r->request->body.len) {
        int32_t code = gzip_unpack(&r->request->body, r->limits->max_content_length);
        if (code == BERTH_E_TOO_LARGE) {
            return bad(r, 413, "the unpacked body is too large (setting http.max_content_length)");
        }
        if (code == BERTH_E_NO_MEMORY) {
            return bad(r, 503, "out of memory");
        }
        if (code) {
            return bad(r, 400, "the body is not what gzip writes");
        }
    }
    r->request->received_ns = base_monotonic_ns();
    r->started = false;
    return HTTP_READ_COMPLETE;
}

enum http_read http_reader_feed(struct http_reader *reader, const char *bytes, size_t len,
                                size_t *out_used) {
    enum http_read result = HTTP_READ_MORE;
    size_t total = 0;
    while (total < len && result == HTTP_READ_MORE) {
        size_t used = 0;
        reader->started = true;
        if (!reader->method_done) {
            result = feed_method(reader, bytes + total, len - total, &used);
        } else if (is_before_target(reader)) {
            result = feed_target(reader, bytes + total, len - total, &used);
        } else {
            result = execute(reader, bytes + total, len - total, &used);
        }
        total += used;
        /* Without a body the message ends with its head; llhttp needs a call to say so. */
        if (result == HTTP_READ_HEAD) {
            size_t none = 0;
            enum http_read end = execute(reader, bytes + total, 0, &none);
            result = end == HTTP_READ_MORE ? HTTP_READ_HEAD : end;
        }
    }
    *out_used = total;
    return result == HTTP_READ_COMPLETE ? finish(reader) : result;
}
