/* SPDX-License-Identifier: Apache-2.0 */
/* Taking templates apart; what they become is in template_fill_test.c. */
#include "plugin/ml_remote/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plugin/ml_remote/template_internal.h"
#include "tests/support/fault.h"

/* ---- segments ---- */

/* One letter a segment: l literal, p placeholder, s one in a string, t one with toString, n one
 * with both quotes; behind it its text or name. */
static void describe(const struct ml_template *template, struct base_buf *out) {
    for (uint32_t i = 0; i < template->count; i++) {
        const struct ml_segment *s = &template->segments[i];
        char kind = s->kind == ML_LITERAL          ? 'l'
                    : s->kind == ML_QUOTED_OR_NULL ? 'n'
                    : s->to_string                 ? 't'
                    : s->in_string                 ? 's'
                                                   : 'p';
        base_buf_format(out, "%c<" BASE_FMT, kind,
                        BASE_ARG(s->kind == ML_LITERAL ? s->text : s->name));
        if (s->fallback) {
            base_buf_char(out, '|');
            describe(s->fallback, out);
        }
        base_buf_char(out, '>');
    }
}

static const struct {
    const char *text;
    const char *segments;
} cases[] = {
    {"", ""},
    {"plain", "l<plain>"},
    {"${parameters.a}", "p<a>"},
    {"x${parameters.a}y", "l<x>p<a>l<y>"},
    {"${parameters.a}${parameters.b}", "p<a>p<b>"},
    {"{\"k\":\"${parameters.a}\",\"o\":${parameters.b}}", "l<{\"k\":\">s<a>l<\",\"o\":>p<b>l<}>"},
    {"\"\\\"${parameters.a}\"", "l<\"\\\">s<a>l<\">"},
    {"\"\\\\\"${parameters.a}", "l<\"\\\\\">p<a>"},
    {"${parameters.}", "p<>"},
    {"${parameters. a }", "p< a >"},
    {"${parameters.a.b-c}", "p<a.b-c>"},
    /* What is no placeholder. */
    {"${parameters.a", "l<${parameters.a>"},
    {"${parameter.a}", "l<${parameter.a}>"},
    {"$parameters.a}", "l<$parameters.a}>"},
    {"${credential.a}", "l<${credential.a}>"},
    {"$${parameters.a}", "l<${parameters.a}>"},
    {"x$${parameters.a}y", "l<x>l<${parameters.a}y>"},
    {"$$${parameters.a}", "l<$>l<${parameters.a}>"},
    {"$${parameters.a}${parameters.b}", "l<${parameters.a}>p<b>"},
    /* Defaults. */
    {"${parameters.a:-}", "p<a|>"},
    {"${parameters.a:-x}", "p<a|l<x>>"},
    {"${parameters.a:-x:-y}", "p<a|l<x:-y>>"},
    {"${parameters.a:-${parameters.b}}", "p<a|p<b>>"},
    {"${parameters.a:-${parameters.b:-${parameters.c:-d}}}", "p<a|p<b|p<c|l<d>>>>"},
    {"\"${parameters.a:-${parameters.b}}\"", "l<\">s<a|s<b>>l<\">"},
    {"${parameters.a:-\"${parameters.b}\"}", "p<a|l<\">s<b>l<\">>"},
    {"${parameters.a:-[1,{}]}", "p<a|l<[1,{>>l<]}>"}, /* as in Java: the first brace closes */
    /* null with its quotes. */
    {"\"${parameters.a:-null}\"", "n<a>"},
    {"{\"k\":\"${parameters.a:-null}\"}", "l<{\"k\":>n<a>l<}>"},
    {"{\"${parameters.a:-null}\" : 1}", "l<{\">s<a|l<null>>l<\" : 1}>"}, /* a key is no null */
    {"[\"${parameters.a:-null}\",\"${parameters.b}\"]", "l<[>n<a>l<,\">s<b>l<\"]>"},
    {"\"x${parameters.a:-null}\"", "l<\"x>s<a|l<null>>l<\">"},
    {"\"${parameters.a:-null}x\"", "l<\">s<a|l<null>>l<x\">"},
    {"\"${parameters.a:-nul}\"", "l<\">s<a|l<nul>>l<\">"},
    {"\"${parameters.a.b:-null}\"", "l<\">s<a.b|l<null>>l<\">"},
    {"${parameters.a:-null}", "p<a|l<null>>"},
    {"\"\\\"${parameters.a:-null}\"", "l<\"\\\">s<a|l<null>>l<\">"},
    {"\"\\\\\\\"${parameters.a:-null}\"", "l<\"\\\\\\\">s<a|l<null>>l<\">"},
    /* toString. */
    {"${parameters.a.toString()}", "t<a>"},
    {"${parameters.a.toString():-x}", "t<a|l<x>>"},
    {"${parameters.a.toString}", "p<a.toString>"},
};

static void takes_texts_apart_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_ARENA_AUTO arena;
        BASE_BUF_AUTO out;
        base_arena_init(&arena, 512);
        base_buf_init(&out, 4096);
        struct ml_template template;
        assert_int_equal(ml_template_compile(base_cstr(cases[i].text), &arena, &template, NULL),
                         BERTH_OK);
        describe(&template, &out);
        base_buf_char(&out, '\0');
        assert_string_equal(out.ptr, cases[i].segments);
    }
}

/* ---- limits ---- */

static int32_t compile_repeated(const char *piece, uint32_t times, const char *tail) {
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO text;
    struct ml_template template;
    base_arena_init(&arena, 4096);
    base_buf_init(&text, 1u << 20);
    for (uint32_t i = 0; i < times; i++) {
        base_buf_cstr(&text, piece);
    }
    for (uint32_t i = 0; tail && i < times; i++) {
        base_buf_cstr(&text, tail);
    }
    return ml_template_compile(base_buf_view(&text), &arena, &template, NULL);
}

static void limits_placeholders(void **state) {
    (void)state;
    assert_int_equal(compile_repeated("${parameters.a}", ML_PLACEHOLDERS_MAX, NULL), BERTH_OK);
    assert_int_equal(compile_repeated("${parameters.a}", ML_PLACEHOLDERS_MAX + 1, NULL),
                     BERTH_E_INVALID);
}

static void limits_nesting(void **state) {
    (void)state;
    assert_int_equal(compile_repeated("${parameters.a:-", ML_NESTING_MAX, "}"), BERTH_OK);
    assert_int_equal(compile_repeated("${parameters.a:-", ML_NESTING_MAX + 2, "}"),
                     BERTH_E_INVALID);
}

/* ---- a connector's own parameters ---- */

static int32_t compile_parameters(const char *json, struct base_arena *arena, struct json_doc *doc,
                                  struct ml_parameters *out, struct berth_error *error) {
    assert_true(json_parse(doc, base_cstr(json), 0, NULL));
    return ml_parameters_compile(json_root(doc), arena, out, error);
}

static const struct {
    const char *json;
    const char *text;
    const char *escaped;
} parameters[] = {
    {"{\"p\":\"plain\"}", "plain", "plain"},
    {"{\"p\":\"say \\\"x\\\"\"}", "say \"x\"", "say \\\"x\\\""},
    {"{\"p\":\"a\\nb/\\u00e9\"}", "a\nb/\xc3\xa9", "a\\nb/\xc3\xa9"},
    {"{\"p\":\"\"}", "", ""},
    {"{\"p\":7}", "7", "7"},
    {"{\"p\":1.50}", "1.50", "1.50"},
    {"{\"p\":true}", "true", "true"},
    {"{\"p\":null}", "null", "null"},
    {"{\"p\":[ 1, \"two\" ]}", "[1,\"two\"]", "[1,\\\"two\\\"]"},
    {"{\"p\":{ \"k\" : {} }}", "{\"k\":{}}", "{\\\"k\\\":{}}"},
    {"{\"\\u0070\":\"key\"}", "key", "key"},
    {"{\"p\":\"${credential.k}\"}", "${credential.k}", "${credential.k}"},
};

static void makes_texts_of_values(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(parameters); i++) {
        BASE_ARENA_AUTO arena;
        JSON_DOC_AUTO doc = {0};
        struct ml_parameters made;
        base_arena_init(&arena, 512);
        assert_int_equal(compile_parameters(parameters[i].json, &arena, &doc, &made, NULL),
                         BERTH_OK);
        const struct ml_parameter *p = ml_parameters_find(&made, BERTH_STR("p"));
        assert_non_null(p);
        assert_true(base_str_is(p->text, parameters[i].text));
        assert_true(base_str_is(p->escaped, parameters[i].escaped));
        assert_int_equal(p->template.count, 0);
        assert_null(ml_parameters_find(&made, BERTH_STR("q")));
    }
    assert_null(ml_parameters_find(NULL, BERTH_STR("p")));
}

static const struct {
    const char *json;
    bool valid;
} references[] = {
    {"{\"a\":\"${parameters.b}\",\"b\":\"x\"}", true},
    {"{\"a\":\"${parameters.b}${parameters.b}\",\"b\":\"x\"}", true},
    {"{\"a\":\"${parameters.b} ${parameters.c}\",\"b\":\"${parameters.c}\",\"c\":\"x\"}", true},
    {"{\"a\":\"${parameters.not_there}\"}", true},
    {"{\"a\":\"$${parameters.a}\"}", true},
    {"{\"a\":\"${parameters.a}\"}", false},
    {"{\"a\":\"x ${parameters.a:-y}\"}", false},
    {"{\"a\":\"${parameters.b}\",\"b\":\"${parameters.a}\"}", false},
    {"{\"a\":\"${parameters.b}\",\"b\":\"${parameters.c}\",\"c\":\"${parameters.a}\"}", false},
    {"{\"x\":\"${parameters.a}\",\"a\":\"${parameters.b}\",\"b\":\"${parameters.b}\"}", false},
    {"{\"a\":\"${parameters.q:-${parameters.a}}\"}", false},
    {"{\"a\":\"${parameters.a.toString()}\"}", false},
    {"{\"a\":[\"${parameters.a}\"]}", false},
};

static void refuses_circles(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(references); i++) {
        BASE_ARENA_AUTO arena;
        JSON_DOC_AUTO doc = {0};
        struct ml_parameters made;
        struct berth_error error = BASE_ERROR_INIT;
        base_arena_init(&arena, 512);
        int32_t code = compile_parameters(references[i].json, &arena, &doc, &made, &error);
        if (code != (references[i].valid ? BERTH_OK : BERTH_E_INVALID)) {
            fail_msg("%s: %s", references[i].json, error.message);
        }
        if (code) {
            assert_non_null(strstr(error.message, "refers to itself"));
        }
    }
}

/* {"p0": "${p1}${p1}", "p1": "${p2}${p2}" ...}: doubles with each, and would have no end. */
static int32_t compile_doubling(uint32_t levels, const char *last) {
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO json;
    JSON_DOC_AUTO doc = {0};
    struct ml_parameters made;
    base_arena_init(&arena, 4096);
    base_buf_init(&json, 1u << 16);
    base_buf_char(&json, '{');
    for (uint32_t i = 0; i < levels; i++) {
        base_buf_format(&json, "\"p%u\":\"${parameters.p%u}${parameters.p%u}\",", i, i + 1, i + 1);
    }
    base_buf_format(&json, "\"p%u\":\"%s\"}", levels, last);
    base_buf_char(&json, '\0');
    return compile_parameters(json.ptr, &arena, &doc, &made, NULL);
}

static void limits_what_parameters_expand_to(void **state) {
    (void)state;
    assert_int_equal(compile_doubling(8, "x"), BERTH_OK);
    assert_int_equal(compile_doubling(40, "x"), BERTH_E_INVALID);
    assert_int_equal(compile_doubling(40, ""), BERTH_E_INVALID);
    assert_int_equal(compile_doubling(200, ""), BERTH_E_INVALID);
}

static void limits_parameters(void **state) {
    (void)state;
    for (uint32_t over = 0; over < 2; over++) {
        BASE_ARENA_AUTO arena;
        BASE_BUF_AUTO json;
        JSON_DOC_AUTO doc = {0};
        struct ml_parameters made;
        base_arena_init(&arena, 4096);
        base_buf_init(&json, 1u << 16);
        for (uint32_t i = 0; i < ML_PLACEHOLDERS_MAX + over; i++) {
            base_buf_format(&json, "%s\"p%u\":1", i ? "," : "{", i);
        }
        base_buf_char(&json, '}');
        base_buf_char(&json, '\0');
        assert_int_equal(compile_parameters(json.ptr, &arena, &doc, &made, NULL),
                         over ? BERTH_E_INVALID : BERTH_OK);
    }
}

/* ---- allocation ---- */

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        BASE_ARENA_AUTO arena;
        JSON_DOC_AUTO doc = {0};
        struct ml_parameters made = {0};
        struct ml_template template = {0};
        struct berth_error error = BASE_ERROR_INIT;
        base_arena_init(&arena, 64);
        int32_t code = BERTH_E_NO_MEMORY;
        if (json_parse(&doc, BERTH_STR("{\"a\":\"x ${parameters.b:-${parameters.c}}\",\"b\":[1]}"),
                       0, NULL)) {
            code = ml_parameters_compile(json_root(&doc), &arena, &made, &error);
        }
        code = code ? code
                    : ml_template_compile(BERTH_STR("{\"k\":${parameters.a:-${parameters.b}}}"),
                                          &arena, &template, &error);
        assert_true(code == BERTH_OK ? made.count == 2 && template.count == 3
                                     : code == BERTH_E_NO_MEMORY);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_texts_apart_by_table),
        cmocka_unit_test(limits_placeholders),
        cmocka_unit_test(limits_nesting),
        cmocka_unit_test(makes_texts_of_values),
        cmocka_unit_test(refuses_circles),
        cmocka_unit_test(limits_what_parameters_expand_to),
        cmocka_unit_test(limits_parameters),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.template", tests, NULL, NULL);
}
