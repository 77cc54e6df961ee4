/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/utf8_check.h"

static const struct {
    const char *body;
    const char *type; /* of the refusal; NULL: taken */
} bodies[] = {
    {"{}", NULL},
    {" {\"a\":1} // and a comment", NULL},
    {"", "parse_exception"},
    {"[]", "parsing_exception"},
    {"7", "parsing_exception"},
    {"\"text\"", "parsing_exception"},
    {"null", "parsing_exception"},
};

static int32_t read_body(struct ml_call *call) {
    int32_t code = ml_call_read_body(call);
    base_buf_cstr(&call->out, "{}");
    return code;
}

/* A handler's result becomes one reply, whatever it is. */
static void replies_once_by_table(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        struct berth_request request = {0};
        struct berth_request_view view = {.size = sizeof view, .body = base_cstr(bodies[i].body)};
        base_buf_init(&request.body, 512);
        ml_call_run(&host.plugin, read_body, ML_STAT_NONE, &request, &view);
        assert_int_equal(request.replies, 1);
        assert_int_equal(request.status, bodies[i].type ? 400 : 200);
        if (bodies[i].type) {
            assert_string_equal(base_error_type(&request.error), bodies[i].type);
        }
        base_buf_deinit(&request.body);
    }
    fake_host_deinit(&host);
}

static int32_t overflow(struct ml_call *call) {
    call->out.error = BERTH_E_NO_MEMORY;
    return BERTH_OK;
}

static void tells_that_the_answer_could_not_be_made(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    struct berth_request request = {0};
    struct berth_request_view view = {.size = sizeof view};
    ml_call_run(&host.plugin, overflow, ML_STAT_NONE, &request, &view);
    assert_int_equal(request.replies, 1);
    assert_int_equal(request.status, 503);
    fake_host_deinit(&host);
}

static const struct {
    const char *body;
    int32_t code;
    const char *text; /* NULL: none given */
} texts[] = {
    {"{\"m\":\"t\"}", BERTH_OK, "t"},
    {"{\"m\":\"a\\u0062\"}", BERTH_OK, "ab"},
    {"{\"m\":\"\"}", BERTH_OK, ""},
    {"{\"m\":1.50}", BERTH_OK, "1.50"},
    {"{\"m\":false}", BERTH_OK, "false"},
    {"{\"m\":null}", BERTH_OK, NULL},
    {"{}", BERTH_OK, NULL},
    {"{\"m\":[]}", BERTH_E_PARSE, NULL},
    {"{\"m\":{}}", BERTH_E_PARSE, NULL},
};

static const struct {
    const char *body;
    int32_t code;
    bool value;
    bool given;
} bools[] = {
    {"{\"m\":true}", BERTH_OK, true, true},        {"{\"m\":false}", BERTH_OK, false, true},
    {"{\"m\":\"true\"}", BERTH_OK, true, true},    {"{\"m\":\"false\"}", BERTH_OK, false, true},
    {"{\"m\":null}", BERTH_OK, false, false},      {"{}", BERTH_OK, false, false},
    {"{\"m\":1}", BERTH_E_PARSE, false, false},    {"{\"m\":\"yes\"}", BERTH_E_PARSE, false, false},
    {"{\"m\":\"\"}", BERTH_E_PARSE, false, false}, {"{\"m\":[]}", BERTH_E_PARSE, false, false},
};

static const struct {
    const char *body;
    enum json_type type;
    int32_t code;
    bool given;
} containers[] = {
    {"{\"m\":{}}", JSON_OBJECT, BERTH_OK, true},
    {"{\"m\":[]}", JSON_ARRAY, BERTH_OK, true},
    {"{\"m\":null}", JSON_OBJECT, BERTH_OK, false},
    {"{}", JSON_ARRAY, BERTH_OK, false},
    {"{\"m\":[]}", JSON_OBJECT, BERTH_E_PARSE, false},
    {"{\"m\":{}}", JSON_ARRAY, BERTH_E_PARSE, false},
    {"{\"m\":\"x\"}", JSON_OBJECT, BERTH_E_PARSE, false},
};

static void reads_members_by_table(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        FAKE_CALL_AUTO c;
        struct berth_str text = {NULL, 0};
        fake_call_begin(&c, &host, texts[i].body);
        assert_int_equal(ml_call_text(&c.call, c.call.body, "m", &text), texts[i].code);
        assert_int_equal(text.ptr != NULL, texts[i].text != NULL);
        assert_true(base_str_eq(text, base_cstr(texts[i].text)));
    }
    for (size_t i = 0; i < BASE_COUNT(bools); i++) {
        FAKE_CALL_AUTO c;
        bool value;
        bool given;
        fake_call_begin(&c, &host, bools[i].body);
        assert_int_equal(ml_call_bool(&c.call, c.call.body, "m", &value, &given), bools[i].code);
        assert_int_equal(value, bools[i].value);
        assert_int_equal(given, bools[i].given);
    }
    for (size_t i = 0; i < BASE_COUNT(containers); i++) {
        FAKE_CALL_AUTO c;
        struct json_value value;
        fake_call_begin(&c, &host, containers[i].body);
        assert_int_equal(ml_call_container(&c.call, c.call.body, "m", containers[i].type, &value),
                         containers[i].code);
        assert_int_equal(json_present(value), containers[i].given);
        assert_string_equal(base_error_type(&c.call.error),
                            containers[i].code ? "parsing_exception" : "exception");
    }
    fake_host_deinit(&host);
}

static const struct {
    uint32_t status;
    int32_t code;
} statuses[] = {
    {400, BERTH_E_INVALID}, {403, BERTH_E_DENIED},  {404, BERTH_E_NOT_FOUND},
    {409, BERTH_E_EXISTS},  {502, BERTH_E_INVALID},
};

static void has_a_code_for_each_status(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(statuses); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(ml_status(&error, statuses[i].status, "no"), statuses[i].code);
        assert_int_equal(base_error_status(&error), statuses[i].status);
        assert_string_equal(base_error_type(&error), "status_exception");
    }
}

/* Whatever a message quotes, it is cut between characters. */
static void cuts_messages_between_characters(void **state) {
    (void)state;
    char quoted[1600];
    for (size_t shift = 0; shift < 3; shift++) {
        struct berth_error error = BASE_ERROR_INIT;
        memset(quoted, 'a', sizeof quoted);
        for (size_t i = shift; i + 3 < sizeof quoted; i += 3) {
            memcpy(quoted + i, "\xe4\xb8\x96", 3);
        }
        quoted[sizeof quoted - 1] = '\0';
        (void)ml_invalid(&error, "%s", quoted);
        assert_true(strlen(error.message) > BERTH_ERROR_MESSAGE_MAX - 5);
        assert_true(is_utf8(error.message));
    }
}

static void shows_the_beginning_of_a_wrong_body(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    FAKE_CALL_AUTO c;
    fake_call_begin(&c, &host,
                    "[\"ab\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96"
                    "\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96"
                    "\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96"
                    "\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\xe4\xb8\x96\"]");
    assert_int_equal(ml_call_read_body(&c.call), BERTH_E_PARSE);
    assert_non_null(strstr(c.call.error.message, "not [[\"ab"));
    assert_true(is_utf8(c.call.error.message));
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_once_by_table),
        cmocka_unit_test(tells_that_the_answer_could_not_be_made),
        cmocka_unit_test(reads_members_by_table),
        cmocka_unit_test(has_a_code_for_each_status),
        cmocka_unit_test(cuts_messages_between_characters),
        cmocka_unit_test(shows_the_beginning_of_a_wrong_body),
    };
    return cmocka_run_group_tests_name("ml_remote.call", tests, NULL, NULL);
}
