/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/request.h"

#include "host/http/conn.h"
#include "tests/support/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct http_limits limits = {
    .max_initial_line_length = 100, .max_header_size = 900, .max_content_length = 100000};

static void free_all(struct http_loop *home) {
    while (home->free_requests) {
        struct http_request *request = home->free_requests;
        home->free_requests = request->next;
        base_buf_deinit(&request->head);
        base_buf_deinit(&request->body);
        free(request);
    }
}

static struct http_span put_span(struct http_request *request, const char *text) {
    struct http_span span = {.start = (uint32_t)request->head.len, .len = (uint32_t)strlen(text)};
    base_buf_cstr(&request->head, text);
    return span;
}

static void add_header(struct http_request *request, const char *name, const char *value) {
    struct http_header_span *header = &request->headers[request->header_count++];
    header->name = put_span(request, name);
    header->value = put_span(request, value);
}

static void finds_the_first_header_whatever_its_case(void **state) {
    (void)state;
    struct http_loop home = {.limits = &limits};
    struct http_request *request = http_request_create(&home);
    assert_non_null(request);
    add_header(request, "Accept", "a");
    add_header(request, "X-Opaque-Id", "first");
    add_header(request, "x-opaque-id", "second");
    struct berth_str value = {NULL, 0};
    assert_true(http_request_header(request, BERTH_STR("X-OPAQUE-ID"), &value));
    assert_true(base_str_is(value, "first"));
    assert_false(http_request_header(request, BERTH_STR("X-Opaque"), &value));
    assert_true(base_str_is(value, "first"));
    http_request_destroy(&home, request);
    free_all(&home);
}

/* A request object that is used again knows nothing of the request before. */
static void an_object_used_again_is_empty(void **state) {
    (void)state;
    struct http_loop home = {.limits = &limits};
    struct http_request *first = http_request_create(&home);
    assert_non_null(first);
    add_header(first, "Authorization", "hush");
    base_buf_cstr(&first->body, "hush");
    first->keep_alive = true;
    first->target = put_span(first, "/x");
    http_request_destroy(&home, first);
    struct http_request *second = http_request_create(&home);
    assert_ptr_equal(first, second);
    assert_int_equal(second->header_count, 0);
    assert_int_equal(second->head.len, 0);
    assert_int_equal(second->body.len, 0);
    assert_int_equal(second->target.len, 0);
    assert_false(second->keep_alive);
    assert_false(http_request_is_live(second));
    struct berth_str value;
    assert_false(http_request_header(second, BERTH_STR("Authorization"), &value));
    http_request_destroy(&home, second);
    free_all(&home);
}

#define MANY 200

static void keeps_a_bounded_number_of_objects_and_bytes(void **state) {
    (void)state;
    struct http_loop home = {.limits = &limits};
    struct http_request *requests[MANY];
    for (int i = 0; i < MANY; i++) {
        requests[i] = http_request_create(&home);
        assert_non_null(requests[i]);
        assert_non_null(base_buf_reserve(&requests[i]->body, 50000));
    }
    for (int i = 0; i < MANY; i++) {
        http_request_destroy(&home, requests[i]);
    }
    assert_int_equal(home.free_request_count, 64);
    for (struct http_request *r = home.free_requests; r; r = r->next) {
        assert_int_equal(r->body.cap, 0);
    }
    free_all(&home);
}

static void bounds_what_a_request_can_hold(void **state) {
    (void)state;
    struct http_loop home = {.limits = &limits};
    struct http_request *request = http_request_create(&home);
    assert_non_null(request);
    assert_null(base_buf_reserve(&request->head, 1001));
    assert_null(base_buf_reserve(&request->body, 100001));
    http_request_destroy(&home, request);
    free_all(&home);
}

static void each_error_code_has_a_status_with_a_text(void **state) {
    (void)state;
#define STATUS(name, code, status, type, meaning)                                                  \
    assert_string_not_equal(http_status_text(status), "");
    BERTH_ERROR_LIST(STATUS)
#undef STATUS
    assert_string_equal(http_status_text(200), "OK");
    assert_string_equal(http_status_text(404), "Not Found");
    assert_string_equal(http_status_text(299), "");
}

static void create_without_memory(void) {
    struct http_loop home = {.limits = &limits};
    struct http_request *request = http_request_create(&home);
    if (request) {
        http_request_destroy(&home, request);
    }
    free_all(&home);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION(create_without_memory());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_first_header_whatever_its_case),
        cmocka_unit_test(an_object_used_again_is_empty),
        cmocka_unit_test(keeps_a_bounded_number_of_objects_and_bytes),
        cmocka_unit_test(bounds_what_a_request_can_hold),
        cmocka_unit_test(each_error_code_has_a_status_with_a_text),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.http.request", tests, NULL, NULL);
}
