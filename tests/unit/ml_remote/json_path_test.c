/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/json_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

#define SHOP                                                                                       \
    "{\"shelf\":[{\"n\":1,\"kind\":\"pen\",\"tags\":[\"a\",\"b\"]},"                               \
    "{\"n\":5,\"kind\":\"ink\",\"sold\":true},"                                                    \
    "{\"n\":8.5,\"kind\":\"pen\",\"sold\":false,\"by\":null}],"                                    \
    "\"best\":5,\"open day\":\"mon\"}"

#define NOT_FOUND NULL

/* A path, a document, and what the path gives; NULL: it is not found. */
static const struct {
    const char *path;
    const char *document;
    const char *result;
} selections[] = {
    /* root and members */
    {"$", "{\"a\": [1, 2]}", "{\"a\": [1, 2]}"},
    {"$", "17", "17"},
    {"  $.a  ", "{\"a\":1}", "1"},
    {"$.a", "{\"a\":1}", "1"},
    {"$.a.b", "{\"a\":{\"b\":1e400}}", "1e400"},
    {"$['a']", "{\"a\":1}", "1"},
    {"$[\"a\"]", "{\"a\":1}", "1"},
    {"$[ 'a' ]", "{\"a\":1}", "1"},
    {"$.['a']", "{\"a\":1}", "1"},
    {"$['a']['b'].c", "{\"a\":{\"b\":{\"c\":null}}}", "null"},
    {"$['open day']", SHOP, "\"mon\""},
    {"$['a.b']", "{\"a.b\":1,\"a\":{\"b\":2}}", "1"},
    {"$['it\\'s']", "{\"it's\":1}", "1"},
    {"$['\\u00e9']", "{\"\xc3\xa9\":1}", "1"},
    {"$.\xc3\xa9", "{\"\\u00e9\":1}", "1"},
    {"$['']", "{\"\":1}", "1"},
    {"$['*']", "{\"*\":1,\"b\":2}", "1"},
    {"$.max-tokens", "{\"max-tokens\":3}", "3"},
    {"$.2", "{\"2\":\"two\"}", "\"two\""},
    {"$.$", "{\"$\":1}", "1"},
    {"a.b", "{\"a\":{\"b\":1}}", "1"},
    {"['a']", "{\"a\":1}", "1"},
    {"@.a", "{\"a\":1}", "1"},
    {"$.a", "{\"b\":1}", NOT_FOUND},
    {"$.a.b", "{\"a\":1}", NOT_FOUND},
    {"$.a.b", "{}", NOT_FOUND},
    {"$.a", "[{\"a\":1}]", NOT_FOUND},
    {"$.0", "[1]", NOT_FOUND},
    {"$.A", "{\"a\":1}", NOT_FOUND},
    /* several names */
    {"$['a','b']", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2}"},
    {"$['b','a','zz']", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
    {"$['zz','z']", "{\"a\":1}", "{}"},
    {"$['a','b']", "[1]", NOT_FOUND},
    {"$['a','b','q'].n", "{\"a\":{\"n\":1},\"b\":{\"n\":2},\"c\":{\"n\":3}}", "[1,2]"},
    {"$[*]['a','b']", "[{\"a\":1,\"c\":2},{\"b\":3},4]", "[{\"a\":1},{\"b\":3}]"},
    {"$..['a','b']", "[{\"a\":1,\"b\":2},{\"a\":3}]", "[{\"a\":1,\"b\":2}]"},
    /* elements */
    {"$[0]", "[7,8,9]", "7"},
    {"$[ 1 ]", "[7,8,9]", "8"},
    {"$[-1]", "[7,8,9]", "9"},
    {"$[-3]", "[7,8,9]", "7"},
    {"$[-4]", "[7,8,9]", NOT_FOUND},
    {"$[3]", "[7,8,9]", NOT_FOUND},
    {"$[0]", "[]", NOT_FOUND},
    {"$[0]", "{\"0\":1}", NOT_FOUND},
    {"$[0]", "\"text\"", NOT_FOUND},
    {"$.a[0]", "{\"a\":null}", NOT_FOUND},
    {"$.a[1].b[0]", "{\"a\":[0,{\"b\":[[2]]}]}", "[2]"},
    {"$[0][1]", "[[1,2],[3]]", "2"},
    {"$[0,2]", "[7,8,9]", "[7,9]"},
    {"$[2, 0 ,-1]", "[7,8,9]", "[9,7,9]"},
    {"$[0,0]", "[7]", "[7,7]"},
    {"$[5,1]", "[7,8]", "[8]"},
    {"$[0,1].a", "[{\"a\":1},{\"b\":1}]", "[1]"},
    {"$[2147483647]", "[1]", NOT_FOUND},
    /* slices */
    {"$[1:3]", "[0,1,2,3,4]", "[1,2]"},
    {"$[1:]", "[0,1,2]", "[1,2]"},
    {"$[:2]", "[0,1,2]", "[0,1]"},
    {"$[-2:]", "[0,1,2]", "[1,2]"},
    {"$[-9:]", "[0,1,2]", "[0,1,2]"},
    {"$[:-1]", "[0,1,2]", "[0,1]"},
    {"$[:-7]", "[0,1,2]", "[]"},
    {"$[0:9]", "[0,1]", "[0,1]"},
    {"$[-3:-1]", "[0,1,2,3]", "[1,2]"},
    {"$[-2147483648:-1]", "[0,1]", "[0]"},
    {"$[1:-1]", "[0,1,2,3]", "[]"},
    {"$[-1:1]", "[0,1,2]", "[2,0]"},
    {"$[2:1]", "[0,1,2]", "[]"},
    {"$[0:4:2]", "[0,1,2,3,4]", "[0,1,2,3]"},
    {"$[7:]", "[0]", "[]"},
    {"$[0:1]", "[]", "[]"},
    {"$[0:1]", "{\"a\":1}", NOT_FOUND},
    {"$.shelf[0:2].n", SHOP, "[1,5]"},
    /* wildcards */
    {"$[*]", "[1,[2],{\"a\":3}]", "[1,[2],{\"a\":3}]"},
    {"$.*", "{\"a\":1,\"b\":[2]}", "[1,[2]]"},
    {"$[ * ]", "[]", "[]"},
    {"$.*", "4", "[]"},
    {"$.shelf[*].n", SHOP, "[1,5,8.5]"},
    {"$.shelf[*].sold", SHOP, "[true,false]"},
    {"$.shelf[*].tags[0]", SHOP, "[\"a\"]"},
    {"$.*.*", "{\"a\":[1,2],\"b\":{\"c\":3},\"d\":4}", "[1,2,3]"},
    {"$.zzz[*]", "{}", NOT_FOUND},
    {"$.zzz[*].a", "{\"zzz\":null}", "[]"},
    {"$.data[*].embedding", "{\"data\":[{\"embedding\":[0.10,-2E-3]},{\"embedding\":[]}]}",
     "[[0.10,-2E-3],[]]"},
    /* any depth */
    {"$..n", SHOP, "[1,5,8.5]"},
    {"$..a", "{\"a\":{\"a\":1,\"b\":[{\"a\":2}]}}", "[{\"a\":1,\"b\":[{\"a\":2}]},1,2]"},
    {"$..a", "{\"b\":1}", "[]"},
    {"$..a", "1", "[]"},
    {"$..*", "{\"a\":[1],\"b\":2}", "[[1],2,1]"},
    {"$..[*]", "[[1],2]", "[[1],2,1]"},
    {"$..[0]", "[[1,2],3]", "[[1,2],1]"},
    {"$..['a']", "[{\"a\":1}]", "[1]"},
    {"$..a.b", "{\"a\":{\"b\":1},\"c\":{\"a\":{\"b\":2}}}", "[1,2]"},
    {"$..a..b", "{\"a\":{\"c\":{\"b\":1}}}", "[1]"},
    {"$..[0].a", "[{\"a\":1},{\"a\":2}]", "[1,2]"},
    {"$.x..a", "{}", NOT_FOUND},
    {"$..[?(@.n > 4)].kind", SHOP, "[\"ink\",\"pen\"]"},
    /* filters */
    {"$.shelf[?(@.n == 5)].kind", SHOP, "[\"ink\"]"},
    {"$.shelf[?(@.kind == 'pen')].n", SHOP, "[1,8.5]"},
    {"$.shelf[?(@.kind == \"pen\" && @.n > 3)].n", SHOP, "[8.5]"},
    {"$.shelf[?(@.n < 2 || @.n > 8)].n", SHOP, "[1,8.5]"},
    {"$.shelf[?(@.n<2||@.n>8&&@.sold==true)].n", SHOP, "[1]"},
    {"$.shelf[?((@.n < 2 || @.n > 8) && @.sold == false)].n", SHOP, "[8.5]"},
    {"$.shelf[?(@.sold)].n", SHOP, "[5,8.5]"},
    {"$.shelf[?(!@.sold)].n", SHOP, "[1]"},
    {"$.shelf[?(!(@.sold))].n", SHOP, "[1]"},
    {"$.shelf[?( ! ( @.n >= 5 ) )].n", SHOP, "[1]"},
    {"$.shelf[?(!!@.sold)].n", SHOP, "[5,8.5]"},
    {"$.shelf[?(@.by == null)].n", SHOP, "[8.5]"},
    {"$.shelf[?(@.by != null)].n", SHOP, "[1,5]"},
    {"$.shelf[?(@['n'] <= $.best)].n", SHOP, "[1,5]"},
    {"$.shelf[?(5 == @.n)].n", SHOP, "[5]"},
    {"$.shelf[?(@.tags)].n", SHOP, "[1]"},
    {"$.shelf[?(@.tags[5])].n", SHOP, "[]"},
    {"$.shelf[?(@.tags[*])].n", SHOP, "[1]"},
    {"$.shelf[?(@['sold','by'])].n", SHOP, "[8.5]"},
    {"$.shelf[?(@..by)].n", SHOP, "[8.5]"},
    {"$.shelf[?($.nothing)].n", SHOP, "[]"},
    {"$.shelf[?(@.tags[1] == 'b')].n", SHOP, "[1]"},
    {"$.shelf[?(@.n >= 5)]['n','kind']", SHOP,
     "[{\"n\":5,\"kind\":\"ink\"},{\"n\":8.5,\"kind\":\"pen\"}]"},
    {"$[?(@ > 1)]", "[1,2,3]", "[2,3]"},
    {"$[?(@ == 'x')]", "[\"x\",\"\\u0078\",\"y\"]", "[\"x\",\"\\u0078\"]"},
    {"$[?(@ < 'b')]", "[\"a\",\"b\",\"aa\"]", "[\"a\",\"aa\"]"},
    {"$[?(@ == 1)]", "[1,1.0,10e-1,\"1\",true,null]", "[1,1.0,10e-1,\"1\"]"},
    {"$[?('1' == @)]", "[1,2,\"1\"]", "[1,\"1\"]"},
    {"$[?(@ == true)]", "[true,false,1,\"true\"]", "[true]"},
    {"$[?(@ == null)]", "[null,false,0]", "[null]"},
    {"$[?(@ == 9007199254740993)]", "[9007199254740992,9007199254740993]", "[9007199254740993]"},
    {"$[?(@.a == @.b)]",
     "[{\"a\":[1,{\"x\":1,\"y\":2}],\"b\":[1.0,{\"y\":2,\"x\":1}]},"
     "{\"a\":[1],\"b\":[2]}]",
     "[{\"a\":[1,{\"x\":1,\"y\":2}],\"b\":[1.0,{\"y\":2,\"x\":1}]}]"},
    {"$[?(@.a == @.b)]", "[{}]", "[]"},
    {"$[?(@.a != 1)]", "[{\"b\":2}]", "[{\"b\":2}]"},
    {"$[?(@.a > 1)]", "[{\"a\":null},{\"a\":[2]},{\"a\":2}]", "[{\"a\":2}]"},
    {"$[?(@.a)]", "{\"a\":1}", "[{\"a\":1}]"},
    {"$.x[?(@.a == 1)].a", "{\"x\":{\"a\":1}}", "[1]"},
    {"$[?(@.a == 1)]", "{\"a\":2}", "[]"},
    {"$[?(@.s == 'it\\'s (a] \"b\"')].n", "[{\"s\":\"it's (a] \\\"b\\\"\",\"n\":1}]", "[1]"},
    {"$[?(@.list[?(@ == 2)])].n", "[{\"n\":1,\"list\":[1]},{\"n\":2,\"list\":[2]}]", "[2]"},
    {"$.a[?(@ == 1)]", "{\"a\":1}", NOT_FOUND},
    {"$.*[?(@ == 1)]", "{\"a\":1,\"b\":[1]}", "[1]"},
    {"$[?(@ == -1.5e1)]", "[-15]", "[-15]"},
};

static const char *const definite[] = {"$", "$.a", "$['a'][0].b", "$[-1]", "$['a','b']", "a.b"};
static const char *const indefinite[] = {
    "$..a", "$[*]", "$.*.a", "$[0,1]", "$[0:1]", "$[?(@.a)]", "$['a','b'].c", "$.a..b.c",
};

/* A path that is refused, and words of the message. */
static const struct {
    const char *path;
    const char *message;
} refusals[] = {
    {"", "has 1 to"},
    {"   ", "has 1 to"},
    {"$a", "character 2: expected . or [, found 'a'"},
    {"$ .a", "character 2: expected . or [, found byte 32"},
    {"$.", "expected a name, * or [, found the end"},
    {"$..", "expected a name"},
    {"$...a", "expected a name"},
    {"$.a.", "expected a name"},
    {"$.a b", "['a name']"},
    {"$[", "expected a name in quotes, an index"},
    {"$[]", "expected a name in quotes, an index, a slice, * or ?(a filter), found ']'"},
    {"$[a]", "expected a name in quotes"},
    {"$['a'", "expected ], found the end"},
    {"$['a", "a closing quote"},
    {"$[\"a", "a closing double quote"},
    {"$['a\\", "a closing quote"},
    {"$['\\u12g4']", "four hexadecimal digits"},
    {"$['a',]", "a name in quotes"},
    {"$['a' 'b']", "expected ], found '''"},
    {"$['a']b", "expected . or ["},
    {"$[1", "expected ]"},
    {"$[1,]", "a whole number"},
    {"$[1.5]", "expected ], found '.'"},
    {"$[-]", "a whole number"},
    {"$[2147483648]", "32 bits"},
    {"$[99999999999999999999]", "32 bits"},
    {"$[:]", "a slice with a start or an end"},
    {"$[::2]", "a slice with a start or an end"},
    {"$[1:2:3:4]", "expected ], found ':'"},
    {"$[*", "expected ]"},
    {"$[**]", "expected ], found '*'"},
    {"$.a.length()", "character 5: the function length() is not supported"},
    {"$.numbers.sum()", "names, indices, slices, *, .. and filters are"},
    {"$[?(@.a.size() > 1)]", "the function size() is not supported"},
    {"$[(@.length-1)]", "expected a name in quotes"},
    {"$[?]", "expected ("},
    {"$[?@.a]", "expected (, found '@'"},
    {"$[?()]", "a path from @ or $"},
    {"$[?(@.a]", "expected one of =="},
    {"$[?(@.a)", "expected ], found the end"},
    {"$[?(@.a == )]", "a path from @ or $, text in quotes, a number"},
    {"$[?(@.a = 1)]", "expected one of =="},
    {"$[?(@.a === 1)]", "expected one of =="},
    {"$[?(@.a =~ /x/)]", "expected one of =="},
    {"$[?(@.a in ['x'])]", "expected one of =="},
    {"$[?(@.a == [1])]", "a path from @ or $"},
    {"$[?(@.a == nul)]", "a path from @ or $"},
    {"$[?(@.a == 01)]", "a number as JSON has it"},
    {"$[?(@.a == 'x)]", "a closing quote"},
    {"$[?(@.a && )]", "a path from @ or $"},
    {"$[?(@.a & @.b)]", "expected ), && or ||"},
    {"$[?(true)]", "expected one of =="},
    {"$[?(1 == 1 2)]", "expected ), && or ||"},
    {"$[?(!@.a == 1)]", "in parentheses"},
    {"$[?(@.a[*] == 1)]", "cannot be compared"},
    {"$[?(@..a == 1)]", "cannot be compared"},
    {"$[?(1 < @['a','b'])]", "cannot be compared"},
    {"$[?(((((((((@.a)))))))))]", "nested too deeply"},
    {"$[?(!!!!!!!!!@.a)]", "nested too deeply"},
    {"$[?(@[?(@[?(@[?(@[?(@[?(@[?(@[?(@[?(@.a)])])])])])])])])]", "nested too deeply"},
};

static void gives_what_the_path_names(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < BASE_COUNT(selections); i++) {
        BASE_ARENA_AUTO arena;
        BASE_BUF_AUTO out;
        JSON_DOC_AUTO doc = {0};
        struct ml_path path;
        struct berth_error error = BASE_ERROR_INIT;
        base_arena_init(&arena, 1024);
        base_buf_init(&out, 1u << 20);
        assert_true(json_parse(&doc, base_cstr(selections[i].document), 0, NULL));
        int32_t code = ml_path_compile(base_cstr(selections[i].path), &arena, &path, &error);
        code = code ? code : ml_path_write(&path, json_root(&doc), &out);
        const char *expected = selections[i].result ? selections[i].result : "";
        if (code != (selections[i].result ? BERTH_OK : BERTH_E_NOT_FOUND) ||
            !base_str_is(base_buf_view(&out), expected)) {
            print_error("%s on %s: %s [" BASE_FMT "] %s\n", selections[i].path,
                        selections[i].document, base_error_name(code),
                        BASE_ARG(base_buf_view(&out)), error.message);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void knows_definite_paths(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    struct ml_path path;
    for (size_t i = 0; i < BASE_COUNT(definite); i++) {
        assert_int_equal(ml_path_compile(base_cstr(definite[i]), &arena, &path, NULL), 0);
        assert_true(ml_path_is_definite(&path));
    }
    for (size_t i = 0; i < BASE_COUNT(indefinite); i++) {
        assert_int_equal(ml_path_compile(base_cstr(indefinite[i]), &arena, &path, NULL), 0);
        assert_false(ml_path_is_definite(&path));
    }
}

static void refuses_with_the_place_and_what_was_expected(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < BASE_COUNT(refusals); i++) {
        BASE_ARENA_AUTO arena;
        struct ml_path path;
        struct berth_error error = BASE_ERROR_INIT;
        base_arena_init(&arena, 1024);
        int32_t code = ml_path_compile(base_cstr(refusals[i].path), &arena, &path, &error);
        if (code != BERTH_E_INVALID || !strstr(error.message, refusals[i].message)) {
            print_error("%s: %s, %s\n", refusals[i].path, base_error_name(code), error.message);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* "$" and a step, so often. */
static int32_t compile_repeated(const char *step, uint32_t count, struct base_arena *arena,
                                struct berth_error *error) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, 1u << 20);
    base_buf_char(&text, '$');
    for (uint32_t i = 0; i < count; i++) {
        base_buf_cstr(&text, step);
    }
    struct ml_path path;
    return ml_path_compile(base_buf_view(&text), arena, &path, error);
}

static void has_bounds(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    struct berth_error error = BASE_ERROR_INIT;
    base_arena_init(&arena, 1024);
    assert_int_equal(compile_repeated(".a", ML_PATH_STEPS_MAX, &arena, &error), BERTH_OK);
    assert_int_equal(compile_repeated(".a", ML_PATH_STEPS_MAX + 1, &arena, &error),
                     BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "too many steps"));
    assert_int_equal(compile_repeated("a", ML_PATH_TEXT_MAX, &arena, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "4096 bytes"));
    struct ml_path path;
    BASE_BUF_AUTO text;
    base_buf_init(&text, 1u << 20);
    base_buf_cstr(&text, "$[0");
    for (uint32_t i = 0; i < ML_PATH_LIST_MAX; i++) {
        base_buf_cstr(&text, ",1");
    }
    base_buf_cstr(&text, "]");
    assert_int_equal(ml_path_compile(base_buf_view(&text), &arena, &path, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "too many indices"));
}

static int32_t count_match(const struct ml_path_match *match, void *user) {
    (void)match;
    ++*(uint64_t *)user;
    return BERTH_OK;
}

static void ends_what_would_take_too_long(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO text;
    JSON_DOC_AUTO doc = {0};
    struct ml_path path;
    uint64_t count = 0;
    base_arena_init(&arena, 1024);
    base_buf_init(&text, 1u << 20);
    for (int i = 0; i < 200; i++) {
        base_buf_cstr(&text, "[1,");
    }
    base_buf_cstr(&text, "1");
    for (int i = 0; i < 200; i++) {
        base_buf_cstr(&text, "]");
    }
    assert_true(json_parse(&doc, base_buf_view(&text), 0, NULL));
    assert_int_equal(ml_path_compile(BERTH_STR("$..*..*..*..*"), &arena, &path, NULL), BERTH_OK);
    assert_int_equal(ml_path_select(&path, json_root(&doc), count_match, &count), BERTH_E_LIMIT);
    BASE_BUF_AUTO out;
    base_buf_init(&out, 4096);
    int32_t code = ml_path_write(&path, json_root(&doc), &out);
    assert_int_not_equal(code, BERTH_OK);
    assert_int_equal(code, out.error);
    assert_int_equal(out.len, 0);
}

static void is_linear_and_allocates_nothing_for_embeddings(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO text;
    JSON_DOC_AUTO doc = {0};
    struct ml_path path;
    uint64_t count = 0;
    const uint64_t rows = 100000;
    base_arena_init(&arena, 1024);
    base_buf_init(&text, 64u << 20);
    json_open_object(&text);
    json_key(&text, "data");
    json_open_array(&text);
    for (uint64_t i = 0; i < rows; i++) {
        json_put_raw(&text, BERTH_STR("{\"index\":0,\"embedding\":[0.5,0.25]}"));
    }
    json_close_array(&text);
    json_close_object(&text);
    assert_true(json_parse(&doc, base_buf_view(&text), 0, NULL));
    assert_int_equal(ml_path_compile(BERTH_STR("$.data[*].embedding"), &arena, &path, NULL), 0);
    fault_fail_allocation(1);
    int32_t code = ml_path_select(&path, json_root(&doc), count_match, &count);
    assert_false(fault_end());
    assert_int_equal(code, BERTH_OK);
    assert_int_equal(count, rows);
}

static int32_t stop_at_second(const struct ml_path_match *match, void *user) {
    (void)match;
    return ++*(uint64_t *)user == 2 ? BERTH_E_CANCELLED : BERTH_OK;
}

static void ends_when_the_caller_says_so(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    JSON_DOC_AUTO doc = {0};
    struct ml_path path;
    uint64_t count = 0;
    base_arena_init(&arena, 1024);
    assert_true(json_parse(&doc, BERTH_STR("[1,2,3]"), 0, NULL));
    assert_int_equal(ml_path_compile(BERTH_STR("$[*]"), &arena, &path, NULL), BERTH_OK);
    assert_int_equal(ml_path_select(&path, json_root(&doc), stop_at_second, &count),
                     BERTH_E_CANCELLED);
    assert_int_equal(count, 2);
}

static void finds_nothing_in_an_absent_document(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    struct ml_path path;
    uint64_t count = 0;
    base_arena_init(&arena, 1024);
    assert_int_equal(ml_path_compile(BERTH_STR("$..a"), &arena, &path, NULL), BERTH_OK);
    assert_int_equal(ml_path_select(&path, JSON_NONE, count_match, &count), BERTH_E_NOT_FOUND);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    JSON_DOC_AUTO doc = {0};
    assert_true(
        json_parse(&doc, BERTH_STR("[{\"a\":\"\\u0078\",\"b\":\"\\u0078\"},{\"a\":1}]"), 0, NULL));
    FAULT_EACH_ALLOCATION({
        BASE_ARENA_AUTO arena;
        BASE_BUF_AUTO out;
        struct ml_path path;
        base_arena_init(&arena, 64);
        base_buf_init(&out, 1u << 20);
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = ml_path_compile(
            BERTH_STR("[?((@.a == @.b || @['a','b']) && !(@.a == 'q\\'\\u0041'))].a"), &arena,
            &path, &error);
        code = code ? code : ml_path_write(&path, json_root(&doc), &out);
        assert_true(code == BERTH_OK ? base_str_is(base_buf_view(&out), "[\"\\u0078\"]")
                                     : code == BERTH_E_NO_MEMORY);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_the_path_names),
        cmocka_unit_test(knows_definite_paths),
        cmocka_unit_test(refuses_with_the_place_and_what_was_expected),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(ends_what_would_take_too_long),
        cmocka_unit_test(is_linear_and_allocates_nothing_for_embeddings),
        cmocka_unit_test(ends_when_the_caller_says_so),
        cmocka_unit_test(finds_nothing_in_an_absent_document),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.json_path", tests, NULL, NULL);
}
