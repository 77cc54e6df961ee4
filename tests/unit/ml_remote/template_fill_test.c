/* SPDX-License-Identifier: Apache-2.0 */
/* What templates become: in a JSON body, in a text such as a header, in a URL. */
#include "plugin/ml_remote/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

typedef void (*fill_fn)(const struct ml_filling *filling, const struct ml_template *template);

/* All that a filling needs and gives. */
struct filled {
    struct base_arena arena;
    struct json_doc own_doc;
    struct json_doc given_doc;
    struct ml_parameters own;
    struct ml_template template;
    struct ml_values values;
    struct base_buf out;
    struct base_buf missing;
    struct base_buf scratch;
};

static int32_t fill(struct filled *f, fill_fn fn, const char *template, const char *own,
                    const char *given) {
    *f = (struct filled){0};
    base_arena_init(&f->arena, 512);
    base_buf_init(&f->out, 1u << 16);
    base_buf_init(&f->missing, 1u << 16);
    base_buf_init(&f->scratch, 1u << 16);
    if (!json_parse(&f->own_doc, base_cstr(own), 0, NULL) ||
        !json_parse(&f->given_doc, base_cstr(given), 0, NULL)) {
        return BERTH_E_NO_MEMORY;
    }
    int32_t code = ml_parameters_compile(json_root(&f->own_doc), &f->arena, &f->own, NULL);
    code = code ? code : ml_template_compile(base_cstr(template), &f->arena, &f->template, NULL);
    if (!code) {
        f->values = (struct ml_values){.given = json_root(&f->given_doc), .own = &f->own};
        struct ml_filling filling = {
            .values = &f->values, .out = &f->out, .missing = &f->missing, .scratch = &f->scratch};
        fn(&filling, &f->template);
        base_buf_char(&f->out, '\0');
        base_buf_char(&f->missing, '\0');
        code = f->out.error ? f->out.error : f->missing.error;
    }
    return code;
}

static void end(struct filled *f) {
    base_buf_deinit(&f->out);
    base_buf_deinit(&f->missing);
    base_buf_deinit(&f->scratch);
    json_doc_deinit(&f->own_doc);
    json_doc_deinit(&f->given_doc);
    base_arena_deinit(&f->arena);
}

struct fill_case {
    const char *template;
    const char *own;
    const char *given;
    const char *expected;
    const char *missing;
};

static void check_table(fill_fn fn, const struct fill_case *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct filled f;
        assert_int_equal(fill(&f, fn, list[i].template, list[i].own, list[i].given), BERTH_OK);
        if (strcmp(f.out.ptr, list[i].expected) != 0) {
            fail_msg("%s with %s became %s instead of %s", list[i].template, list[i].given,
                     f.out.ptr, list[i].expected);
        }
        assert_string_equal(f.missing.ptr, list[i].missing ? list[i].missing : "");
        assert_int_equal(f.scratch.len, 0);
        end(&f);
    }
}

#define QUOTED "{\"v\":\"${parameters.v}\"}"
#define UNQUOTED "{\"v\":${parameters.v}}"
#define DEFAULTS                                                                                   \
    "{\"model\":\"${parameters.model:-small}\",\"n\":${parameters.n:-3},"                          \
    "\"opt\":\"${parameters.opt:-null}\",\"list\":${parameters.list:-[1,2]}}"
#define OVERRIDE "{\"a\":\"${parameters.a}\",\"b\":${parameters.b},\"c\":\"${parameters.c}\"}"
#define OWN_ABC "{\"a\":\"connector\",\"b\":1,\"c\":\"see\"}"

static const struct fill_case json_cases[] = {
    /* Texts between quotes: passed as escaped as they came. */
    {QUOTED, "{}", "{\"v\":\"hello\"}", "{\"v\":\"hello\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"say \\\"hi\\\"\"}", "{\"v\":\"say \\\"hi\\\"\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"a\\nb\\tc\\r\"}", "{\"v\":\"a\\nb\\tc\\r\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"c:\\\\dir\\\\n\"}", "{\"v\":\"c:\\\\dir\\\\n\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"\xc3\xa9 \xf0\x9f\x98\x80\"}", "{\"v\":\"\xc3\xa9 \xf0\x9f\x98\x80\"}",
     NULL},
    {QUOTED, "{}", "{\"v\":\"\\u0001\\u001f\x7f\"}", "{\"v\":\"\\u0001\\u001f\x7f\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"a/b</x>\"}", "{\"v\":\"a/b</x>\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"\"}", "{\"v\":\"\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"{\\\"k\\\": 1}\"}", "{\"v\":\"{\\\"k\\\": 1}\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"[1, 2]\"}", "{\"v\":\"[1, 2]\"}", NULL},
    /* What a prediction brings is not looked through for placeholders. */
    {QUOTED, "{\"v2\":\"x\"}", "{\"v\":\"${not} $1 ${parameters.v2}\"}",
     "{\"v\":\"${not} $1 ${parameters.v2}\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"${parameters.v}\"}", "{\"v\":\"${parameters.v}\"}", NULL},
    {QUOTED, "{}", "{\"v\":\"${credential.key}\"}", "{\"v\":\"${credential.key}\"}", NULL},
    /* Other values between quotes: their JSON text, escaped. */
    {"{\"t\":\"<${parameters.v}>\"}", "{}", "{\"v\":7}", "{\"t\":\"<7>\"}", NULL},
    {"{\"t\":\"<${parameters.v}>\"}", "{}", "{\"v\":false}", "{\"t\":\"<false>\"}", NULL},
    {"{\"t\":\"<${parameters.v}>\"}", "{}", "{\"v\":null}", "{\"t\":\"<null>\"}", NULL},
    {"{\"t\":\"<${parameters.v}>\"}", "{}", "{\"v\":2.5}", "{\"t\":\"<2.5>\"}", NULL},
    {"{\"t\":\"<${parameters.v}>\"}", "{}", "{\"v\":[\"a\", 1]}", "{\"t\":\"<[\\\"a\\\",1]>\"}",
     NULL},
    {"{\"t\":\"<${parameters.v}>\"}", "{}", "{\"v\":{ \"k\" : \"v\\n\" }}",
     "{\"t\":\"<{\\\"k\\\":\\\"v\\\\n\\\"}>\"}", NULL},
    {"{\"t\":[\"${parameters.v}\",\"${parameters.w}\"]}", "{}",
     "{\"v\":{\"a\":{\"b\":1}},\"w\":[]}", "{\"t\":[\"{\\\"a\\\":{\\\"b\\\":1}}\",\"[]\"]}", NULL},
    /* Outside of quotes: to the letter. */
    {UNQUOTED, "{}", "{\"v\":12}", "{\"v\":12}", NULL},
    {UNQUOTED, "{}", "{\"v\":0.50}", "{\"v\":0.50}", NULL},
    {UNQUOTED, "{}", "{\"v\":12345678901234567890}", "{\"v\":12345678901234567890}", NULL},
    {UNQUOTED, "{}", "{\"v\":-3e2}", "{\"v\":-3e2}", NULL},
    {UNQUOTED, "{}", "{\"v\":true}", "{\"v\":true}", NULL},
    {UNQUOTED, "{}", "{\"v\":null}", "{\"v\":null}", NULL},
    {UNQUOTED, "{}", "{\"v\":[]}", "{\"v\":[]}", NULL},
    {UNQUOTED, "{}", "{\"v\":[1, \"two\", null, {\"a\": [true]}]}",
     "{\"v\":[1, \"two\", null, {\"a\": [true]}]}", NULL},
    {UNQUOTED, "{}", "{\"v\":{\"b\":{\"c\":\"d\\\"e\"}}}", "{\"v\":{\"b\":{\"c\":\"d\\\"e\"}}}",
     NULL},
    /* A text that is an object or array stands for it. */
    {UNQUOTED, "{}", "{\"v\":\"[\\\"x\\\", {\\\"y\\\": 1}]\"}", "{\"v\":[\"x\", {\"y\": 1}]}",
     NULL},
    {UNQUOTED, "{}", "{\"v\":\"{\\\"k\\\": 1}\"}", "{\"v\":{\"k\": 1}}", NULL},
    {UNQUOTED, "{}", "{\"v\":\"bare words\"}", "{\"v\":bare words}", NULL},
    /* The connector's own values: escaped between quotes, as they are elsewhere. */
    {"{\"a\":\"${parameters.a}\",\"b\":\"${parameters.b}\"}",
     "{\"a\":\"plain\",\"b\":\"say \\\"x\\\"\"}", "{}", "{\"a\":\"plain\",\"b\":\"say \\\"x\\\"\"}",
     NULL},
    {UNQUOTED, "{\"v\":\"{\\\"k\\\":[1]}\"}", "{}", "{\"v\":{\"k\":[1]}}", NULL},
    {UNQUOTED, "{\"v\":\"5\"}", "{}", "{\"v\":5}", NULL},
    {QUOTED, "{\"v\":[1, 2]}", "{}", "{\"v\":\"[1,2]\"}", NULL},
    /* What comes with a prediction wins, whatever its type, and also when it is empty or null. */
    {OVERRIDE, OWN_ABC, "{}", "{\"a\":\"connector\",\"b\":1,\"c\":\"see\"}", NULL},
    {OVERRIDE, OWN_ABC, "{\"a\":\"request\"}", "{\"a\":\"request\",\"b\":1,\"c\":\"see\"}", NULL},
    {OVERRIDE, OWN_ABC, "{\"b\":[1,2]}", "{\"a\":\"connector\",\"b\":[1,2],\"c\":\"see\"}", NULL},
    {OVERRIDE, OWN_ABC, "{\"a\":\"x\",\"b\":0,\"c\":\"y\"}", "{\"a\":\"x\",\"b\":0,\"c\":\"y\"}",
     NULL},
    {OVERRIDE, OWN_ABC, "{\"zzz\":\"ignored\"}", "{\"a\":\"connector\",\"b\":1,\"c\":\"see\"}",
     NULL},
    {OVERRIDE, OWN_ABC, "{\"a\":\"\",\"b\":null}", "{\"a\":\"\",\"b\":null,\"c\":\"see\"}", NULL},
    /* Defaults. */
    {DEFAULTS, "{}", "{}", "{\"model\":\"small\",\"n\":3,\"opt\":null,\"list\":[1,2]}", NULL},
    {DEFAULTS, "{}", "{\"model\":\"m\",\"n\":9,\"opt\":\"here\",\"list\":[\"z\"]}",
     "{\"model\":\"m\",\"n\":9,\"opt\":\"here\",\"list\":[\"z\"]}", NULL},
    {"{\"${parameters.k:-null}\": 1}", "{}", "{}", "{\"null\": 1}", NULL},
    {DEFAULTS, "{}", "{\"opt\":null,\"model\":null}",
     "{\"model\":\"null\",\"n\":3,\"opt\":\"null\",\"list\":[1,2]}", NULL},
    {DEFAULTS, "{}", "{\"opt\":\"\",\"model\":\"\"}",
     "{\"model\":\"\",\"n\":3,\"opt\":\"\",\"list\":[1,2]}", NULL},
    {DEFAULTS, "{\"opt\":\"own\",\"n\":\"4\"}", "{}",
     "{\"model\":\"small\",\"n\":4,\"opt\":\"own\",\"list\":[1,2]}", NULL},
    {"[\"${parameters.a:-${parameters.b:-c}}\"]", "{}", "{}", "[\"c\"]", NULL},
    {"[\"${parameters.a:-${parameters.b:-c}}\"]", "{}", "{\"b\":\"\\\"\"}", "[\"\\\"\"]", NULL},
    {"[${parameters.a:-${parameters.b}}]", "{\"b\":2}", "{}", "[2]", NULL},
    {"[\"${parameters.a:-}\"]", "{}", "{}", "[\"\"]", NULL},
    /* The connector's own values are templates. */
    {"[\"${parameters.p}\"]", "{\"p\":\"Q: ${parameters.q}\"}", "{\"q\":\"why \\\"x\\\"\"}",
     "[\"Q: why \\\"x\\\"\"]", NULL},
    {"[\"${parameters.p}\"]", "{\"p\":\"say \\\"${parameters.q}\\\"\",\"q\":\"a\\nb\"}", "{}",
     "[\"say \\\"a\\nb\\\"\"]", NULL},
    {"[${parameters.p}]", "{\"p\":\"{\\\"k\\\":\\\"${parameters.q}\\\"}\"}", "{\"q\":\"a\\\"b\"}",
     "[{\"k\":\"a\\\"b\"}]", NULL},
    {"[\"${parameters.p}\"]",
     "{\"p\":\"${parameters.q}\",\"q\":\"${parameters.r}\",\"r\":\"\\\"\"}", "{}", "[\"\\\"\"]",
     NULL},
    {"[\"${parameters.p}\"]", "{\"p\":\"${parameters.q}\"}", "{\"q\":[1, {\"a\":\"b\"}]}",
     "[\"[1, {\\\"a\\\":\\\"b\\\"}]\"]", NULL},
    {"[\"${parameters.p}\"]", "{\"p\":\"${parameters.q}\"}", "{\"p\":\"${parameters.q}\"}",
     "[\"${parameters.q}\"]", NULL},
    {"[\"${parameters.p}\"]", "{\"p\":\"${parameters.q:-d}\"}", "{}", "[\"d\"]", NULL},
    /* toString: escaped as text wherever it stands. */
    {"[\"${parameters.v.toString()}\"]", "{}", "{\"v\":{\"k\": \"a\\\"b\"}}",
     "[\"{\\\"k\\\":\\\"a\\\\\\\"b\\\"}\"]", NULL},
    {"[\"${parameters.v.toString()}\"]", "{}", "{\"v\":\"a\\\"b\"}", "[\"a\\\"b\"]", NULL},
    {"[\"${parameters.p}\"]", "{\"p\":\"x\",\"q\":\"y\"}", "{}", "[\"x\"]", NULL},
    {"{\"m\":${parameters.p}}", "{\"p\":\"{\\\"c\\\":\\\"${parameters.v.toString()}\\\"}\"}",
     "{\"v\":[\"a\"]}", "{\"m\":{\"c\":\"[\\\"a\\\"]\"}}", NULL},
    /* What stays: the escaped, the unknown, credentials. */
    {"[\"$${parameters.v}\"]", "{}", "{\"v\":\"x\"}", "[\"${parameters.v}\"]", NULL},
    {"[\"${credential.key}\"]", "{}", "{}", "[\"${credential.key}\"]", NULL},
    {"[\"${parameters.x}\",${parameters.y}]", "{}", "{}", "[\"${parameters.x}\",${parameters.y}]",
     "x, y"},
    {"[\"${parameters.p}\"]", "{\"p\":\"<${parameters.x}>\"}", "{}", "[\"<${parameters.x}>\"]",
     "x"},
    {"[\"${parameters.v}\"]", "{}", "{\"V\":1}", "[\"${parameters.v}\"]", "v"},
    /* Names to the letter, in whatever escapes they came. */
    {"[\"${parameters. v }\"]", "{}", "{\"v\":1,\" v \":2}", "[\"2\"]", NULL},
    {"[${parameters.v}]", "{}", "{\"\\u0076\":1}", "[1]", NULL},
};

static void fills_json(void **state) {
    (void)state;
    check_table(ml_fill_json, json_cases, BASE_COUNT(json_cases));
}

static const struct fill_case text_cases[] = {
    {"Bearer ${parameters.t}", "{\"t\":\"a\\\"b\"}", "{}", "Bearer a\"b", NULL},
    {"\"${parameters.t}\"", "{\"t\":\"a\\\"b\"}", "{}", "\"a\"b\"", NULL},
    {"${parameters.t:-null}", "{}", "{}", "null", NULL},
    {"\"${parameters.t:-null}\"", "{}", "{}", "null", NULL},
    {"${parameters.t}", "{\"t\":\"x ${parameters.u}\",\"u\":[1]}", "{}", "x [1]", NULL},
    {"${parameters.t}", "{}", "{\"t\":\"a\\nb\"}", "a\nb", NULL},
    {"${parameters.t.toString()}", "{}", "{\"t\":\"a\\nb\"}", "a\\nb", NULL},
    {"${parameters.t}", "{}", "{}", "${parameters.t}", "t"},
};

static void fills_texts(void **state) {
    (void)state;
    check_table(ml_fill_text, text_cases, BASE_COUNT(text_cases));
}

#define PATH "https://h.example/e/${parameters.seg}"

static const struct fill_case url_cases[] = {
    {PATH, "{\"seg\":\"start\"}", "{}", "https://h.example/e/start", NULL},
    {PATH, "{\"seg\":\"start\"}", "{\"seg\":\"word\"}", "https://h.example/e/word", NULL},
    {PATH, "{}", "{\"seg\":\"a/b\"}", "https://h.example/e/a/b", NULL},
    {PATH, "{}", "{\"seg\":\"a?x=1&y=2\"}", "https://h.example/e/a?x=1&y=2", NULL},
    {PATH, "{}", "{\"seg\":\"a%20b\"}", "https://h.example/e/a%20b", NULL},
    {PATH, "{}", "{\"seg\":\"100%\"}", "https://h.example/e/100%25", NULL},
    {PATH, "{}", "{\"seg\":\"%zz%4\"}", "https://h.example/e/%25zz%254", NULL},
    {PATH, "{}", "{\"seg\":5}", "https://h.example/e/5", NULL},
    {PATH, "{}", "{\"seg\":\"\"}", "https://h.example/e/", NULL},
    {PATH, "{}", "{\"seg\":\"a b\\t\\n\\u0000\"}", "https://h.example/e/a%20b%09%0A%00", NULL},
    {PATH, "{}", "{\"seg\":\"\xc3\xa9\"}", "https://h.example/e/%C3%A9", NULL},
    {PATH, "{}", "{\"seg\":\"<\\\"{}|\\\\^`[]>\"}",
     "https://h.example/e/%3C%22%7B%7D%7C%5C%5E%60%5B%5D%3E", NULL},
    {PATH, "{}", "{\"seg\":[1, 2]}", "https://h.example/e/%5B1,2%5D", NULL},
    {PATH, "{}", "{\"seg\":true}", "https://h.example/e/true", NULL},
    {PATH, "{}", "{}", "https://h.example/e/${parameters.seg}", "seg"},
    {PATH, "{\"seg\":\"${parameters.a}/x\"}", "{\"a\":\"m 1\"}", "https://h.example/e/m%201/x",
     NULL},
    {"https://${parameters.host}/v1", "{}", "{\"host\":\"[2001:db8::1]:8443\"}",
     "https://[2001:db8::1]:8443/v1", NULL},
    {"https://${parameters.host}/v1", "{}", "{\"host\":\"h/[x]\"}", "https://h/%5Bx%5D/v1", NULL},
    {"https://h/?q=${parameters.q:-none}", "{}", "{}", "https://h/?q=none", NULL},
    {"https://h/?q=${parameters.q:-${parameters.r}}", "{}", "{\"r\":\"a b\"}", "https://h/?q=a%20b",
     NULL},
    {"https://h/${credential.key}", "{}", "{}", "https://h/${credential.key}", NULL},
};

static void fills_urls(void **state) {
    (void)state;
    check_table(ml_fill_url, url_cases, BASE_COUNT(url_cases));
}

static const struct {
    const char *template;
    const char *own;
    const char *given;
    bool depends;
} dependencies[] = {
    {"https://h/x", "{}", "{\"x\":1}", false},
    {"https://h/${parameters.a}", "{\"a\":\"1\"}", "{}", false},
    {"https://h/${parameters.a}", "{\"a\":\"1\"}", "{\"b\":1}", false},
    {"https://h/${parameters.a}", "{\"a\":\"1\"}", "{\"a\":1}", true},
    {"https://h/${parameters.a}", "{}", "{\"a\":null}", true},
    {"https://h/${parameters.a}", "{\"a\":\"${parameters.b}\"}", "{\"b\":1}", true},
    {"https://h/${parameters.a}", "{\"a\":\"${parameters.b}\"}", "{\"c\":1}", false},
    {"https://h/${parameters.a:-${parameters.b}}", "{}", "{\"b\":1}", true},
    {"https://h/$${parameters.a}", "{}", "{\"a\":1}", false},
};

static void knows_what_a_prediction_can_change(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(dependencies); i++) {
        struct filled f;
        assert_int_equal(fill(&f, ml_fill_url, dependencies[i].template, dependencies[i].own,
                              dependencies[i].given),
                         BERTH_OK);
        if (ml_template_depends_on(&f.template, &f.values) != dependencies[i].depends) {
            fail_msg("%s with %s", dependencies[i].template, dependencies[i].given);
        }
        end(&f);
    }
}

static void marks_what_passes_the_bound(void **state) {
    (void)state;
    struct filled f;
    (void)fill(&f, ml_fill_json, QUOTED, "{}", "{}");
    base_buf_deinit(&f.out);
    base_buf_init(&f.out, 4);
    struct ml_filling filling = {.values = &f.values, .out = &f.out, .scratch = &f.scratch};
    ml_fill_json(&filling, &f.template);
    assert_int_equal(f.out.error, BERTH_E_TOO_LARGE);
    end(&f);
}

/* Values that are made in scratch: one that does not fit there fails the whole. */
static void marks_what_passes_the_bound_of_scratch(void **state) {
    (void)state;
    struct filled f;
    assert_int_equal(fill(&f, ml_fill_json, QUOTED, "{}", "{\"v\":[1,2,3,4]}"), BERTH_OK);
    base_buf_deinit(&f.scratch);
    base_buf_init(&f.scratch, 4);
    struct ml_filling filling = {.values = &f.values, .out = &f.out, .scratch = &f.scratch};
    ml_fill_json(&filling, &f.template);
    assert_int_equal(f.out.error, BERTH_E_TOO_LARGE);
    end(&f);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    static const char template[] =
        "{\"a\":\"${parameters.a}\",\"b\":${parameters.b:-[1]},\"p\":\"${parameters.p}\"}";
    static const char expected[] = "{\"a\":\"[1]\",\"b\":[1],\"p\":\"x \\\"1\\\"\"}";
    FAULT_EACH_ALLOCATION({
        struct filled f;
        int32_t code = fill(&f, ml_fill_json, template,
                            "{\"p\":\"x \\\"${parameters.q}\\\"\",\"q\":1}", "{\"a\":[1]}");
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        if (code == BERTH_OK) {
            assert_string_equal(f.out.ptr, expected);
        }
        end(&f);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_json),
        cmocka_unit_test(fills_texts),
        cmocka_unit_test(fills_urls),
        cmocka_unit_test(knows_what_a_prediction_can_change),
        cmocka_unit_test(marks_what_passes_the_bound),
        cmocka_unit_test(marks_what_passes_the_bound_of_scratch),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.template_fill", tests, NULL, NULL);
}
