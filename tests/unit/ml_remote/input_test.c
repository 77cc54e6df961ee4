/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void knows_algorithms(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t code;
        enum ml_input_kind kind;
    } cases[] = {
        {"remote", BERTH_OK, ML_INPUT_PARAMETERS},
        {"REMOTE", BERTH_OK, ML_INPUT_PARAMETERS},
        {"text_embedding", BERTH_OK, ML_INPUT_DOCS},
        {"Sparse_Encoding", BERTH_OK, ML_INPUT_DOCS},
        {"sparse_tokenize", BERTH_OK, ML_INPUT_DOCS},
        {"text_similarity", BERTH_OK, ML_INPUT_SIMILARITY},
        {"question_answering", BERTH_OK, ML_INPUT_QUESTION},
        {"kmeans", BERTH_E_INVALID, ML_INPUT_PARAMETERS},
        {"", BERTH_E_INVALID, ML_INPUT_PARAMETERS},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        enum ml_input_kind kind = ML_INPUT_PARAMETERS;
        assert_int_equal(ml_input_kind_of(base_cstr(cases[i].name), &kind, NULL), cases[i].code);
        assert_int_equal(kind, cases[i].kind);
        assert_true(ml_input_name(kind)[0] == '[');
    }
}

#define P ML_INPUT_PARAMETERS
#define D ML_INPUT_DOCS
#define S ML_INPUT_SIMILARITY
#define Q ML_INPUT_QUESTION

static const struct body_case {
    enum ml_input_kind kind;
    const char *body;
    const char *missing; /* what the message names; NULL: taken */
} bodies[] = {
    {P, "{\"parameters\":{\"a\":1}}", NULL},
    {P, "{\"parameters\":{}}", NULL},
    {P, "{}", "[parameters]"},
    {P, "{\"parameters\":null}", "[parameters]"},
    {P, "{\"parameters\":[]}", "[parameters]"},
    {P, "{\"parameters\":\"x\"}", "[parameters]"},
    {D, "{\"text_docs\":[\"a\",null]}", NULL},
    {D, "{\"text_docs\":[\"a\"],\"parameters\":{\"k\":1}}", NULL},
    {D, "{\"text_docs\":[\"a\"],\"parameters\":null}", NULL},
    {D, "{\"text_docs\":[\"a\"],\"parameters\":1}", "[parameters]"},
    {D, "{\"text_docs\":[]}", "[text_docs]"},
    {D, "{\"text_docs\":\"a\"}", "[text_docs]"},
    {D, "{\"text_docs\":[1]}", "not [1]"},
    {D, "{\"text_docs\":[\"a\",{\"b\":1}]}", "not [{\"b\":1}]"},
    {D, "{}", "[text_docs]"},
    {S, "{\"query_text\":\"q\",\"text_docs\":[\"a\"]}", NULL},
    {S, "{\"text_docs\":[\"a\"]}", "[query_text]"},
    {S, "{\"query_text\":null,\"text_docs\":[\"a\"]}", "[query_text]"},
    {S, "{\"query_text\":\"q\"}", "[text_docs]"},
    {Q, "{\"question\":\"q\",\"context\":\"c\"}", NULL},
    {Q, "{\"question\":\"q\"}", "[context]"},
    {Q, "{\"context\":\"c\"}", "[question]"},
    {Q, "{\"question\":1,\"context\":\"c\"}", "[question]"},
};

static void reads_bodies(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        const struct body_case *c = &bodies[i];
        JSON_DOC_AUTO doc = {0};
        struct ml_input input = {.kind = c->kind};
        struct berth_error error = BASE_ERROR_INIT;
        assert_true(json_parse(&doc, base_cstr(c->body), 0, NULL));
        int32_t code = ml_input_read(json_root(&doc), c->kind, &input, &error);
        if (code != (c->missing ? BERTH_E_INVALID : BERTH_OK) ||
            (code && !strstr(error.message, c->missing))) {
            fail_msg("%s: %d %s", c->body, code, error.message);
        }
        if (!code) {
            assert_int_equal(json_present(input.docs), c->kind == D || c->kind == S);
            assert_int_equal(json_present(input.query), c->kind == S || c->kind == Q);
            assert_int_equal(json_present(input.context), c->kind == Q);
        }
    }
}

static void cuts_a_long_value_in_its_message(void **state) {
    (void)state;
    BASE_BUF_AUTO body;
    base_buf_init(&body, 4096);
    base_buf_cstr(&body, "{\"text_docs\":[[");
    for (int i = 0; i < 300; i++) {
        base_buf_cstr(&body, "1,");
    }
    base_buf_cstr(&body, "1]]}");
    JSON_DOC_AUTO doc = {0};
    struct ml_input input;
    struct berth_error error = BASE_ERROR_INIT;
    assert_true(json_parse(&doc, base_buf_view(&body), 0, NULL));
    assert_int_equal(ml_input_read(json_root(&doc), D, &input, &error), BERTH_E_INVALID);
    assert_true(strlen(error.message) < 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_algorithms),
        cmocka_unit_test(reads_bodies),
        cmocka_unit_test(cuts_a_long_value_in_its_message),
    };
    return cmocka_run_group_tests_name("ml_remote.input", tests, NULL, NULL);
}
