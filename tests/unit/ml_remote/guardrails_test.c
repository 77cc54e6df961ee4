/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/guardrails.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

static void load(const char *text, struct json_doc *doc, struct base_arena *arena,
                 struct ml_guardrails *out) {
    base_arena_init(arena, 1024);
    assert_true(json_parse(doc, base_cstr(text), 0, NULL));
    assert_int_equal(ml_guardrails_load(json_root(doc), arena, out, NULL), BERTH_OK);
}

static void forbids_by_expressions(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool input;  /* is allowed */
        bool output; /* likewise */
    } cases[] = {
        {"hello", true, true},    {"secret", false, true},    {"a secret here", true, true},
        {"key 123", false, true}, {"forbidden", true, false}, {"", true, true},
    };
    struct ml_guardrails g = {0};
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    load("{\"type\":\"local_regex\",\"input_guardrail\":{\"regex\":[\"secret\",\"key [0-9]+\"]},"
         "\"output_guardrail\":{\"regex\":[\"forb.*\"]}}",
         &doc, &arena, &g);
    void *scratch = ml_trust_scratch_create();
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        struct berth_str text = base_cstr(cases[i].text);
        int32_t code = ml_guardrail_check(&g.input, text, "input", scratch, &error);
        assert_int_equal(code, cases[i].input ? BERTH_OK : BERTH_E_INVALID);
        assert_true(!code || strstr(error.message, "forbids this input"));
        code = ml_guardrail_check(&g.output, text, "output", scratch, &error);
        assert_int_equal(code, cases[i].output ? BERTH_OK : BERTH_E_INVALID);
    }
    ml_trust_scratch_destroy(scratch);
    ml_guardrails_unload(&g);
}

static void asks_a_model(void **state) {
    (void)state;
    struct ml_guardrails g = {0};
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    load("{\"type\":\"MODEL\",\"input_guardrail\":{\"model_id\":\"m\\u0031\",\"response_filter\":"
         "\"$.a\",\"response_validation_regex\":\"^\\\"?accept\\\"?$\",\"regex\":[\"unused\"]}}",
         &doc, &arena, &g);
    assert_true(base_str_is(g.input.model_id, "m1"));
    assert_true(base_str_is(g.input.response_filter, "$.a"));
    assert_null(g.input.forbidden);
    assert_null(g.output.model_id.ptr);
    static const struct {
        const char *answer;
        bool allowed;
    } cases[] = {{"accept", true}, {"\"accept\"", true}, {"reject", false}, {"accepted", false}};
    void *scratch = ml_trust_scratch_create();
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAULT_EACH_ALLOCATION({
            struct berth_error error = BASE_ERROR_INIT;
            int32_t code = ml_guardrail_check_answer(&g.input, base_cstr(cases[i].answer), "input",
                                                     scratch, &error);
            assert_true(code == BERTH_E_NO_MEMORY ||
                        code == (cases[i].allowed ? BERTH_OK : BERTH_E_INVALID));
        });
    }
    /* Without an expression any answer does. */
    assert_int_equal(ml_guardrail_check_answer(&g.output, BERTH_STR("x"), "output", scratch, NULL),
                     BERTH_OK);
    ml_trust_scratch_destroy(scratch);
    ml_guardrails_unload(&g);
}

static const struct object_case {
    const char *object;
    const char *reason; /* of the refusal; NULL: taken */
} objects[] = {
    {"{}", NULL},
    {"{ \"input_guardrail\" : { \"regex\" : [ \"a\" ] } }", NULL},
    {"{\"type\":\"LOCAL_REGEX\",\"output_guardrail\":null}", NULL},
    {"{\"type\":\"model\",\"input_guardrail\":{\"model_id\":\"m\"}}", NULL},
    {"{\"input_guardrail\":{\"stop_words\":[],\"regex\":[]}}", NULL},
    {"{\"type\":\"other\"}", "[guardrails.type]"},
    {"{\"type\":[]}", "type"},
    {"{\"input_guardrail\":[]}", "is an object"},
    {"{\"output_guardrail\":{\"regex\":\"a\"}}", "[guardrails.output_guardrail.regex]"},
    {"{\"input_guardrail\":{\"regex\":[1]}}", "holds texts"},
    {"{\"input_guardrail\":{\"regex\":[\"(\"]}}", "("},
    {"{\"input_guardrail\":{\"stop_words\":[{\"index_name\":\"i\"}]}}", "stop_words"},
    {"{\"type\":\"model\",\"input_guardrail\":{}}", "[model_id]"},
    {"{\"type\":\"model\",\"output_guardrail\":{\"model_id\":\"m\","
     "\"response_validation_regex\":\"(\"}}",
     "("},
};

static void normalises_objects(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(objects); i++) {
        struct ml_call call = {.error = BASE_ERROR_INIT};
        BASE_BUF_AUTO out;
        JSON_DOC_AUTO doc = {0};
        base_buf_init(&out, 4096);
        base_arena_init(&call.arena, 1024);
        assert_true(json_parse(&doc, base_cstr(objects[i].object), 0, NULL));
        int32_t code = ml_guardrails_normalise(&call, json_root(&doc), &out);
        base_arena_deinit(&call.arena);
        if ((code == BERTH_OK) != (objects[i].reason == NULL) ||
            (code && !strstr(call.error.message, objects[i].reason))) {
            fail_msg("%s: %d %s", objects[i].object, code, call.error.message);
        }
        assert_true(code ? out.len == 0 : json_check(base_buf_view(&out), 0, NULL));
    }
}

static void takes_so_many_expressions(void **state) {
    (void)state;
    for (int count = 64; count <= 65; count++) {
        BASE_BUF_AUTO text;
        base_buf_init(&text, 4096);
        base_buf_cstr(&text, "{\"input_guardrail\":{\"regex\":[");
        for (int i = 0; i < count; i++) {
            base_buf_format(&text, "%s\"a%d\"", i ? "," : "", i);
        }
        base_buf_cstr(&text, "]}}");
        JSON_DOC_AUTO doc = {0};
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 1024);
        struct ml_guardrails g = {0};
        assert_true(json_parse(&doc, base_buf_view(&text), 0, NULL));
        assert_int_equal(ml_guardrails_load(json_root(&doc), &arena, &g, NULL),
                         count == 64 ? BERTH_OK : BERTH_E_INVALID);
        ml_guardrails_unload(&g);
    }
}

/* A guardrail that cannot be made whole is not made at all: it must not let through. */
static void is_whole_or_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"input_guardrail\":{\"regex\":[\"\\u0061\",\"b\"]},\"output_guardrail\":{\"regex\":"
        "[\"c\"]}}",
        "{\"type\":\"model\",\"input_guardrail\":{\"model_id\":\"m\\u0031\",\"response_filter\":"
        "\"$.\\u0061\",\"response_validation_regex\":\"\\u0061\"}}",
    };
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        JSON_DOC_AUTO doc = {0};
        assert_true(json_parse(&doc, base_cstr(texts[i]), 0, NULL));
        FAULT_EACH_ALLOCATION({
            BASE_ARENA_AUTO arena;
            base_arena_init(&arena, 8);
            struct ml_guardrails g = {0};
            int32_t code = ml_guardrails_load(json_root(&doc), &arena, &g, NULL);
            bool whole =
                i == 0 ? g.input.forbidden && g.output.forbidden
                       : g.input.model_id.ptr && g.input.response_filter.ptr && g.input.allowed;
            ml_guardrails_unload(&g);
            if (code ? code != BERTH_E_NO_MEMORY : !whole) {
                fail_msg("%s, allocation %u: %d", texts[i], fault_n, code);
            }
        });
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbids_by_expressions), cmocka_unit_test(asks_a_model),
        cmocka_unit_test(normalises_objects),     cmocka_unit_test(takes_so_many_expressions),
        cmocka_unit_test(is_whole_or_refused),
    };
    return cmocka_run_group_tests_name("ml_remote.guardrails", tests, NULL, NULL);
}
