/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin/ml_remote/template: taking apart and filling.
 *
 * Input: a template, a line "---", the connector's parameters (JSON), a line "---", the parameters
 * of the prediction (JSON). Held: nothing but JSON comes out of a template that is JSON and whose
 * placeholders stand between quotes, with as many values as the template has, whatever is put in;
 * a value in the path of a URL stays there.
 */
#include "plugin/ml_remote/template.h"

#include "plugin/ml_remote/template_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_oracle.h"

#define FILLED_MAX ((size_t)1 << 20)

struct round {
    struct base_arena arena;
    struct ml_parameters own;
    struct json_doc own_doc;
    struct json_doc given_doc;
    struct ml_values values;
    struct base_buf out;
    struct base_buf missing;
    struct base_buf scratch;
};

typedef void (*fill_fn)(const struct ml_filling *filling, const struct ml_template *template);

static struct berth_str filled(struct round *r, fill_fn fill, const struct ml_template *template) {
    base_buf_clear(&r->out);
    base_buf_clear(&r->missing);
    base_buf_clear(&r->scratch);
    struct ml_filling filling = {
        .values = &r->values, .out = &r->out, .missing = &r->missing, .scratch = &r->scratch};
    fill(&filling, template);
    FUZZ_CHECK(r->scratch.len == 0);
    FUZZ_CHECK(!r->out.error || r->out.error == BERTH_E_TOO_LARGE);
    return base_buf_view(&r->out);
}

static bool read_object(struct json_doc *doc, struct berth_str text) {
    return json_parse(doc, text, JSON_UNIQUE_KEYS, NULL) && json_is(json_root(doc), JSON_OBJECT);
}

/* Each placeholder is between quotes, and no quote is within one. */
static bool is_quoted(const struct ml_template *template) {
    for (uint32_t i = 0; i < template->count; i++) {
        const struct ml_segment *s = &template->segments[i];
        if (s->kind != ML_LITERAL && (!s->in_string || base_str_find(s->text, '"') < s->text.len)) {
            return false;
        }
    }
    return true;
}

static void check_json(struct round *r, struct berth_str text, const struct ml_template *template) {
    struct berth_str out = filled(r, ml_fill_json, template);
    size_t before = 0;
    size_t after = 0;
    if (r->out.error || !oracle_is_json(text, 0, &before) || !is_quoted(template)) {
        return;
    }
    FUZZ_CHECK(oracle_is_json(out, 0, &after));
    FUZZ_CHECK(before == after);
}

/* Whether the values of the prediction matter is told as the results show it. */
static void check_depends(struct round *r, const struct ml_template *template) {
    BASE_BUF_AUTO with;
    base_buf_init(&with, FILLED_MAX);
    bool depends = ml_template_depends_on(template, &r->values);
    base_buf_str(&with, filled(r, ml_fill_text, template));
    bool failed = r->out.error;
    struct json_value given = r->values.given;
    r->values.given = JSON_NONE;
    struct berth_str without = filled(r, ml_fill_text, template);
    FUZZ_CHECK(depends || failed || r->out.error || base_str_eq(base_buf_view(&with), without));
    r->values.given = given;
}

static void check_url(struct round *r) {
    static const char start[] = "https://remote.example:8443/v1/";
    struct ml_template template;
    struct berth_error error = BASE_ERROR_INIT;
    FUZZ_CHECK(ml_template_compile(
                   BERTH_STR("https://remote.example:8443/v1/${parameters.a}?b=${parameters.b}"),
                   &r->arena, &template, &error) == BERTH_OK);
    const struct ml_parameters *own = r->values.own;
    r->values.own = NULL; /* their texts are the connector's author's, as the URL is */
    struct berth_str out = filled(r, ml_fill_url, &template);
    r->values.own = own;
    if (r->out.error || r->missing.len) {
        return;
    }
    FUZZ_CHECK(base_str_starts(out, base_cstr(start)));
    for (uint64_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.ptr[i];
        FUZZ_CHECK(c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c));
    }
}

static void run(struct round *r, struct berth_str text) {
    struct ml_template template;
    struct berth_error error = BASE_ERROR_INIT;
    check_url(r);
    if (ml_template_compile(text, &r->arena, &template, &error)) {
        FUZZ_CHECK(error.code == BERTH_E_INVALID && error.message[0]);
        return;
    }
    check_json(r, text, &template);
    check_depends(r, &template);
    (void)filled(r, ml_fill_url, &template);
}

static void init(struct round *r) {
    *r = (struct round){0};
    base_arena_init(&r->arena, 4096);
    base_buf_init(&r->out, FILLED_MAX);
    base_buf_init(&r->missing, FILLED_MAX);
    base_buf_init(&r->scratch, FILLED_MAX);
}

static void deinit(struct round *r) {
    json_doc_deinit(&r->own_doc);
    json_doc_deinit(&r->given_doc);
    base_buf_deinit(&r->out);
    base_buf_deinit(&r->missing);
    base_buf_deinit(&r->scratch);
    base_arena_deinit(&r->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str rest = fuzz_text(data, size);
    struct berth_str text = fuzz_part(&rest);
    struct berth_str own = fuzz_part(&rest);
    struct round r;
    struct berth_error error = BASE_ERROR_INIT;
    init(&r);
    if (read_object(&r.given_doc, rest)) {
        r.values.given = json_root(&r.given_doc);
    }
    bool compiled = read_object(&r.own_doc, own) &&
                    ml_parameters_compile(json_root(&r.own_doc), &r.arena, &r.own, &error) == 0;
    r.values.own = compiled ? &r.own : NULL;
    run(&r, text);
    deinit(&r);
    return 0;
}
