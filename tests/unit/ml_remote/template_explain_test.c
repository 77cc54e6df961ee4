/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define OWN "{\"own\":\"o\",\"number\":7,\"nested\":\"${parameters.own} ${parameters.far}\"}"
#define GIVEN "{\"given\":\"g\",\"null\":null,\"number\":8}"

/* Each placeholder as name, source (g o d m for given, own, default, missing), default. */
static const struct {
    const char *template;
    const char *told;
} cases[] = {
    {"nothing to fill", ""},
    {"${parameters.given}", "given=g "},
    {"${parameters.null}", "null=g "},
    {"${parameters.own}", "own=o "},
    {"${parameters.number}", "number=g "},
    {"${parameters.far}", "far=m "},
    {"${parameters.far:-10}", "far=d(10) "},
    {"${parameters.far:-}", "far=d() "},
    {"${parameters.given:-10}", "given=g "},
    {"\"${parameters.far:-null}\"", "far=d(null) "},
    {"\"${parameters.own:-null}\"", "own=o "},
    {"$${parameters.given}", ""},
    {"${parameters.nested}", "nested=o own=o far=m "},
    {"${parameters.given}${parameters.given}", "given=g given=g "},
    {"${parameters.own.toString()}", "own=o "},
    {"${credential.key}", ""},
};

static void note(void *user, struct berth_str name, enum ml_value_source source,
                 struct berth_str fallback) {
    struct base_buf *told = user;
    static const char letters[] = {[ML_FROM_GIVEN] = 'g',
                                   [ML_FROM_OWN] = 'o',
                                   [ML_FROM_DEFAULT] = 'd',
                                   [ML_FROM_NOWHERE] = 'm'};
    base_buf_format(told, BASE_FMT "=%c", BASE_ARG(name), letters[source]);
    if (source == ML_FROM_DEFAULT) {
        base_buf_format(told, "(" BASE_FMT ")", BASE_ARG(fallback));
    }
    base_buf_char(told, ' ');
}

static void tells_of_each_placeholder(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    JSON_DOC_AUTO own = {0};
    JSON_DOC_AUTO given = {0};
    struct ml_parameters parameters;
    base_arena_init(&arena, 1024);
    assert_true(json_parse(&own, base_cstr(OWN), 0, NULL));
    assert_true(json_parse(&given, base_cstr(GIVEN), 0, NULL));
    assert_int_equal(ml_parameters_compile(json_root(&own), &arena, &parameters, NULL), BERTH_OK);
    const struct ml_values values = {.given = json_root(&given), .own = &parameters};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct ml_template template;
        BASE_BUF_AUTO told;
        base_buf_init(&told, 4096);
        assert_int_equal(ml_template_compile(base_cstr(cases[i].template), &arena, &template, NULL),
                         BERTH_OK);
        ml_template_explain(&template, &values, note, &told);
        base_buf_char(&told, '\0');
        assert_string_equal(told.ptr, cases[i].told);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_each_placeholder),
    };
    return cmocka_run_group_tests_name("ml_remote.template_explain", tests, NULL, NULL);
}
