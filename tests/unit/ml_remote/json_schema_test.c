/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/json_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

#define CASE_VALUES 12

/* A schema, values that fit it and values that do not; NULL ends each list. */
static const struct {
    const char *schema;
    const char *fit[CASE_VALUES];
    const char *misfit[CASE_VALUES];
} cases[] = {
    /* boolean and empty schemas, annotations */
    {"true", {"1", "null", "{}"}, {NULL}},
    {"false", {NULL}, {"1", "null", "{}"}},
    {"{}", {"1", "[]", "\"x\""}, {NULL}},
    {"{\"title\":1,\"format\":\"email\",\"x-mine\":[],\"$id\":\"urn:x\",\"default\":3}",
     {"\"no mail\"", "1"},
     {NULL}},
    /* type */
    {"{\"type\":\"integer\"}",
     {"1", "-3", "1.0", "1e3", "12.50e1", "0.0", "123456789012345678901234567890"},
     {"1.1", "1e-1", "\"1\"", "null", "true", "{}", "[]"}},
    {"{\"type\":\"number\"}", {"1", "1.5", "-0", "1e400"}, {"\"1\"", "null", "true", "[1]"}},
    {"{\"type\":\"string\"}", {"\"\"", "\"1\""}, {"1", "null", "[]", "{}", "true"}},
    {"{\"type\":\"object\"}", {"{}"}, {"[]", "1", "null", "\"{}\""}},
    {"{\"type\":\"array\"}", {"[]"}, {"{}", "1", "null", "\"[]\""}},
    {"{\"type\":\"boolean\"}", {"true", "false"}, {"0", "\"\"", "null", "[]", "\"true\""}},
    {"{\"type\":\"null\"}", {"null"}, {"0", "\"\"", "false", "{}", "[]"}},
    {"{\"type\":[\"integer\",\"string\"]}", {"1", "\"a\"", "2.0"}, {"1.5", "null", "true"}},
    /* const and enum */
    {"{\"const\":2}", {"2", "2.0", "20e-1"}, {"5", "\"2\"", "[2]"}},
    {"{\"const\":{\"a\":1,\"b\":[2]}}",
     {"{\"b\":[2],\"a\":1}", "{\"a\":1.0,\"b\":[2]}"},
     {"{\"a\":1}", "[1]", "{\"a\":1,\"b\":[2],\"c\":3}", "{\"a\":1,\"b\":[2,3]}"}},
    {"{\"const\":null}", {"null"}, {"0", "false"}},
    {"{\"const\":false}", {"false"}, {"0", "[0]", "null"}},
    {"{\"const\":9007199254740993}", {"9007199254740993"}, {"9007199254740992"}},
    {"{\"const\":\"\\u0061\"}", {"\"a\"", "\"\\u0061\""}, {"\"b\""}},
    {"{\"const\":\"a\\u0000b\"}", {"\"a\\u0000b\""}, {"\"a\"", "\"ab\""}},
    {"{\"enum\":[6,\"x\",[],true,{\"k\":1}]}",
     {"6", "6.0", "\"x\"", "[]", "true", "{\"k\":1}"},
     {"7", "null", "[0]", "1", "{\"k\":2}", "false"}},
    {"{\"enum\":[]}", {NULL}, {"1", "null"}},
    /* text; length in characters */
    {"{\"minLength\":2}",
     {"\"ab\"", "\"\xf0\x9f\x98\x80z\"", "1", "[]"},
     {"\"a\"", "\"\xc3\xa9\"", "\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\""}},
    {"{\"maxLength\":2}",
     {"\"\"", "\"ab\"", "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"", "100"},
     {"\"abc\"", "\"\\u0061\\u0062\\u0063\""}},
    {"{\"maxLength\":2.0}", {"\"ab\""}, {"\"abc\""}},
    {"{\"minLength\":1e30}", {"1"}, {"\"a\""}},
    {"{\"pattern\":\"^a*$\"}", {"\"\"", "\"aaa\"", "1", "null"}, {"\"ab\"", "\"a\\n\""}},
    {"{\"pattern\":\"a+\"}", {"\"xxaayy\""}, {"\"xyz\""}},
    {"{\"pattern\":\"^\\\\u00e9\\\\d$\"}",
     {"\"\xc3\xa9"
      "1\""},
     {"\"e1\"", "\"\xc3\xa9\xd9\xa1\""}},
    {"{\"pattern\":\"^.$\"}", {"\"\xf0\x9f\x98\x80\""}, {"\"ab\""}},
    {"{\"pattern\":\"\\\\p{Lu}\"}", {"\"\xc3\x89\""}, {"\"\xc3\xa9\""}},
    /* numbers */
    {"{\"minimum\":1.1}", {"1.1", "2", "\"x\""}, {"0.6", "1.09999999999999999999"}},
    {"{\"minimum\":-2}", {"-2", "-2.0", "0"}, {"-2.0001", "-3"}},
    {"{\"maximum\":300}", {"300", "300.0", "299.97", "3e2"}, {"300.5", "1e400"}},
    {"{\"maximum\":9007199254740992}", {"9007199254740992"}, {"9007199254740993"}},
    {"{\"maximum\":18446744073709551615}", {"18446744073709551615"}, {"18446744073709551616"}},
    {"{\"exclusiveMinimum\":1.1}", {"1.2"}, {"1.1", "0.6"}},
    {"{\"exclusiveMaximum\":3}", {"2.2", "-9e99"}, {"3", "3.0", "3.5"}},
    {"{\"multipleOf\":2}", {"10", "-4", "0", "\"x\"", "1e30"}, {"7", "2.5"}},
    {"{\"multipleOf\":1.5}", {"0", "4.5", "-3"}, {"35", "1.4"}},
    {"{\"multipleOf\":0.0001}", {"0.0075", "1"}, {"0.00751"}},
    {"{\"multipleOf\":0.01}", {"19.99", "0.07", "4.02"}, {"0.001"}},
    {"{\"multipleOf\":1e-8}", {"12391239123", "0.00000001"}, {"1e-9"}},
    {"{\"multipleOf\":0.123456789}", {"0.123456789"}, {"1e308"}},
    /* arrays */
    {"{\"minItems\":1}", {"[1]", "[1,2]", "\"\"", "{}"}, {"[]"}},
    {"{\"maxItems\":2}", {"[]", "[1,2]", "\"abc\""}, {"[1,2,3]"}},
    {"{\"uniqueItems\":true}",
     {"[]", "[1]", "[1,2,\"1\",true]", "[{\"a\":1},{\"a\":2}]", "[[1],[2]]", "[1,true]",
      "[0,false]", "{}", "[{\"a\":false},{\"a\":0}]", "[\"a\",\"b\"]"},
     {"[1,1]", "[1.0,1.00,2]", "[\"a\",\"\\u0061\"]", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]",
      "[[\"x\"],[\"y\"],[\"x\"]]", "[null,null]", "[0,-0]"}},
    {"{\"uniqueItems\":false}", {"[1,1]"}, {NULL}},
    {"{\"items\":{\"type\":\"integer\"}}", {"[]", "[1,2]", "{\"a\":\"b\"}"}, {"[1,\"x\"]"}},
    {"{\"items\":false}", {"[]", "1"}, {"[1]", "[null]"}},
    {"{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
     {"[1,\"a\"]", "[1]", "[]", "[1,\"a\",null]", "{\"0\":\"x\"}"},
     {"[\"a\",1]", "[1,2]"}},
    {"{\"prefixItems\":[true],\"items\":{\"type\":\"string\"}}",
     {"[]", "[1]", "[1,\"a\"]"},
     {"[1,2]", "[\"a\",\"b\",3]"}},
    {"{\"prefixItems\":[true,true],\"items\":false}", {"[1,2]", "[1]"}, {"[1,2,3]"}},
    {"{\"contains\":{\"minimum\":5}}", {"[3,4,5]", "[5,5]", "{}"}, {"[]", "[2,3]"}},
    {"{\"contains\":{\"const\":1},\"minContains\":2,\"maxContains\":3}",
     {"[1,1]", "[1,2,1,1]"},
     {"[1]", "[1,1,1,1]", "[]"}},
    {"{\"contains\":{\"const\":1},\"minContains\":0}", {"[]", "[2]"}, {NULL}},
    {"{\"minContains\":2}", {"[]"}, {NULL}},
    /* objects */
    {"{\"required\":[\"a\",\"b\"]}",
     {"{\"a\":1,\"b\":null}", "[]", "1", "{\"\\u0061\":1,\"b\":2}"},
     {"{}", "{\"a\":1}", "{\"A\":1,\"b\":1}"}},
    {"{\"required\":[]}", {"{}"}, {NULL}},
    {"{\"minProperties\":1,\"maxProperties\":2}",
     {"{\"a\":1}", "{\"a\":1,\"b\":2}", "[]", "\"\""},
     {"{}", "{\"a\":1,\"b\":2,\"c\":3}"}},
    {"{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"}}}",
     {"{}", "{\"a\":1,\"b\":\"x\"}", "{\"c\":[]}", "[]", "{\"\\u0061\":1}"},
     {"{\"a\":\"x\"}", "{\"a\":[],\"b\":{}}", "{\"\\u0061\":\"x\"}"}},
    {"{\"properties\":{\"a\":true,\"b\":false}}", {"{\"a\":1}", "{}"}, {"{\"b\":1}"}},
    {"{\"properties\":{\"$ref\":{\"type\":\"string\"}}}", {"{\"$ref\":\"a\"}"}, {"{\"$ref\":2}"}},
    {"{\"properties\":{\"a\\nb\":{\"type\":\"number\"},\"c\\\"d\":{\"type\":\"number\"}}}",
     {"{\"a\\nb\":1,\"c\\\"d\":1}"},
     {"{\"a\\nb\":\"1\"}", "{\"c\\\"d\":\"1\"}"}},
    {"{\"patternProperties\":{\"f.*o\":{\"type\":\"integer\"},\"^n\":{\"maximum\":3}}}",
     {"{\"foo\":1,\"n\":2}", "{\"x\":\"y\"}", "[]", "{}"},
     {"{\"foo\":\"x\"}", "{\"nfoo\":9}", "{\"n\":4}"}},
    {"{\"additionalProperties\":false,\"properties\":{\"a\":{}},\"patternProperties\":{\"^v\":{}}}",
     {"{\"a\":1}", "{\"vx\":1}", "[]"},
     {"{\"a\":1,\"b\":2}"}},
    {"{\"additionalProperties\":{\"type\":\"boolean\"},\"properties\":{\"a\":{}}}",
     {"{\"a\":1,\"b\":true}"},
     {"{\"b\":12}"}},
    {"{\"additionalProperties\":false}", {"{}"}, {"{\"a\":1}"}},
    {"{\"allOf\":[{\"properties\":{\"a\":{}}}],\"additionalProperties\":false}",
     {"{}"},
     {"{\"a\":1}"}},
    {"{\"propertyNames\":{\"maxLength\":3}}", {"{\"abc\":1}", "{}", "[]"}, {"{\"abcd\":1}"}},
    {"{\"propertyNames\":false}", {"{}"}, {"{\"a\":1}"}},
    {"{\"dependentRequired\":{\"b\":[\"a\",\"c\"]}}",
     {"{}", "{\"a\":1}", "{\"a\":1,\"b\":2,\"c\":3}", "[\"b\"]"},
     {"{\"b\":2}", "{\"a\":1,\"b\":2}"}},
    {"{\"dependentSchemas\":{\"b\":{\"required\":[\"a\"]}}}",
     {"{}", "{\"b\":1,\"a\":1}"},
     {"{\"b\":1}"}},
    /* together */
    {"{\"allOf\":[{\"minimum\":2},{\"maximum\":4}]}", {"2", "4", "\"x\""}, {"1", "5"}},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", {"1", "2.5", "3"}, {"1.5"}},
    {"{\"anyOf\":[true,false]}", {"1"}, {NULL}},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", {"1", "2.5"}, {"3", "1.5"}},
    {"{\"oneOf\":[true,true]}", {NULL}, {"1"}},
    {"{\"not\":{\"type\":\"integer\"}}", {"\"x\"", "1.5"}, {"1"}},
    {"{\"not\":{\"not\":{\"type\":\"integer\"}}}", {"1"}, {"\"x\""}},
    {"{\"not\":{}}", {NULL}, {"1", "null"}},
    {"{\"if\":{\"exclusiveMaximum\":0},\"then\":{\"minimum\":-10},\"else\":{\"multipleOf\":2}}",
     {"-1", "4"},
     {"-100", "3"}},
    {"{\"if\":{\"const\":1}}", {"1", "2"}, {NULL}},
    {"{\"then\":false,\"else\":false}", {"1"}, {NULL}},
    {"{\"if\":true,\"then\":{\"const\":\"y\"},\"else\":{\"const\":\"n\"}}", {"\"y\""}, {"\"n\""}},
    /* references */
    {"{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
     {"{\"a\":{\"a\":{}}}", "{\"a\":1}"},
     {"{\"b\":1}", "{\"a\":{\"b\":1}}"}},
    {"{\"$defs\":{\"p\":{\"type\":\"integer\"}},\"items\":{\"$ref\":\"#/$defs/p\"}}",
     {"[1]", "1"},
     {"[\"x\"]"}},
    {"{\"definitions\":{\"p\":{\"minimum\":1}},\"$ref\":\"#/definitions/p\",\"maximum\":2}",
     {"1", "2"},
     {"0", "3"}},
    {"{\"$defs\":{\"a/"
     "b\":{\"type\":\"null\"},\"c~d\":{\"type\":\"null\"},\"e%f\":{\"type\":\"null\"}},"
     "\"properties\":{\"s\":{\"$ref\":\"#/$defs/a~1b\"},\"t\":{\"$ref\":\"#/$defs/c~0d\"},"
     "\"p\":{\"$ref\":\"#/$defs/e%25f\"}}}",
     {"{\"s\":null,\"t\":null,\"p\":null}"},
     {"{\"s\":1}", "{\"t\":1}", "{\"p\":1}"}},
    {"{\"prefixItems\":[{\"type\":\"integer\"},{\"$ref\":\"#/prefixItems/0\"}]}",
     {"[1,2]"},
     {"[1,\"x\"]"}},
    {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/c\"},"
     "\"c\":{\"type\":\"string\"}},\"$ref\":\"#/$defs/a\"}",
     {"\"x\""},
     {"1"}},
    {"{\"$ref\":\"#/x-there/1\",\"x-there\":[0,{\"type\":\"string\"}]}", {"\"x\""}, {"1"}},
    {"{\"$ref\":\"#/$defs/\",\"$defs\":{\"\":{\"type\":\"string\"}}}", {"\"x\""}, {"1"}},
    {"{\"$ref\":\"#/$defs/no\",\"$defs\":{\"no\":false}}", {NULL}, {"1"}},
    {"{\"type\":\"object\",\"properties\":{\"left\":{\"$ref\":\"#\"},\"v\":{\"type\":\"number\"}},"
     "\"required\":[\"v\"]}",
     {"{\"v\":1,\"left\":{\"v\":2}}"},
     {"{\"v\":1,\"left\":{}}"}},
};

/* A schema that is refused, and words of the message. */
static const struct {
    const char *schema;
    const char *message;
} refusals[] = {
    {"", "the schema is not valid JSON"},
    {"{", "the schema is not valid JSON"},
    {"1", "at []: expected a schema: an object, true or false, found 1"},
    {"[]", "expected a schema"},
    {"{\"type\":\"text\"}", "at [/type]: expected one of null, boolean"},
    {"{\"type\":[\"string\",3]}", "at [/type/1]: expected one of null"},
    {"{\"type\":[]}", "at least one type"},
    {"{\"enum\":1}", "at [/enum]: expected an array"},
    {"{\"properties\":{\"x\":{\"minLength\":\"abc\"}}}",
     "at [/properties/x/minLength]: expected a number, found \"abc\""},
    {"{\"maxLength\":-1}", "a whole number that is not negative"},
    {"{\"maxItems\":1.5}", "a whole number that is not negative"},
    {"{\"minimum\":\"1\"}", "at [/minimum]: expected a number"},
    {"{\"multipleOf\":0}", "a number above 0"},
    {"{\"multipleOf\":-1}", "a number above 0"},
    {"{\"multipleOf\":1.23456789012345678901234}", "at most 19 digits"},
    {"{\"uniqueItems\":1}", "true or false"},
    {"{\"required\":\"a\"}", "at [/required]: expected an array of names"},
    {"{\"required\":[1]}", "at [/required/0]: expected a name"},
    {"{\"dependentRequired\":{\"a\":1}}", "at [/dependentRequired/a]: expected an array of names"},
    {"{\"dependentRequired\":[]}", "at [/dependentRequired]: expected an object"},
    {"{\"properties\":[]}", "at [/properties]: expected an object"},
    {"{\"properties\":{\"a/b~c\":1}}", "at [/properties/a~1b~0c]: expected a schema"},
    {"{\"items\":[{}]}", "at [/items]: expected a schema"},
    {"{\"prefixItems\":{}}", "at [/prefixItems]: expected an array of at least one schema"},
    {"{\"allOf\":[]}", "at [/allOf]: expected an array of at least one schema"},
    {"{\"anyOf\":[{},1]}", "at [/anyOf/1]: expected a schema"},
    {"{\"not\":null}", "at [/not]: expected a schema"},
    {"{\"pattern\":1}", "at [/pattern]: expected a regular expression"},
    {"{\"pattern\":\"a(\"}", "a regular expression (at character 3: "},
    {"{\"pattern\":\"\\\\C\"}", "a regular expression"},
    {"{\"patternProperties\":{\"[\":{}}}", "a regular expression"},
    {"{\"$ref\":1}", "a reference, which is a string"},
    {"{\"$ref\":\"http://x.test/s\"}", "others are not followed, found \"http://x.test/s\""},
    {"{\"$ref\":\"#name\"}", "a reference within the schema"},
    {"{\"$ref\":\"#/$defs/x\"}", "something that is there"},
    {"{\"$ref\":\"#/$defs/%4\",\"$defs\":{}}", "something that is there"},
    {"{\"$ref\":\"#/$defs/~2\",\"$defs\":{}}", "something that is there"},
    {"{\"$ref\":\"#/allOf/00\",\"allOf\":[{}]}", "something that is there"},
    {"{\"$ref\":\"#/title\",\"title\":\"x\"}", "at [/title]: expected a schema"},
    {"{\"$defs\":{\"x\":{\"type\":\"y\"}}}", "at [/$defs/x/type]"},
    {"{\"$dynamicRef\":\"#a\"}", "no $dynamicRef, which is not supported"},
    {"{\"items\":{\"unevaluatedItems\":false}}", "no unevaluatedItems, which is not supported"},
};

/* A schema, a value that does not fit, and the message to the letter. */
static const struct {
    const char *schema;
    const char *value;
    const char *message;
} failures[] = {
    {"{\"type\":\"string\"}", "1", "[]: type: expected \"string\", found 1"},
    {"{\"properties\":{\"a\":{\"items\":{\"minLength\":3}}}}", "{\"a\":[\"abc\",\"ab\"]}",
     "[/a/1]: minLength: expected at least 3 characters, found \"ab\""},
    {"{\"required\":[\"a\",\"b\"]}", "{\"c\":1}",
     "[]: required: expected a member \"a\", found {\"c\":1}; "
     "[]: required: expected a member \"b\", found {\"c\":1}"},
    {"{\"items\":{\"type\":\"null\"}}", "[1,2,3,4,5]",
     "[/0]: type: expected \"null\", found 1; [/1]: type: expected \"null\", found 2; "
     "[/2]: type: expected \"null\", found 3"},
    {"{\"additionalProperties\":false}", "{\"a/b\":1}",
     "[/a~1b]: additionalProperties: expected no such member, found 1"},
    {"{\"propertyNames\":{\"pattern\":\"^x\"}}", "{\"a\":1}",
     "[/a]: pattern: expected text that matches \"^x\", found \"a\""},
    {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "1",
     "[]: anyOf: expected a value that fits one of 2 schemas, found 1"},
    {"{\"oneOf\":[{},{}]}", "1",
     "[]: oneOf: expected a value that fits exactly one of 2 schemas (it fits 2), found 1"},
    {"{\"uniqueItems\":true}", "[1,2,1]",
     "[]: uniqueItems: expected items that differ (0 and 2 are equal), found [1,2,1]"},
    {"{\"minimum\":2}", "1", "[]: minimum: expected at least 2, found 1"},
    {"{\"properties\":{\"a\":false}}", "{\"a\":1}", "[/a]: false: expected no value, found 1"},
    {"{\"const\":1}",
     "\"0123456789012345678901234567890123456789012345678901234567890\xc3\xa9\xc3\xa9\"",
     "[]: const: expected 1, found "
     "\"0123456789012345678901234567890123456789012345678901234567890\xc3\xa9"},
};

static const struct ml_schema *compile(const char *text, struct base_arena *arena) {
    const struct ml_schema *schema = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    base_arena_init(arena, 4096);
    if (ml_schema_compile(base_cstr(text), arena, &schema, &error)) {
        fail_msg("%s: %s", text, error.message);
    }
    return schema;
}

static int32_t check(const struct ml_schema *schema, const char *text, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, base_cstr(text), 0, NULL));
    return ml_schema_check(schema, json_root(&doc), error);
}

/* How many of these values are not answered with that code. */
static int count_wrong(const char *text, const char *const *values, int32_t expected) {
    BASE_ARENA_AUTO arena;
    const struct ml_schema *schema = compile(text, &arena);
    int wrong = 0;
    for (; *values; values++) {
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = check(schema, *values, &error);
        if (code != expected) {
            print_error("%s on %s: %s %s\n", text, *values, base_error_name(code), error.message);
            wrong++;
        }
    }
    return wrong;
}

static void tells_what_fits_from_what_does_not(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        wrong += count_wrong(cases[i].schema, cases[i].fit, BERTH_OK);
        wrong += count_wrong(cases[i].schema, cases[i].misfit, BERTH_E_INVALID);
    }
    assert_int_equal(wrong, 0);
}

static void refuses_schemas_with_their_place(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < BASE_COUNT(refusals); i++) {
        BASE_ARENA_AUTO arena;
        const struct ml_schema *schema = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        base_arena_init(&arena, 4096);
        int32_t code = ml_schema_compile(base_cstr(refusals[i].schema), &arena, &schema, &error);
        if (!code || !strstr(error.message, refusals[i].message)) {
            print_error("%s: %s %s\n", refusals[i].schema, base_error_name(code), error.message);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void names_the_first_failures(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(failures); i++) {
        BASE_ARENA_AUTO arena;
        struct berth_error error = BASE_ERROR_INIT;
        const struct ml_schema *schema = compile(failures[i].schema, &arena);
        assert_int_equal(check(schema, failures[i].value, &error), BERTH_E_INVALID);
        assert_string_equal(error.message, failures[i].message);
    }
}

static void bounds_the_message(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO text;
    struct berth_error error = BASE_ERROR_INIT;
    const struct ml_schema *schema = compile(
        "{\"additionalProperties\":{\"additionalProperties\":{\"type\":\"null\"}}}", &arena);
    base_buf_init(&text, 1u << 20);
    json_open_object(&text);
    for (int i = 0; i < 5; i++) {
        base_buf_format(&text, "%s\"%d%0500d\":{\"%0300d\":1}", i ? "," : "", i, 1, 1);
    }
    json_close_object(&text);
    base_buf_char(&text, '\0');
    assert_int_equal(check(schema, text.ptr, &error), BERTH_E_INVALID);
    assert_true(strlen(error.message) < sizeof error.message);
    assert_non_null(strstr(error.message, "...]: type: expected \"null\", found 1"));
}

static void ends_what_would_not_end(void **state) {
    (void)state;
    struct berth_error error = BASE_ERROR_INIT;
    BASE_ARENA_AUTO loop;
    assert_int_equal(check(compile("{\"$ref\":\"#\"}", &loop), "1", &error), BERTH_E_LIMIT);
    assert_int_equal(error.status, 400);
    BASE_ARENA_AUTO twice;
    const struct ml_schema *schema =
        compile("{\"not\":{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}}", &twice);
    assert_int_equal(check(schema, "1", &error), BERTH_E_LIMIT);
    BASE_ARENA_AUTO doubling;
    schema = compile("{\"items\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"$ref\":\"#/$defs/n\"}]},"
                     "\"$defs\":{\"n\":{\"items\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},"
                     "{\"$ref\":\"#/$defs/n\"}]},\"maxItems\":1}}}",
                     &doubling);
    char deep[64];
    memset(deep, '[', 30);
    memcpy(deep + 30, "1,1", 3);
    memset(deep + 33, ']', 30);
    deep[63] = '\0';
    assert_int_equal(check(schema, deep, &error), BERTH_E_LIMIT);
    BASE_ARENA_AUTO backtracking;
    schema = compile("{\"pattern\":\"^(a+)+$\"}", &backtracking);
    assert_int_equal(check(schema, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"", &error),
                     BERTH_E_LIMIT);
}

static void knows_which_parameters_are_text(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool wants;
    } parameters[] = {{"s", true},     {"list", true},  {"n", false},     {"ref", true},
                      {"free", false}, {"gone", false}, {"never", false}, {"a\"b", true}};
    BASE_ARENA_AUTO arena;
    const struct ml_schema *schema = compile(
        "{\"$ref\":\"#/$defs/in\",\"$defs\":{\"t\":{\"$ref\":\"#/$defs/u\"},"
        "\"u\":{\"type\":\"string\"},\"in\":{\"properties\":{\"parameters\":{\"properties\":{"
        "\"s\":{\"type\":\"string\"},\"list\":{\"type\":[\"null\",\"string\"]},"
        "\"n\":{\"type\":\"number\"},\"ref\":{\"$ref\":\"#/$defs/t\"},\"free\":{},"
        "\"never\":false,\"a\\\"b\":{\"type\":\"string\"}}}}}}}",
        &arena);
    for (size_t i = 0; i < BASE_COUNT(parameters); i++) {
        struct berth_str names[] = {BERTH_STR("parameters"), base_cstr(parameters[i].name)};
        assert_int_equal(ml_schema_wants_string(schema, names, 2), parameters[i].wants);
    }
    BASE_ARENA_AUTO loop;
    struct berth_str name = BERTH_STR("x");
    assert_false(ml_schema_wants_string(compile("{\"$ref\":\"#\"}", &loop), &name, 1));
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    static const char schema_text[] =
        "{\"type\":\"object\",\"required\":[\"\\u0061\"],\"patternProperties\":{\"^\\u0061\":"
        "{\"pattern\":\"^(x|y)*$\",\"enum\":[\"xy\",\"\\u0078\"]}},\"$defs\":{\"l\":{\"items\":"
        "{\"$ref\":\"#/$defs/l\"},\"uniqueItems\":true}},\"properties\":{\"l\":{\"$ref\":"
        "\"#/$defs/l\"}},\"dependentRequired\":{\"l\":[\"a\"]}}";
    JSON_DOC_AUTO doc = {0};
    assert_true(
        json_parse(&doc, BERTH_STR("{\"\\u0061\":\"\\u0078\",\"l\":[[1],[2,\"\\n\"]]}"), 0, NULL));
    FAULT_EACH_ALLOCATION({
        BASE_ARENA_AUTO arena;
        const struct ml_schema *schema = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        base_arena_init(&arena, 64);
        int32_t code = ml_schema_compile(base_cstr(schema_text), &arena, &schema, &error);
        code = code ? code : ml_schema_check(schema, json_root(&doc), &error);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_fits_from_what_does_not),
        cmocka_unit_test(refuses_schemas_with_their_place),
        cmocka_unit_test(names_the_first_failures),
        cmocka_unit_test(bounds_the_message),
        cmocka_unit_test(ends_what_would_not_end),
        cmocka_unit_test(knows_which_parameters_are_text),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.json_schema", tests, NULL, NULL);
}
