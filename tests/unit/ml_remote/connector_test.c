/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what a client sends; what is made of it is in connector_make_test.c. */
#include "plugin/ml_remote/connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

#define ACTIONS "\"actions\":[]"
#define CREDENTIAL "\"credential\":{\"key\":\"k\"}"
#define NAMED "\"name\":\"n\",\"version\":1,\"protocol\":\"http\""
#define BASE NAMED "," CREDENTIAL "," ACTIONS
#define WITH(member) "{" BASE "," member "}"
#define ACTION(members)                                                                            \
    "{" NAMED "," CREDENTIAL ",\"actions\":[{\"action_type\":\"predict\",\"method\":\"POST\","     \
    "\"url\":\"https://h/\"" members "}]}"
#define STORED "\"name\":\"n\",\"version\":\"1\",\"protocol\":\"http\""
#define STORED_ACTION(members)                                                                     \
    "{" STORED ",\"actions\":[{\"action_type\":\"PREDICT\",\"method\":\"POST\","                   \
    "\"url\":\"https://h/\"" members "}]}"

/* What is stored, but for the credential; or the type of the refusal, which is 400. */
static const struct {
    const char *body;
    bool partial;
    const char *expected;
    const char *type;
} cases[] = {
    {"{" BASE "}", false, "{" STORED "," ACTIONS "}", NULL},
    {"{" NAMED "," CREDENTIAL "}", false, NULL, "illegal_argument_exception"},
    {"{" NAMED "," ACTIONS "}", false, NULL, "illegal_argument_exception"},
    {"{}", false, NULL, "illegal_argument_exception"},
    /* Texts. */
    {"{\"version\":1,\"protocol\":\"http\"," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    {"{\"name\":null,\"version\":1,\"protocol\":\"http\"," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    {"{\"name\":\"n\",\"protocol\":\"http\"," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    {"{\"name\":\"n\",\"version\":1," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    {"{\"name\":[],\"version\":1,\"protocol\":\"http\"," CREDENTIAL "," ACTIONS "}", false, NULL,
     "parsing_exception"},
    {"{\"name\":\"n\",\"version\":1.5,\"protocol\":\"http\"," CREDENTIAL "," ACTIONS "}", false,
     "{\"name\":\"n\",\"version\":\"1.5\",\"protocol\":\"http\"," ACTIONS "}", NULL},
    {"{\"name\":true,\"version\":\"v\\u0031\",\"protocol\":\"http\"," CREDENTIAL "," ACTIONS "}",
     false, "{\"name\":\"true\",\"version\":\"v1\",\"protocol\":\"http\"," ACTIONS "}", NULL},
    {WITH("\"description\":\"d \\\"q\\\"\""), false,
     "{\"name\":\"n\",\"version\":\"1\",\"description\":\"d "
     "\\\"q\\\"\",\"protocol\":\"http\"," ACTIONS "}",
     NULL},
    {WITH("\"description\":null"), false, "{" STORED "," ACTIONS "}", NULL},
    {WITH("\"description\":{}"), false, NULL, "parsing_exception"},
    {WITH("\"colour\":\"red\""), false, "{" STORED "," ACTIONS "}", NULL},
    /* Protocols, to the letter. */
    {"{\"name\":\"n\",\"version\":1,\"protocol\":\"aws_sigv4\"," CREDENTIAL "," ACTIONS "}", false,
     "{\"name\":\"n\",\"version\":\"1\",\"protocol\":\"aws_sigv4\"," ACTIONS "}", NULL},
    {"{\"name\":\"n\",\"version\":1,\"protocol\":\"HTTP\"," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    {"{\"name\":\"n\",\"version\":1,\"protocol\":\"ftp\"," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    {"{\"name\":\"n\",\"version\":1,\"protocol\":7," CREDENTIAL "," ACTIONS "}", false, NULL,
     "illegal_argument_exception"},
    /* Parameters become text. */
    {WITH("\"parameters\":{\"a\":[1, \"two\"],\"b\":true,\"s\":\"x\\\"y\",\"f\":0.25,\"n\":null,"
          "\"o\":{ \"k\":\"v\" }}"),
     false,
     "{" STORED ",\"parameters\":{\"a\":\"[1,\\\"two\\\"]\",\"b\":\"true\",\"s\":\"x\\\"y\","
     "\"f\":\"0.25\",\"n\":\"null\",\"o\":\"{\\\"k\\\":\\\"v\\\"}\"}," ACTIONS "}",
     NULL},
    {WITH("\"parameters\":{}"), false, "{" STORED ",\"parameters\":{}," ACTIONS "}", NULL},
    {WITH("\"parameters\":null"), false, "{" STORED "," ACTIONS "}", NULL},
    {WITH("\"parameters\":[1]"), false, NULL, "parsing_exception"},
    {WITH("\"parameters\":\"x\""), false, NULL, "parsing_exception"},
    /* Credentials. */
    {"{" NAMED ",\"credential\":{}," ACTIONS "}", false, NULL, "illegal_argument_exception"},
    {"{" NAMED ",\"credential\":null," ACTIONS "}", false, NULL, "illegal_argument_exception"},
    {"{" NAMED ",\"credential\":\"k\"," ACTIONS "}", false, NULL, "parsing_exception"},
    {"{" NAMED ",\"credential\":{\"key\":[\"k\"]}," ACTIONS "}", false, NULL, "parsing_exception"},
    {"{" NAMED ",\"credential\":{\"key\":null}," ACTIONS "}", false, NULL, "parsing_exception"},
    {"{" NAMED ",\"credential\":{\"key\":7}," ACTIONS "}", false, "{" STORED "," ACTIONS "}", NULL},
    /* Actions. */
    {ACTION(""), false, STORED_ACTION(""), NULL},
    {ACTION(",\"request_body\":\"{}\",\"pre_process_function\":\"connector.pre_process.openai."
            "embedding\","
            "\"post_process_function\":\"connector.post_process.openai.embedding\",\"headers\":{"
            "\"X-A\":\"1\",\"X-N\":2}"),
     false,
     STORED_ACTION(",\"headers\":{\"X-A\":\"1\",\"X-N\":\"2\"},\"request_body\":\"{}\","
                   "\"pre_process_function\":\"connector.pre_process.openai.embedding\",\"post_"
                   "process_function\":\"connector.post_process.openai.embedding\""),
     NULL},
    {ACTION(",\"headers\":{}"), false, STORED_ACTION(",\"headers\":{}"), NULL},
    {ACTION(",\"headers\":null"), false, STORED_ACTION(""), NULL},
    {ACTION(",\"headers\":[]"), false, NULL, "parsing_exception"},
    {ACTION(",\"headers\":{\"X\":{}}"), false, NULL, "parsing_exception"},
    {ACTION(",\"headers\":{\"X\":null}"), false, NULL, "parsing_exception"},
    {ACTION(",\"headers\":{\"X Y\":\"1\"}"), false, NULL, "illegal_argument_exception"},
    {ACTION(",\"headers\":{\"X:\":\"1\"}"), false, NULL, "illegal_argument_exception"},
    {ACTION(",\"headers\":{\"\":\"1\"}"), false, NULL, "illegal_argument_exception"},
    {ACTION(",\"headers\":{\"X\\r\\nY\":\"1\"}"), false, NULL, "illegal_argument_exception"},
    {ACTION(",\"headers\":{\"X\":\"a\\r\\nY: b\"}"), false, NULL, "illegal_argument_exception"},
    {ACTION(",\"headers\":{\"X\":\"a\\u0000\"}"), false, NULL, "illegal_argument_exception"},
    {ACTION(",\"headers\":{\"X\":\"a\\tb \xc3\xa9\"}"), false,
     STORED_ACTION(",\"headers\":{\"X\":\"a\\tb \xc3\xa9\"}"), NULL},
    {ACTION(",\"request_body\":{\"a\":1}"), false, NULL, "parsing_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":{\"a\":1}}", false, NULL, "parsing_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":[1]}", false, NULL, "parsing_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":[{\"method\":\"POST\",\"url\":\"u\"}]}", false, NULL,
     "illegal_argument_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":[{\"action_type\":\"guess\",\"method\":\"POST\","
     "\"url\":\"u\"}]}",
     false, NULL, "illegal_argument_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":[{\"action_type\":\"predict\",\"url\":\"u\"}]}", false,
     NULL, "illegal_argument_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":[{\"action_type\":\"predict\",\"method\":\"POST\"}]}",
     false, NULL, "illegal_argument_exception"},
    {"{" NAMED "," CREDENTIAL ",\"actions\":[{\"action_type\":\"batch_Predict\","
     "\"method\":\"patch\",\"url\":\"u\"}]}",
     false,
     "{" STORED ",\"actions\":[{\"action_type\":\"BATCH_PREDICT\",\"method\":\"patch\","
     "\"url\":\"u\"}]}",
     NULL},
    /* client_config in full. */
    {WITH("\"client_config\":{\"read_timeout\":5}"), false,
     "{" STORED "," ACTIONS ",\"client_config\":{\"max_connection\":30,"
     "\"connection_timeout\":30000,\"read_timeout\":5,\"retry_backoff_millis\":200,"
     "\"retry_timeout_seconds\":30,\"max_retry_times\":0,\"retry_backoff_policy\":\"constant\"}}",
     NULL},
    {WITH("\"client_config\":null"), false, "{" STORED "," ACTIONS "}", NULL},
    {WITH("\"client_config\":[]"), false, NULL, "parsing_exception"},
    {WITH("\"client_config\":{\"read_timeout\":\"soon\"}"), false, NULL, "number_format_exception"},
    /* Updates: nothing is required; null removes what is not required. */
    {"{}", true, "{}", NULL},
    {"{\"name\":\"m\"}", true, "{\"name\":\"m\"}", NULL},
    {"{\"name\":null}", true, NULL, "illegal_argument_exception"},
    {"{\"version\":null}", true, NULL, "illegal_argument_exception"},
    {"{\"description\":null}", true, "{}", NULL},
    {"{\"client_config\":null}", true, "{}", NULL},
    {"{\"parameters\":{\"a\":1,\"b\":null}}", true, "{\"parameters\":{\"a\":\"1\",\"b\":null}}",
     NULL},
    {"{\"credential\":{\"gone\":null}}", true, "{}", NULL},
    {"{\"credential\":{\"key\":{}}}", true, NULL, "parsing_exception"},
    {"{\"actions\":[]}", true, "{\"actions\":[]}", NULL},
};

static void reads_by_table(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAKE_CALL_AUTO c;
        struct ml_connector_draft draft;
        fake_call_begin(&c, &host, cases[i].body);
        assert_true(json_present(c.call.body));
        int32_t code = ml_connector_read(&c.call, c.call.body, cases[i].partial, &draft);
        if (cases[i].type) {
            if (!code) {
                fail_msg("%s was taken", cases[i].body);
            }
            assert_int_equal(base_error_status(&c.call.error), 400);
            assert_string_equal(base_error_type(&c.call.error), cases[i].type);
            continue;
        }
        if (code) {
            fail_msg("%s: %s", cases[i].body, c.call.error.message);
        }
        ml_document_edit(ML_CONNECTOR, JSON_NONE, draft.edits, draft.count, &c.call.out);
        base_buf_char(&c.call.out, '\0');
        assert_string_equal(c.call.out.ptr, cases[i].expected);
    }
    fake_host_deinit(&host);
}

/* What null removes from an update stands in the draft as such. */
static void notes_what_is_removed(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    FAKE_CALL_AUTO c;
    struct ml_connector_draft draft;
    fake_call_begin(&c, &host, "{\"description\":null,\"client_config\":null}");
    assert_int_equal(ml_connector_read(&c.call, c.call.body, true, &draft), BERTH_OK);
    assert_int_equal(draft.count, 2);
    assert_null(draft.edits[0].raw.ptr);
    assert_null(draft.edits[1].raw.ptr);
    fake_host_deinit(&host);
}

static void limits_actions(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (uint32_t count = 64; count <= 65; count++) {
        BASE_BUF_AUTO body;
        base_buf_init(&body, 1u << 16);
        base_buf_cstr(&body, "{\"actions\":[");
        for (uint32_t i = 0; i < count; i++) {
            base_buf_format(&body,
                            "%s{\"action_type\":\"predict\",\"method\":\"GET\",\"url\":\"u\"}",
                            i ? "," : "");
        }
        base_buf_cstr(&body, "]}");
        base_buf_char(&body, '\0');
        FAKE_CALL_AUTO c;
        struct ml_connector_draft draft;
        fake_call_begin(&c, &host, body.ptr);
        assert_int_equal(ml_connector_read(&c.call, c.call.body, true, &draft),
                         count > 64 ? BERTH_E_INVALID : BERTH_OK);
    }
    fake_host_deinit(&host);
}

static void finds_the_first_action_of_a_type(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc,
                           BERTH_STR("{\"actions\":[{\"action_type\":\"EXECUTE\",\"url\":\"a\"},"
                                     "{\"action_type\":\"PREDICT\",\"url\":\"b\"},"
                                     "{\"action_type\":\"PREDICT\",\"url\":\"c\"}]}"),
                           0, NULL));
    struct json_value connector = json_root(&doc);
    assert_true(
        json_string_is(json_get(ml_connector_action(connector, "PREDICT"), "url"), BERTH_STR("b")));
    assert_true(ml_connector_has_action(connector, "EXECUTE"));
    assert_false(ml_connector_has_action(connector, "BATCH_PREDICT"));
    assert_false(ml_connector_has_action(JSON_NONE, "PREDICT"));
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    FAULT_EACH_ALLOCATION({
        FAKE_CALL_AUTO c;
        struct ml_connector_draft draft;
        fake_call_begin(&c, &host,
                        ACTION(",\"headers\":{\"\\u0058\":\"\\u0031\"},\"request_body\":\"{}\"}],"
                               "\"parameters\":{\"a\":[1]},\"client_config\":{},\"x\":[{"));
        int32_t code = json_present(c.call.body)
                           ? ml_connector_read(&c.call, c.call.body, false, &draft)
                           : BERTH_E_NO_MEMORY;
        assert_true(code == BERTH_OK ? draft.count == 6 : code == BERTH_E_NO_MEMORY);
    });
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_by_table),
        cmocka_unit_test(notes_what_is_removed),
        cmocka_unit_test(limits_actions),
        cmocka_unit_test(finds_the_first_action_of_a_type),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.connector", tests, NULL, NULL);
}
