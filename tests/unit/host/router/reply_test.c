/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What replying makes of an answer. The HTTP layer, the loop and the end of a request are made
 * here, so that what is handed to them can be looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/router/rest_request.h"
#include "tests/support/fault.h"

/* What the HTTP layer was given. */
static struct {
    uint32_t replies;
    uint32_t ends;
    uint32_t posts;
    uint32_t status;
    struct base_buf content_type;
    struct base_buf headers; /* name=value; */
    struct base_buf body;
    bool referred;
} sent;

static struct loop *here; /* the calling thread's loop */
static struct berth_str accept_encoding;
static uint64_t queued;

struct loop *loop_current(void) {
    return here;
}

void loop_post(struct loop *loop, struct loop_job *job) {
    struct loop *before = here;
    sent.posts++;
    here = loop;
    job->run(job);
    here = before;
}

bool http_request_header(const struct http_request *request, struct berth_str name,
                         struct berth_str *out_value) {
    (void)request;
    bool known = base_str_is(name, "accept-encoding") && accept_encoding.len;
    if (known) {
        *out_value = accept_encoding;
    }
    return known;
}

struct berth_str http_request_address(const struct http_request *request) {
    (void)request;
    return BERTH_STR("192.0.2.1");
}

bool http_request_is_live(const struct http_request *request) {
    return request->conn != NULL;
}

static void keep(const struct http_reply *reply) {
    sent.replies++;
    sent.status = reply->status;
    base_buf_str(&sent.content_type, reply->content_type);
    for (uint32_t i = 0; i < reply->header_count; i++) {
        base_buf_format(&sent.headers, BASE_FMT "=" BASE_FMT ";", BASE_ARG(reply->headers[i].name),
                        BASE_ARG(reply->headers[i].value));
    }
    for (uint32_t i = 0; i < reply->part_count; i++) {
        base_buf_str(&sent.body, reply->parts[i]);
    }
}

void http_reply(struct http_request *request, const struct http_reply *reply) {
    (void)request;
    keep(reply);
    sent.referred = reply->release && reply->release != free;
    if (reply->release) {
        reply->release(reply->owner);
    }
}

void http_stream_open(struct http_request *request, const struct http_reply *reply) {
    (void)request;
    keep(reply);
}

int32_t http_stream_write(struct http_request *request, struct berth_str piece) {
    (void)request;
    base_buf_str(&sent.body, piece);
    return BERTH_OK;
}

uint64_t http_stream_queued(const struct http_request *request) {
    (void)request;
    return queued;
}

void http_stream_close(struct http_request *request, bool complete) {
    (void)request;
    base_buf_cstr(&sent.body, complete ? "|end" : "|cut");
}

void rest_request_end(struct berth_request *request) {
    (void)request;
    sent.ends++;
}

static struct router one_router;

/* A request on a loop of its own. */
struct rig {
    struct router_loop home;
    struct berth_request request;
    uint32_t releases;
};

static char loop_place; /* only its address is used, for a loop */

static void begin(struct rig *r) {
    memset(&sent, 0, sizeof sent);
    base_buf_init(&sent.content_type, 1000);
    base_buf_init(&sent.headers, 10000);
    base_buf_init(&sent.body, 100000);
    accept_encoding = BERTH_STR("");
    queued = 0;
    here = (struct loop *)(void *)&loop_place;
    memset(r, 0, sizeof *r);
    one_router.options.compression = true;
    r->home.router = &one_router;
    r->home.loop = here;
    r->request.home = &r->home;
    atomic_store(&r->request.state, REST_OPEN);
    base_arena_init(&r->request.arena, 1024);
    base_buf_init(&r->request.outcome.body, BASE_BUF_MAX_DEFAULT);
}

static void end(struct rig *r) {
    base_buf_deinit(&sent.content_type);
    base_buf_deinit(&sent.headers);
    base_buf_deinit(&sent.body);
    base_buf_deinit(&r->request.outcome.body);
    base_arena_deinit(&r->request.arena);
}

static void count_release(void *owner) {
    ((struct rig *)owner)->releases++;
}

static struct berth_reply reply_of(const struct berth_str *part) {
    return (struct berth_reply){
        .size = sizeof(struct berth_reply), .status = 200, .parts = part, .part_count = 1};
}

static void errors_have_their_envelope(void **state) {
    (void)state;
    static const struct {
        int32_t code;
        uint32_t status;
        const char *type;
        const char *json;
    } cases[] = {
        {BERTH_E_NOT_FOUND, 0, "a_exception",
         "{\"error\":{\"root_cause\":[{\"type\":\"a_exception\",\"reason\":\"why \\\"x\\\"\"}],"
         "\"type\":\"a_exception\",\"reason\":\"why \\\"x\\\"\"},\"status\":404}"},
        {BERTH_E_INVALID, 418, "outer/inner",
         "{\"error\":{\"root_cause\":[{\"type\":\"inner\",\"reason\":\"why \\\"x\\\"\"}],"
         "\"type\":\"outer\",\"reason\":\"why \\\"x\\\"\"},\"status\":418}"},
        {BERTH_E_NO_MEMORY, 0, "",
         "{\"error\":{\"root_cause\":[{\"type\":\"circuit_breaking_exception\",\"reason\":"
         "\"why \\\"x\\\"\"}],\"type\":\"circuit_breaking_exception\",\"reason\":\"why \\\"x\\\"\"}"
         ",\"status\":503}"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        (void)base_error_rest(&error, cases[i].code, cases[i].status, cases[i].type, "why \"x\"");
        rest_put_error(&out, &error);
        base_buf_append(&out, "", 1);
        assert_string_equal(out.ptr, cases[i].json);
    }
}

static void a_client_is_told_to_come_again(void **state) {
    (void)state;
    static const struct {
        uint32_t status;
        bool retry;
    } cases[] = {{400, false}, {404, false}, {429, true}, {500, false}, {503, true}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig r;
        struct berth_error error = BASE_ERROR_INIT;
        begin(&r);
        (void)base_error_rest(&error, BERTH_E_INVALID, cases[i].status, "a", "b");
        assert_int_equal(router_reply_error(&r.request, &error), BERTH_OK);
        assert_int_equal(sent.status, cases[i].status);
        assert_int_equal(
            base_str_contains(base_buf_view(&sent.headers), BERTH_STR("retry-after=1;")),
            cases[i].retry);
        end(&r);
    }
}

static void a_request_is_replied_to_once(void **state) {
    (void)state;
    struct rig r;
    struct berth_str part = BERTH_STR("{}");
    struct berth_reply reply = reply_of(&part);
    begin(&r);
    assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
    reply.release = count_release;
    reply.owner = &r;
    assert_int_equal(router_reply(&r.request, &reply), BERTH_E_STATE);
    assert_int_equal(r.releases, 1);
    reply.release = NULL;
    assert_int_equal(router_stream_open(&r.request, &reply), BERTH_E_STATE);
    assert_int_equal(sent.replies, 1);
    assert_int_equal(sent.ends, 1);
    assert_int_equal(sent.posts, 0);
    end(&r);
}

static void from_elsewhere_the_answer_is_posted(void **state) {
    (void)state;
    struct rig r;
    struct berth_str part = BERTH_STR("{\"a\":1}");
    struct berth_reply reply = reply_of(&part);
    begin(&r);
    here = NULL;
    assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
    assert_int_equal(sent.posts, 1);
    assert_int_equal(sent.replies, 1);
    assert_true(base_str_is(base_buf_view(&sent.body), "{\"a\":1}"));
    assert_true(base_str_is(base_buf_view(&sent.content_type), "application/json; charset=UTF-8"));
    end(&r);
}

static void a_reply_that_is_none_is_a_fault_of_its_handler(void **state) {
    (void)state;
    /* What a struct is too small for is not read. */
    static const struct {
        uint32_t size;
        uint32_t status;
        uint32_t releases;
    } cases[] = {{0, 200, 0},
                 {offsetof(struct berth_reply, release), 200, 0},
                 {sizeof(struct berth_reply) - 1, 200, 0},
                 {sizeof(struct berth_reply), 0, 1},
                 {sizeof(struct berth_reply), 199, 1},
                 {sizeof(struct berth_reply), 600, 1}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig r;
        struct berth_str part = BERTH_STR("x");
        begin(&r);
        struct berth_reply reply = reply_of(&part);
        reply.size = cases[i].size;
        reply.status = cases[i].status;
        reply.release = count_release;
        reply.owner = &r;
        assert_int_equal(router_reply(&r.request, &reply), BERTH_E_INVALID);
        assert_int_equal(sent.status, 500);
        assert_int_equal(r.releases, cases[i].releases);
        assert_int_equal(router_reply(&r.request, &reply), BERTH_E_STATE);
        assert_int_equal(r.releases, cases[i].releases * 2);
        end(&r);
    }
}

/* A line's end in a header would let what is in it begin another answer. */
static void headers_hold_no_line_ends(void **state) {
    (void)state;
    static const struct {
        struct berth_header header;
        struct berth_str content_type;
        bool is_taken;
    } cases[] = {
        {{BERTH_STR_INIT("x-a"), BERTH_STR_INIT("b c\t\xc3\xa4")}, BERTH_STR_INIT(""), true},
        {{BERTH_STR_INIT("x-a"), BERTH_STR_INIT("")}, BERTH_STR_INIT("text/plain"), true},
        {{BERTH_STR_INIT("x-a"), BERTH_STR_INIT("b\r\nset-cookie: c")}, BERTH_STR_INIT(""), false},
        {{BERTH_STR_INIT("x-a"), BERTH_STR_INIT("b\nc")}, BERTH_STR_INIT(""), false},
        {{BERTH_STR_INIT("x-a"), BERTH_STR_INIT("b\0c")}, BERTH_STR_INIT(""), false},
        {{BERTH_STR_INIT("x\r\na"), BERTH_STR_INIT("b")}, BERTH_STR_INIT(""), false},
        {{BERTH_STR_INIT("x: y"), BERTH_STR_INIT("b")}, BERTH_STR_INIT(""), false},
        {{BERTH_STR_INIT(""), BERTH_STR_INIT("b")}, BERTH_STR_INIT(""), false},
        {{BERTH_STR_INIT("x-a"), BERTH_STR_INIT("b")}, BERTH_STR_INIT("text/plain\r\nx: y"), false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig r;
        struct berth_str part = BERTH_STR("x");
        begin(&r);
        struct berth_reply reply = reply_of(&part);
        reply.headers = &cases[i].header;
        reply.header_count = 1;
        reply.content_type = cases[i].content_type;
        reply.release = count_release;
        reply.owner = &r;
        bool taken = router_reply(&r.request, &reply) == BERTH_OK;
        assert_int_equal(taken, cases[i].is_taken);
        assert_int_equal(sent.status, taken ? 200 : 500);
        assert_int_equal(sent.headers.len != 0, taken);
        assert_int_equal(r.releases, 1);
        end(&r);
        begin(&r);
        int32_t code = router_stream_open(&r.request, &reply);
        assert_int_equal(code, taken ? BERTH_OK : BERTH_E_INVALID);
        end(&r);
    }
}

static void forget_header(void *owner) {
    struct berth_header *header = owner;
    *header = (struct berth_header){BERTH_STR_INIT("gone"), BERTH_STR_INIT("gone")};
}

/* They may stand in what release gives back. */
static void headers_are_copied_before_the_parts_are_released(void **state) {
    (void)state;
    struct rig r;
    struct berth_str part = BERTH_STR("{\"a\":1}");
    struct berth_header header = {BERTH_STR_INIT("x"), BERTH_STR_INIT("y")};
    begin(&r);
    r.request.shape.pretty = true;
    struct berth_reply reply = reply_of(&part);
    reply.headers = &header;
    reply.header_count = 1;
    reply.release = forget_header;
    reply.owner = &header;
    assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
    assert_true(base_str_is(base_buf_view(&sent.headers), "x=y;"));
    end(&r);
}

/* The client left: the request can still be ended with a reply. */
static void a_cancelled_request_opens_no_stream(void **state) {
    (void)state;
    struct rig r;
    struct berth_str part = BERTH_STR("");
    struct berth_reply reply = reply_of(&part);
    begin(&r);
    r.request.cancelled = true;
    assert_int_equal(router_stream_open(&r.request, &reply), BERTH_E_CANCELLED);
    assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
    assert_int_equal(sent.ends, 1);
    end(&r);
}

static void answers_have_the_shape_that_is_asked_for(void **state) {
    (void)state;
    static const struct {
        uint32_t status;
        struct shape shape;
        const char *content_type;
        const char *body;
        const char *out_type;
        const char *out_body;
    } cases[] = {
        {200,
         {{NULL, 0}, true, false},
         "",
         "{\"a\":1}",
         "application/json; charset=UTF-8",
         "{\n  \"a\" : 1\n}\n"},
        {200, {{NULL, 0}, false, true}, "", "{\"a\":1}", "application/yaml", "---\na: 1\n"},
        {200,
         {BERTH_STR_INIT("b"), false, false},
         "",
         "{\"a\":1,\"b\":2}",
         "application/json; charset=UTF-8",
         "{\"b\":2}"},
        {404,
         {BERTH_STR_INIT("b"), false, false},
         "",
         "{\"a\":1}",
         "application/json; charset=UTF-8",
         "{\"a\":1}"},
        {200, {BERTH_STR_INIT("b"), true, true}, "text/plain", "a 1", "text/plain", "a 1"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig r;
        struct berth_str part = base_cstr(cases[i].body);
        begin(&r);
        struct berth_reply reply = reply_of(&part);
        reply.status = cases[i].status;
        reply.content_type = base_cstr(cases[i].content_type);
        r.request.shape = cases[i].shape;
        assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
        assert_true(base_str_is(base_buf_view(&sent.content_type), cases[i].out_type));
        assert_true(base_str_is(base_buf_view(&sent.body), cases[i].out_body));
        end(&r);
    }
}

static void large_answers_are_packed_for_who_takes_it(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        size_t size;
        bool packed;
    } cases[] = {
        {"gzip", 1400, true},
        {"gzip", 1399, false},
        {"", 5000, false},
        {"deflate, GZIP", 5000, true},
        {"gzip;q=0.5", 5000, true},
        {"gzip;q=0", 5000, false},
        {"gzip; q=0.000", 5000, false},
        {"xgzip", 5000, false},
        {"br;q=1, gzip;q=1", 5000, true},
    };
    static char text[5000];
    memset(text, ' ', sizeof text);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig r;
        begin(&r);
        struct berth_str part = base_str(text, cases[i].size);
        struct berth_reply reply = reply_of(&part);
        accept_encoding = base_cstr(cases[i].accept);
        assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
        assert_int_equal(
            base_str_contains(base_buf_view(&sent.headers), BERTH_STR("content-encoding=gzip;")),
            cases[i].packed);
        assert_int_equal(sent.body.len < cases[i].size, cases[i].packed);
        end(&r);
    }
}

static void parts_that_are_lent_are_sent_as_they_are(void **state) {
    (void)state;
    struct rig r;
    struct berth_str parts[] = {BERTH_STR("{\"a\":"), BERTH_STR("1}")};
    begin(&r);
    struct berth_reply reply = reply_of(parts);
    reply.part_count = BASE_COUNT(parts);
    reply.release = count_release;
    reply.owner = &r;
    assert_int_equal(router_reply(&r.request, &reply), BERTH_OK);
    assert_true(sent.referred);
    assert_int_equal(r.releases, 1);
    assert_true(base_str_is(base_buf_view(&sent.body), "{\"a\":1}"));
    end(&r);
}

static void a_stream_is_held_back_and_ended_once(void **state) {
    (void)state;
    struct rig r;
    struct berth_str part = BERTH_STR("");
    struct berth_reply reply = reply_of(&part);
    uint64_t left = 0;
    begin(&r);
    assert_int_equal(router_stream_write(&r.request, BERTH_STR("x"), &left), BERTH_E_STATE);
    here = NULL;
    assert_int_equal(router_stream_open(&r.request, &reply), BERTH_E_STATE);
    here = r.home.loop;
    assert_int_equal(router_stream_open(&r.request, &reply), BERTH_OK);
    assert_int_equal(router_reply(&r.request, &reply), BERTH_E_STATE);
    assert_int_equal(router_stream_write(&r.request, BERTH_STR("a"), &left), BERTH_OK);
    queued = BERTH_STREAM_HIGH_WATER + 1;
    assert_int_equal(router_stream_write(&r.request, BERTH_STR("b"), &left), BERTH_E_LIMIT);
    assert_int_equal(left, BERTH_STREAM_HIGH_WATER + 1);
    assert_int_equal(router_stream_close(&r.request, 0), BERTH_OK);
    assert_int_equal(router_stream_close(&r.request, 1), BERTH_E_STATE);
    assert_true(base_str_is(base_buf_view(&sent.body), "a|cut"));
    assert_int_equal(sent.ends, 1);
    end(&r);
}

static uint32_t cancels;

static void count_cancel(void *user) {
    (void)user;
    cancels++;
}

static void who_asks_after_the_cancel_is_told_at_once(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    cancels = 0;
    assert_int_equal(router_on_cancel(&r.request, count_cancel, NULL), BERTH_OK);
    assert_int_equal(cancels, 0);
    r.request.cancelled = true;
    assert_int_equal(router_on_cancel(&r.request, count_cancel, NULL), BERTH_OK);
    assert_int_equal(cancels, 1);
    here = NULL;
    assert_int_equal(router_on_cancel(&r.request, count_cancel, NULL), BERTH_E_STATE);
    end(&r);
}

/* Without memory there is an answer all the same, and what was lent is given back once. */
static void a_request_is_answered_at_each_failed_allocation(void **state) {
    (void)state;
    static const struct shape shapes[] = {{{NULL, 0}, false, false},
                                          {BERTH_STR_INIT("a"), true, false}};
    static const struct berth_header header = {BERTH_STR_INIT("x"), BERTH_STR_INIT("y")};
    for (size_t i = 0; i < BASE_COUNT(shapes); i++) {
        FAULT_EACH_ALLOCATION({
            struct rig r;
            struct berth_str part = BERTH_STR("{\"a\":[1,2,{\"b\":3}]}");
            begin(&r);
            struct berth_reply reply = reply_of(&part);
            reply.headers = &header;
            reply.header_count = 1;
            reply.release = count_release;
            reply.owner = &r;
            r.request.shape = shapes[i];
            int32_t code = router_reply(&r.request, &reply);
            assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
            assert_int_equal(sent.status, code ? 503 : 200);
            assert_int_equal(sent.replies, 1);
            assert_int_equal(sent.ends, 1);
            assert_int_equal(r.releases, 1);
            end(&r);
        });
    }
}

/* An error whose text needs memory that is not there has no body rather than half of one. */
static void an_error_is_told_whole_or_not_at_all(void **state) {
    (void)state;
    char reason[600];
    memset(reason, 'a', sizeof reason);
    FAULT_EACH_ALLOCATION({
        struct rig r;
        struct berth_error error = BASE_ERROR_INIT;
        begin(&r);
        (void)base_error(&error, BERTH_E_INVALID, BASE_FMT, BASE_ARG(base_str(reason, 600)));
        (void)router_reply_error(&r.request, &error);
        assert_true(sent.body.len == 0 || json_check(base_buf_view(&sent.body), 0, NULL));
        end(&r);
        begin(&r);
        rest_reply_plain_error(&r.request, 404, NULL, BASE_FMT, BASE_ARG(base_str(reason, 600)));
        assert_true(sent.body.len == 0 || json_check(base_buf_view(&sent.body), 0, NULL));
        end(&r);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_their_envelope),
        cmocka_unit_test(a_client_is_told_to_come_again),
        cmocka_unit_test(a_request_is_replied_to_once),
        cmocka_unit_test(from_elsewhere_the_answer_is_posted),
        cmocka_unit_test(a_reply_that_is_none_is_a_fault_of_its_handler),
        cmocka_unit_test(headers_hold_no_line_ends),
        cmocka_unit_test(headers_are_copied_before_the_parts_are_released),
        cmocka_unit_test(a_cancelled_request_opens_no_stream),
        cmocka_unit_test(answers_have_the_shape_that_is_asked_for),
        cmocka_unit_test(large_answers_are_packed_for_who_takes_it),
        cmocka_unit_test(parts_that_are_lent_are_sent_as_they_are),
        cmocka_unit_test(a_stream_is_held_back_and_ended_once),
        cmocka_unit_test(who_asks_after_the_cancel_is_told_at_once),
        cmocka_unit_test(a_request_is_answered_at_each_failed_allocation),
        cmocka_unit_test(an_error_is_told_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("host.router.reply", tests, NULL, NULL);
}
