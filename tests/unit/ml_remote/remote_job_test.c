/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/remote_job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "tests/support/fault.h"

static struct json_value read(struct json_doc *doc, const char *text) {
    assert_true(json_parse(doc, base_cstr(text), 0, NULL));
    return json_root(doc);
}

static void assert_text(const struct base_buf *buf, const char *expected) {
    assert_int_equal(buf->error, BERTH_OK);
    struct berth_str text = base_buf_view(buf);
    if (!base_str_is(text, expected)) {
        fail_msg("[" BASE_FMT "], expected [%s]", BASE_ARG(text), expected);
    }
}

/* ---- state ---- */

static const struct {
    const char *job;
    const char *state; /* NULL: none */
} states[] = {
    {"{\"status\":\"DONE\"}", "COMPLETED"},
    {"{\"status\":\"almost done\"}", "COMPLETED"},
    {"{\"status\":\"\\u0064one\"}", "COMPLETED"},
    {"{\"status\":\"broken and done\"}", "COMPLETED"}, /* the order of the states decides */
    {"{\"status\":\"broken\"}", "FAILED"},
    {"{\"status\":\"on its way\"}", NULL},
    {"{\"status\":\"\"}", NULL},
    {"{\"status\":null,\"Status\":\"done\"}", NULL}, /* the first that is there decides */
    {"{\"Status\":\"stopping\"}", "CANCELLING"},
    {"{\"Status\":{\"of\":\"done\"}}", "COMPLETED"},
    {"{\"other\":\"done\"}", NULL},
    {"{}", NULL},
};

static void tells_the_state_by_table(void **state) {
    (void)state;
    static const struct berth_str fields[] = {BERTH_STR_INIT("status"), BERTH_STR_INIT("Status")};
    static const char *const expressions[ML_JOB_STATES] = {"stopping", "stopped", "done", "late",
                                                           "broken"};
    struct ml_job_rules rules = {.fields = fields, .field_count = BASE_COUNT(fields)};
    void *scratch = ml_trust_scratch_create();
    for (size_t i = 0; i < ML_JOB_STATES; i++) {
        struct berth_str expression = base_cstr(expressions[i]);
        assert_int_equal(ml_trust_create_search(&expression, 1, &rules.expressions[i], NULL), 0);
    }
    for (size_t i = 0; i < BASE_COUNT(states); i++) {
        JSON_DOC_AUTO doc = {0};
        const char *told = ml_job_state_of(&rules, read(&doc, states[i].job), scratch);
        assert_string_equal(told ? told : "", states[i].state ? states[i].state : "");
    }
    for (size_t i = 0; i < ML_JOB_STATES; i++) {
        ml_trust_destroy(rules.expressions[i]);
    }
    ml_trust_scratch_destroy(scratch);
}

/* ---- merging ---- */

static const struct {
    const char *job;
    const char *answer;
    const char *merged;
} merges[] = {
    {"{}", "{}", "{}"},
    {"{\"a\":1,\"b\":{\"c\":1}}", "{\"b\":{\"d\":2.0},\"e\":[]}",
     "{\"a\":1,\"b\":{\"d\":2.0},\"e\":[]}"},
    {"{\"a\":1,\"b\":null}", "{\"a\":null}", "{\"a\":null,\"b\":null}"},
    {"{\"id\":1}", "{\"\\u0069d\":2}", "{\"id\":2}"},
};

static void merges_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(merges); i++) {
        JSON_DOC_AUTO job = {0};
        JSON_DOC_AUTO answer = {0};
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_job_merge(read(&job, merges[i].job), read(&answer, merges[i].answer), &out);
        assert_text(&out, merges[i].merged);
    }
}

/* ---- parameters ---- */

static const struct {
    const char *job;
    const char *parameters;
} questions[] = {
    {"{}", "{}"},
    {"{\"id\":\"j\",\"n\":1,\"o\":{},\"z\":null}", "{\"id\":\"j\"}"},
    {"{\"TransformJobArn\":\"arn:a/b/c-1\"}",
     "{\"TransformJobArn\":\"arn:a/b/c-1\",\"TransformJobName\":\"c-1\"}"},
    {"{\"TransformJobArn\":\"a/b\",\"TransformJobName\":\"n\"}",
     "{\"TransformJobArn\":\"a/b\",\"TransformJobName\":\"n\"}"},
    {"{\"TransformJobArn\":\"whole\"}",
     "{\"TransformJobArn\":\"whole\",\"TransformJobName\":\"whole\"}"},
    {"{\"jobArn\":\"arn:a\\/b/\\\"c\\\"\"}",
     "{\"jobArn\":\"arn:a\\/b/\\\"c\\\"\",\"processedJobArn\":\"arn:a%2Fb%2F\\\"c\\\"\"}"},
    {"{\"jobArn\":\"a/b\",\"processedJobArn\":\"p\"}",
     "{\"jobArn\":\"a/b\",\"processedJobArn\":\"p\"}"},
    {"{\"jobArn\":7}", "{}"},
};

static void makes_parameters_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(questions); i++) {
        JSON_DOC_AUTO job = {0};
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_job_parameters(read(&job, questions[i].job), &out);
        assert_text(&out, questions[i].parameters);
    }
}

/* ---- actions ---- */

#define BATCH(url)                                                                                 \
    "{\"action_type\":\"BATCH_PREDICT\",\"method\":\"POST\",\"url\":\"" url "\","                  \
    "\"headers\":{\"A\":\"${credential.k}\"},\"request_body\":\"{}\"}"
#define HEADERS ",\"headers\":{\"A\":\"${credential.k}\"}"
#define STATUS(method, url)                                                                        \
    "{\"action_type\":\"BATCH_PREDICT_STATUS\",\"method\":\"" method "\",\"url\":\"" url           \
    "\"" HEADERS
#define CANCEL(url)                                                                                \
    "{\"action_type\":\"CANCEL_BATCH_PREDICT\",\"method\":\"POST\",\"url\":\"" url "\"" HEADERS
#define BY_NAME                                                                                    \
    ",\"request_body\":\"{\\\"TransformJobName\\\": \\\"${parameters.TransformJobName}\\\"}\"}"

static const struct {
    const char *batch;
    const char *status; /* NULL: the service is not known */
    const char *cancel;
} actions[] = {
    {BATCH("https://api.openai.com/v1/batches"),
     STATUS("GET", "https://api.openai.com/v1/batches/${parameters.id}") "}",
     CANCEL("https://api.openai.com/v1/batches/${parameters.id}/cancel") "}"},
    {BATCH("https://api.cohere.com/v1/embed-jobs"),
     STATUS("GET", "https://api.cohere.com/v1/embed-jobs/${parameters.id}") "}",
     CANCEL("https://api.cohere.com/v1/embed-jobs/${parameters.id}/cancel") "}"},
    {BATCH("https://bedrock.${parameters.region}.amazonaws.com/model-invocation-job"),
     STATUS("GET", "https://bedrock.${parameters.region}.amazonaws.com/model-invocation-job/"
                   "${parameters.processedJobArn}") "}",
     CANCEL("https://bedrock.${parameters.region}.amazonaws.com/model-invocation-job/"
            "${parameters.processedJobArn}/stop") "}"},
    {BATCH("https://api.sagemaker.us-east-1.amazonaws.com/CreateTransformJob?a"),
     STATUS("POST", "https://api.sagemaker.us-east-1.amazonaws.com/DescribeTransformJob?a") BY_NAME,
     CANCEL("https://api.sagemaker.us-east-1.amazonaws.com/StopTransformJob?a") BY_NAME},
    {BATCH("https://api.sagemaker.us-east-1.amazonaws.com/Other"),
     STATUS("POST", "https://api.sagemaker.us-east-1.amazonaws.com/Other") BY_NAME,
     CANCEL("https://api.sagemaker.us-east-1.amazonaws.com/Other") BY_NAME},
    {BATCH("https://example.org/batches"), NULL, NULL},
    {BATCH(""), NULL, NULL},
};

static void assert_action(struct json_value batch, bool cancels, const char *expected) {
    BASE_BUF_AUTO out;
    base_buf_init(&out, 4096);
    assert_int_equal(ml_job_action(batch, cancels, &out), expected != NULL);
    assert_text(&out, expected ? expected : "");
}

static void derives_actions_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(actions); i++) {
        JSON_DOC_AUTO doc = {0};
        struct json_value batch = read(&doc, actions[i].batch);
        assert_action(batch, false, actions[i].status);
        assert_action(batch, true, actions[i].cancel);
    }
}

/* What is made is whole, or its buffer says that it is not. */
static void survives_each_failed_allocation(void **state) {
    (void)state;
    JSON_DOC_AUTO job = {0};
    JSON_DOC_AUTO answer = {0};
    struct json_value of_job = read(&job, "{\"jobArn\":\"a\\/b\",\"s\":1}");
    struct json_value of_answer = read(&answer, "{\"\\u0073\":2}");
    FAULT_EACH_ALLOCATION({
        BASE_BUF_AUTO merged;
        BASE_BUF_AUTO parameters;
        base_buf_init(&merged, 4096);
        base_buf_init(&parameters, 4096);
        ml_job_merge(of_job, of_answer, &merged);
        ml_job_parameters(of_job, &parameters);
        assert_true(merged.error ||
                    base_str_is(base_buf_view(&merged), "{\"jobArn\":\"a\\/b\",\"s\":2}"));
        assert_true(parameters.error ||
                    base_str_is(base_buf_view(&parameters),
                                "{\"jobArn\":\"a\\/b\",\"processedJobArn\":\"a%2Fb\"}"));
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_state_by_table),
        cmocka_unit_test(merges_by_table),
        cmocka_unit_test(makes_parameters_by_table),
        cmocka_unit_test(derives_actions_by_table),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.remote_job", tests, NULL, NULL);
}
