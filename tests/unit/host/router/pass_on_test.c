/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/pass_on.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/router/rest_request.h"
#include "tests/support/fault.h"

static struct berth_str registered[] = {BERTH_STR_INIT("loud"), BERTH_STR_INIT("a b")};
static struct route route = {.def = {.query = registered, .query_count = 2}};

/* A request of a target and of headers, of which each has a line. */
static void make(struct berth_request *request, struct http_request *http, const char *target,
                 const char *head) {
    *http = (struct http_request){0};
    *request = (struct berth_request){.route = &route, .http = http};
    base_arena_init(&request->arena, 256);
    base_buf_init(&http->head, 65536);
    base_buf_cstr(&http->head, head);
    assert_int_equal(target_parse(base_cstr(target), &request->arena, &request->target, NULL), 0);
    for (uint32_t at = 0; at < http->head.len;) {
        const char *line = http->head.ptr + at;
        uint32_t name = (uint32_t)strcspn(line, ":");
        uint32_t len = (uint32_t)strcspn(line, "\n");
        http->headers[http->header_count++] =
            (struct http_header_span){{at, name}, {at + name + 2, len - name - 2}};
        at += len + 1;
    }
}

static void unmake(struct berth_request *request) {
    base_buf_deinit(&request->http->head);
    base_arena_deinit(&request->arena);
}

static void targets(void **state) {
    (void)state;
    static const struct {
        const char *sent;
        const char *passed;
    } cases[] = {
        {"/a%2Fb/c", "/a%2Fb/c"},
        {"/a?pretty&filter_path=x&format=yaml", "/a"},
        {"/a?loud", "/a?loud"},
        {"/a?loud=", "/a?loud="},
        {"/a?pretty&loud=a%20b%26c%3Dd&human", "/a?loud=a%20b%26c%3Dd"},
        {"/a?a+b=%C3%A4&loud=1&loud=2", "/a?a%20b=%C3%A4&loud=1&loud=2"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_request request;
        struct http_request http;
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        make(&request, &http, cases[i].sent, "");
        pass_on_put_target(&request, &out);
        base_buf_char(&out, '\0');
        assert_string_equal(out.ptr, cases[i].passed);
        unmake(&request);
    }
}

static void headers(void **state) {
    (void)state;
    static const struct {
        const char *sent;
        const char *passed; /* with a bar for each zero */
        uint32_t count;
    } cases[] = {
        {"", "", 0},
        {"traceparent: 00\nX-Own: a: b\n", "traceparent: 00|X-Own: a: b|", 2},
        {"Host: h\nauthorization: Basic x\nX-Berth-Peer: v1\nCONTENT-LENGTH: 3\nA: b\n", "A: b|",
         1},
        {"Connection: close\nTE: trailers\nUpgrade: h2c\nAccept: */*\nExpect: 100-continue\n", "",
         0},
        {"Empty: \nCookie: a=b\n", "Cookie: a=b|", 1},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_request request;
        struct http_request http;
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        make(&request, &http, "/", cases[i].sent);
        assert_int_equal(pass_on_put_headers(&request, &out), cases[i].count);
        for (size_t k = 0; k < out.len; k++) {
            out.ptr[k] = out.ptr[k] ? out.ptr[k] : '|';
        }
        base_buf_char(&out, '\0');
        assert_string_equal(out.ptr, cases[i].passed);
        unmake(&request);
    }
}

/* What could not be put is told by the buffer. */
static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct berth_request request;
    struct http_request http;
    make(&request, &http, "/a?loud=1", "A: b\n");
    FAULT_EACH_ALLOCATION({
        BASE_BUF_AUTO target;
        BASE_BUF_AUTO lines;
        base_buf_init(&target, 4096);
        base_buf_init(&lines, 4096);
        pass_on_put_target(&request, &target);
        (void)pass_on_put_headers(&request, &lines);
        assert_true(target.error || target.len == strlen("/a?loud=1"));
        assert_true(lines.error || lines.len == sizeof "A: b");
    });
    unmake(&request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(headers),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.router.pass_on", tests, NULL, NULL);
}
