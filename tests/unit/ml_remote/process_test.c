/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

#define PRE "connector.pre_process."
#define POST "connector.post_process."
#define DOCS "{\"text_docs\":[\"a\",\"b\\n\",null]}"
#define RANKED "{\"query_text\":\"q\",\"text_docs\":[\"a\",\"b\"]}"

static const struct pre_case {
    const char *name;
    const char *body;
    size_t first;
    size_t count;
    const char *made;
} pre_cases[] = {
    {PRE "default.embedding", DOCS, 0, 3, "{\"input\":[\"a\",\"b\\n\",null]}"},
    {PRE "openai.embedding", DOCS, 1, 2, "{\"input\":[\"b\\n\",null]}"},
    {PRE "cohere.embedding", DOCS, 2, 1, "{\"texts\":[null]}"},
    {PRE "bedrock.embedding", DOCS, 1, 1, "{\"inputText\":\"b\\n\"}"},
    {PRE "bedrock.multimodal_embedding", DOCS, 0, 3,
     "{\"inputText\":\"a\",\"inputImage\":\"b\\n\"}"},
    {PRE "bedrock.multimodal_embedding", DOCS, 0, 1, "{\"inputText\":\"a\"}"},
    {PRE "bedrock.nova.embedding",
     "{\"text_docs\":[\"{\\\"image\\\":{\\\"format\\\":\\\"png\\\"},\\\"text\\\":\\\"t\\\"}\"]}", 0,
     1, "{\"inputText\":\"t\",\"inputImage\":{\"format\":\"png\"}}"},
    {PRE "bedrock.nova.embedding", DOCS, 0, 1, "{\"inputText\":\"a\"}"},
    {PRE "cohere.rerank", RANKED, 0, 2,
     "{\"query\":\"q\",\"documents\":[\"a\",\"b\"],\"top_n\":2}"},
    {PRE "bedrock.rerank", RANKED, 1, 1,
     "{\"queries\":[{\"textQuery\":{\"text\":\"q\"},\"type\":\"TEXT\"}],\"sources\":"
     "[{\"inlineDocumentSource\":{\"textDocument\":{\"text\":\"b\"},\"type\":\"TEXT\"},"
     "\"type\":\"INLINE\"}],\"numberOfResults\":1}"},
    /* What the client sent wins. */
    {PRE "default.embedding", "{\"text_docs\":[\"a\"],\"parameters\":{\"k\":1,\"input\":7}}", 0, 1,
     "{\"k\":1,\"input\":7}"},
    {PRE "cohere.rerank",
     "{\"query_text\":\"q\",\"text_docs\":[\"a\"],\"parameters\":{\"top_n\":9}}", 0, 1,
     "{\"top_n\":9,\"query\":\"q\",\"documents\":[\"a\"]}"},
};

static void makes_parameters(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(pre_cases); i++) {
        const struct pre_case *c = &pre_cases[i];
        const struct ml_pre_function *function = NULL;
        struct ml_input input;
        JSON_DOC_AUTO doc = {0};
        bool ranked = strstr(c->body, "query_text") != NULL;
        assert_int_equal(ml_pre_find(base_cstr(c->name), &function, NULL), BERTH_OK);
        assert_int_equal(ml_pre_is_single(function), strcmp(c->name, PRE "bedrock.embedding") == 0);
        assert_true(json_parse(&doc, base_cstr(c->body), 0, NULL));
        assert_int_equal(ml_input_read(json_root(&doc),
                                       ranked ? ML_INPUT_SIMILARITY : ML_INPUT_DOCS, &input, NULL),
                         BERTH_OK);
        assert_int_equal(ml_pre_check(function, &input, NULL), BERTH_OK);
        input.kind = ML_INPUT_QUESTION;
        assert_int_equal(ml_pre_check(function, &input, NULL), BERTH_E_INVALID);
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_pre_make(function, &input, c->first, c->count, &out);
        if (!base_str_is(base_buf_view(&out), c->made)) {
            fail_msg("case %zu: %.*s", i, (int)out.len, out.ptr);
        }
    }
}

#define VECTOR(type, count, data)                                                                  \
    "{\"name\":\"sentence_embedding\",\"data_type\":\"" type "\",\"shape\":[" count "],"           \
    "\"data\":" data "}"
#define RANK(score)                                                                                \
    "{\"name\":\"similarity\",\"data_type\":\"FLOAT32\",\"shape\":[1],\"data\":[" score "]}"

static const struct post_case {
    const char *name;
    const char *answer;
    const char *made;   /* NULL: it does not fit */
    const char *reason; /* of that */
} post_cases[] = {
    {POST "default.embedding", "[[1,2],[3e0]]",
     VECTOR("FLOAT32", "2", "[1,2]") "," VECTOR("FLOAT32", "1", "[3e0]"), NULL},
    {POST "openai.embedding", "{\"data\":[{\"embedding\":[0.10]}]}",
     VECTOR("FLOAT32", "1", "[0.10]"), NULL},
    {POST "cohere_v2.embedding.int8", "{\"embeddings\":{\"int8\":[[1]]}}",
     VECTOR("INT8", "1", "[1]"), NULL},
    {POST "bedrock.embedding", "{\"embedding\":[1,2,3]}", VECTOR("FLOAT32", "3", "[1,2,3]"), NULL},
    {POST "bedrock_v2.embedding.binary", "{\"embeddingsByType\":{\"binary\":[1]}}",
     VECTOR("BINARY", "1", "[1]"), NULL},
    {POST "openai.embedding", "{}", NULL, "[data]"},
    {POST "openai.embedding", "{\"data\":{}}", NULL, "no list of vectors"},
    {POST "openai.embedding", "{\"data\":[{\"x\":1}]}", NULL, "no array of numbers"},
    {POST "openai.embedding", "{\"data\":[{\"embedding\":[1,\"2\"]}]}", NULL, "at 1"},
    {POST "openai.embedding", "{\"data\":[{\"embedding\":[]}]}", NULL, "empty"},
    {POST "cohere.rerank",
     "{\"results\":[{\"index\":1,\"relevance_score\":0.9},{\"index\":0,\"relevance_score\":0.10}]}",
     RANK("0.10") "," RANK("0.9"), NULL},
    {POST "bedrock.rerank", "{\"results\":[{\"index\":0,\"relevanceScore\":1}]}", RANK("1"), NULL},
    {POST "default.rerank", "[]", "", NULL},
    {POST "default.rerank", "[{\"index\":1,\"relevance_score\":1}]", NULL, "there are 1 ranks"},
    {POST "default.rerank", "[{\"index\":-1,\"relevance_score\":1}]", NULL, "document -1"},
    {POST "default.rerank",
     "[{\"index\":0,\"relevance_score\":1},{\"index\":0,\"relevance_score\":1}]", NULL, "twice"},
    {POST "default.rerank", "[{\"index\":0}]", NULL, "[relevance_score]"},
    {POST "default.rerank", "{}", NULL, "no list of ranks"},
    {POST "bedrock.batch_job_arn", "{\"jobArn\":\"arn:x/y\\/z\",\"k\":1}",
     "{\"name\":\"response\",\"dataAsMap\":{\"jobArn\":\"arn:x/y\\/z\",\"k\":1,"
     "\"processedJobArn\":\"arn:x%2Fy%2Fz\"}}",
     NULL},
    {POST "bedrock.batch_job_arn", "{\"jobArn\":\"a\\\\/\\\"b\"}",
     "{\"name\":\"response\",\"dataAsMap\":{\"jobArn\":\"a\\\\/\\\"b\","
     "\"processedJobArn\":\"a\\\\%2F\\\"b\"}}",
     NULL},
    {POST "bedrock.batch_job_arn", "{\"jobArn\":1}", NULL, "[jobArn]"},
    {POST "mlcommons.passthrough",
     "{\"inference_results\":[{\"output\":[{\"a\":1},{\"b\":2}]},{},{\"output\":[3]}]}",
     "{\"a\":1},{\"b\":2},3", NULL},
    {POST "mlcommons.passthrough", "{\"a\":1}", NULL, "[inference_results]"},
};

static void makes_tensors(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(post_cases); i++) {
        const struct post_case *c = &post_cases[i];
        const struct ml_post_function *function = NULL;
        JSON_DOC_AUTO doc = {0};
        assert_int_equal(ml_post_find(base_cstr(c->name), &function, NULL), BERTH_OK);
        assert_true(json_parse(&doc, base_cstr(c->answer), 0, NULL));
        FAULT_EACH_ALLOCATION({
            BASE_BUF_AUTO out;
            base_buf_init(&out, 4096);
            struct berth_error error = BASE_ERROR_INIT;
            int32_t code =
                ml_post_make(function, json_root(&doc), JSON_NONE, base_str("", 0), &out, &error);
            bool lacked = code == BERTH_E_NO_MEMORY || out.error == BERTH_E_NO_MEMORY;
            bool good = c->made ? code == BERTH_OK && base_str_is(base_buf_view(&out), c->made)
                                : code && base_error_status(&error) == 502 &&
                                      strstr(error.message, c->reason);
            if (!lacked && !good) {
                fail_msg("case %zu, allocation %u: %d %s %.*s", i, fault_n, code, error.message,
                         (int)out.len, out.ptr ? out.ptr : "");
            }
        });
    }
}

static void takes_the_type_that_the_filter_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"$.embeddings", "FLOAT32"}, {"$.a.int8", "INT8"},       {"$.a.uint8[0]", "UINT8"},
        {"$.a.Binary", "BINARY"},    {"$.a.ubinary", "UBINARY"}, {"$.int8_things", "INT8"},
        {"$.xint8", "FLOAT32"},      {".", "FLOAT32"},
    };
    const struct ml_post_function *function = NULL;
    assert_int_equal(ml_post_find(BERTH_STR(POST "default.embedding"), &function, NULL), BERTH_OK);
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, BERTH_STR("[[1]]"), 0, NULL));
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO out;
        BASE_BUF_AUTO wanted;
        base_buf_init(&out, 4096);
        base_buf_init(&wanted, 4096);
        base_buf_format(&wanted, "\"data_type\":\"%s\"", cases[i][1]);
        assert_int_equal(
            ml_post_make(function, JSON_NONE, json_root(&doc), base_cstr(cases[i][0]), &out, NULL),
            BERTH_OK);
        assert_true(base_str_contains(base_buf_view(&out), base_buf_view(&wanted)));
    }
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO out;
    base_buf_init(&out, 4096);
    assert_int_not_equal(
        ml_post_make(function, json_root(&doc), JSON_NONE, BERTH_STR("$.x"), &out, &error),
        BERTH_OK);
    assert_non_null(strstr(error.message, "what the response_filter finds: there is nothing"));
}

static void find_by_name(void *user, const char *name, bool is_post) {
    const struct ml_pre_function *pre = NULL;
    const struct ml_post_function *post = NULL;
    assert_int_equal(ml_pre_find(base_cstr(name), &pre, NULL),
                     is_post ? BERTH_E_INVALID : BERTH_OK);
    assert_int_equal(ml_post_find(base_cstr(name), &post, NULL),
                     is_post ? BERTH_OK : BERTH_E_INVALID);
    (*(int *)user)++;
}

static void finds_functions_by_name(void **state) {
    (void)state;
    int count = 0;
    ml_process_each(find_by_name, &count);
    assert_true(count > 20);
    const struct ml_pre_function *pre = NULL;
    const struct ml_post_function *post = NULL;
    assert_int_equal(ml_pre_find(BERTH_STR(PRE "default.embedding"), &pre, NULL), BERTH_OK);
    assert_ptr_equal(pre, ml_pre_default());
    struct berth_error error = BASE_ERROR_INIT;
    FAULT_EACH_ALLOCATION({
        int32_t code = ml_pre_find(BERTH_STR("return 1;"), &pre, &error);
        assert_true(code == BERTH_E_INVALID || code == BERTH_E_NO_MEMORY);
    });
    assert_non_null(strstr(error.message, "[return 1;]"));
    assert_int_equal(ml_post_find(BERTH_STR(""), &post, &error), BERTH_E_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_parameters),
        cmocka_unit_test(makes_tensors),
        cmocka_unit_test(takes_the_type_that_the_filter_names),
        cmocka_unit_test(finds_functions_by_name),
    };
    return cmocka_run_group_tests_name("ml_remote.process", tests, NULL, NULL);
}
