/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

#define POST "connector.post_process."
#define HEAD "{\"output\":[{\"name\":\"response\",\"dataAsMap\":"

static const struct output_case {
    const char *post;   /* NULL: none */
    const char *filter; /* NULL: none */
    const char *answer;
    uint32_t status;
    const char *element; /* NULL: refused */
} cases[] = {
    {NULL, NULL, "{\"a\":1.0}", 200, HEAD "{\"a\":1.0}}],\"status_code\":200}"},
    {NULL, NULL, " [1,2] ", 201, HEAD "{\"response\":[1,2]}}],\"status_code\":201}"},
    {NULL, NULL, "\"text\"", 200, HEAD "{\"response\":\"text\"}}],\"status_code\":200}"},
    {NULL, NULL, "null", 200, HEAD "{\"response\":null}}],\"status_code\":200}"},
    /* A filter. */
    {NULL, "$.a.b", "{\"a\":{\"b\":[1]}}", 200, HEAD "{\"response\":[1]}}],\"status_code\":200}"},
    {NULL, "$.a", "{\"a\":{\"b\":1}}", 200, HEAD "{\"response\":{\"b\":1}}}],\"status_code\":200}"},
    {NULL, "$.x", "{\"a\":1}", 200, HEAD "{\"a\":1}}],\"status_code\":200}"},
    {NULL, "$.a", "{\"a\":\"plain\"}", 200, HEAD "{\"response\":\"plain\"}}],\"status_code\":200}"},
    {NULL, "$.a", "{\"a\":\"{\\\"b\\\": 1}\"}", 200, HEAD "{\"b\": 1}}],\"status_code\":200}"},
    {NULL, "$.a", "{\"a\":\" [1]\"}", 200, HEAD "{\"response\":[1]}}],\"status_code\":200}"},
    {NULL, "$.a", "{\"a\":\"{broken\"}", 200,
     HEAD "{\"response\":\"{broken\"}}],\"status_code\":200}"},
    {NULL, "$..b", "{\"a\":[{\"b\":1},{\"b\":2}]}", 200,
     HEAD "{\"response\":[1,2]}}],\"status_code\":200}"},
    /* Tensors. */
    {POST "openai.embedding", NULL, "{\"data\":[{\"embedding\":[1,2.50]}]}", 200,
     "{\"output\":[{\"name\":\"sentence_embedding\",\"data_type\":\"FLOAT32\",\"shape\":[2],"
     "\"data\":[1,2.50]}],\"status_code\":200}"},
    {POST "openai.embedding", NULL, "{\"data\":[]}", 200, "{\"status_code\":200}"},
    {POST "openai.embedding", NULL, "{\"error\":\"x\"}", 200, NULL},
    {POST "default.embedding", "$.v.int8", "{\"v\":{\"int8\":[[1,2]]}}", 200,
     "{\"output\":[{\"name\":\"sentence_embedding\",\"data_type\":\"INT8\",\"shape\":[2],"
     "\"data\":[1,2]}],\"status_code\":200}"},
    {POST "default.embedding", "$.x", "{\"v\":1}", 200, NULL},
};

static int32_t put(const struct output_case *c, struct base_buf *out) {
    struct ml_output_rules rules = {0};
    struct ml_path path;
    struct json_doc doc = {0};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    int32_t code = c->post ? ml_post_find(base_cstr(c->post), &rules.post, NULL) : BERTH_OK;
    if (!code && c->filter) {
        rules.filter = &path;
        rules.filter_text = base_cstr(c->filter);
        code = ml_path_compile(rules.filter_text, &arena, &path, NULL);
    }
    if (!code) {
        code = ml_output_put(&rules, base_cstr(c->answer), c->status, &doc, out, NULL);
    }
    json_doc_deinit(&doc);
    return code;
}

static void makes_elements(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        const struct output_case *c = &cases[i];
        FAULT_EACH_ALLOCATION({
            BASE_BUF_AUTO out;
            base_buf_init(&out, 4096);
            int32_t code = put(c, &out);
            bool good = code == BERTH_E_NO_MEMORY || (code == BERTH_OK) == (c->element != NULL);
            if (!good || (!code && !base_str_is(base_buf_view(&out), c->element))) {
                fail_msg("case %zu, allocation %u: %d %.*s", i, fault_n, code, (int)out.len,
                         out.ptr ? out.ptr : "");
            }
        });
    }
}

/* More than a formatted text takes in one piece. */
static void passes_long_values_on_whole(void **state) {
    (void)state;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 1u << 20);
    base_buf_cstr(&answer, "{\"a\":\"");
    for (int i = 0; i < 10000; i++) {
        base_buf_cstr(&answer, "0123456789");
    }
    base_buf_cstr(&answer, "\"}");
    base_buf_char(&answer, '\0');
    static const char *const filters[] = {NULL, "$.a", "$.x"};
    for (size_t i = 0; i < BASE_COUNT(filters); i++) {
        BASE_BUF_AUTO out;
        base_buf_init(&out, 1u << 20);
        struct output_case c = {.filter = filters[i], .answer = answer.ptr, .status = 200};
        assert_int_equal(put(&c, &out), BERTH_OK);
        assert_true(out.len > 100000);
        assert_true(json_check(base_buf_view(&out), 0, NULL));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_elements),
        cmocka_unit_test(passes_long_values_on_whole),
    };
    return cmocka_run_group_tests_name("ml_remote.output", tests, NULL, NULL);
}
