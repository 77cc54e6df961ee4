/* SPDX-License-Identifier: Apache-2.0 */
#include "host/settings/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* Reads a body into two new layers. */
static int32_t read_body(const char *body, struct settings_layer *values,
                         struct settings_layer *resets) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, base_cstr(body), 0, NULL)) {
        return BERTH_E_NO_MEMORY;
    }
    return settings_layer_read(values, resets, json_root(&doc), NULL);
}

static const struct body_case {
    const char *body;
    const char *flat;
    const char *nested;
    const char *resets;
} bodies[] = {
    {"{}", "{}", "{}", "{}"},
    {"{\"a.b\":\"x\"}", "{\"a.b\":\"x\"}", "{\"a\":{\"b\":\"x\"}}", "{}"},
    {"{\"a\":{\"b\":{\"c\":1.50,\"d\":true}},\"e\":-1}",
     "{\"a.b.c\":\"1.50\",\"a.b.d\":\"true\",\"e\":\"-1\"}",
     "{\"a\":{\"b\":{\"c\":\"1.50\",\"d\":\"true\"}},\"e\":\"-1\"}", "{}"},
    {"{\"b\":[1,\"two\",false],\"a\":[]}", "{\"a\":[],\"b\":[\"1\",\"two\",\"false\"]}",
     "{\"a\":[],\"b\":[\"1\",\"two\",\"false\"]}", "{}"},
    {"{\"l.0\":\"x\",\"l.1\":\"y\",\"l.3\":\"z\"}", "{\"l\":[\"x\",\"y\"],\"l.3\":\"z\"}",
     "{\"l\":[\"x\",\"y\"],\"l.3\":\"z\"}", "{}"},
    {"{\"l\":{\"0\":\"x\"},\"m.1\":\"y\"}", "{\"l\":[\"x\"],\"m.1\":\"y\"}",
     "{\"l\":[\"x\"],\"m\":{\"1\":\"y\"}}", "{}"},
    {"{\"l.0\":[\"x\"]}", "{\"l.0\":[\"x\"]}", "{\"l\":{\"0\":[\"x\"]}}", "{}"},
    {"{\"a\":{\"b\":null},\"c.*\":null,\"d\":1}", "{\"d\":\"1\"}", "{\"d\":\"1\"}",
     "{\"a.b\":\"\",\"c.*\":\"\"}"},
    {"{\"a\":1,\"a.b\":2,\"a.c.d\":3}", "{\"a\":\"1\",\"a.b\":\"2\",\"a.c.d\":\"3\"}",
     "{\"a\":\"1\",\"a.b\":\"2\",\"a.c.d\":\"3\"}", "{}"},
    {"{\"a.x\":1,\"a_x\":2,\"a.y\":3,\"a0\":4}",
     "{\"a.x\":\"1\",\"a.y\":\"3\",\"a0\":\"4\",\"a_x\":\"2\"}",
     "{\"a\":{\"x\":\"1\",\"y\":\"3\"},\"a0\":\"4\",\"a_x\":\"2\"}", "{}"},
    {"{\"a\":1,\"a\":2}", "{\"a\":\"2\"}", "{\"a\":\"2\"}", "{}"},
};

static bool writes(const struct settings_layer *layer, bool flat, const char *text) {
    BASE_BUF_AUTO out;
    base_buf_init(&out, 4096);
    settings_layer_write(layer, flat, &out);
    return out.error || base_str_is(base_buf_view(&out), text);
}

static void reads_and_writes_json(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        FAULT_EACH_ALLOCATION({
            struct settings_layer *values = settings_layer_create();
            struct settings_layer *resets = settings_layer_create();
            int32_t code =
                values && resets ? read_body(bodies[i].body, values, resets) : BERTH_E_NO_MEMORY;
            bool good =
                code == BERTH_E_NO_MEMORY ||
                (code == BERTH_OK && writes(values, true, bodies[i].flat) &&
                 writes(values, false, bodies[i].nested) && writes(resets, true, bodies[i].resets));
            settings_layer_destroy(values);
            settings_layer_destroy(resets);
            if (!good) {
                fail_msg("%s, allocation %u: code %d", bodies[i].body, fault_n, code);
            }
        });
    }
}

static void refuses_what_is_no_value(void **state) {
    (void)state;
    static const char *const refused[] = {"{\"a\":[[1]]}", "{\"a\":[{}]}", "{\"a\":[null]}"};
    struct settings_layer *values = settings_layer_create();
    struct settings_layer *resets = settings_layer_create();
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        assert_int_equal(read_body(refused[i], values, resets), BERTH_E_INVALID);
    }
    settings_layer_destroy(values);
    settings_layer_destroy(resets);
}

static void bounds_the_number_of_keys(void **state) {
    (void)state;
    BASE_BUF_AUTO body;
    base_buf_init(&body, 1u << 20);
    base_buf_cstr(&body, "{");
    for (int i = 0; i < 4097; i++) {
        base_buf_format(&body, "%s\"k%d\":1", i ? "," : "", i);
    }
    base_buf_char(&body, '}');
    base_buf_char(&body, '\0');
    struct settings_layer *values = settings_layer_create();
    struct settings_layer *resets = settings_layer_create();
    assert_int_equal(read_body(body.ptr, values, resets), BERTH_E_INVALID);
    assert_int_equal(settings_layer_count(values), 4096);
    settings_layer_destroy(values);
    settings_layer_destroy(resets);
}

static void sets_replaces_and_removes(void **state) {
    (void)state;
    struct settings_layer *layer = settings_layer_create();
    static const char *const keys[] = {"m", "a", "z", "a.b", "m"};
    for (size_t i = 0; i < BASE_COUNT(keys); i++) {
        struct berth_str text = base_cstr(i == 4 ? "new" : "old");
        assert_true(settings_layer_set(layer, base_cstr(keys[i]), false, &text, 1));
    }
    assert_int_equal(settings_layer_count(layer), 4);
    for (size_t i = 1; i < 4; i++) {
        assert_true(base_str_cmp(settings_layer_at(layer, i - 1)->key,
                                 settings_layer_at(layer, i)->key) < 0);
    }
    assert_true(base_str_is(settings_layer_get(layer, BERTH_STR("m"))->texts[0], "new"));
    settings_layer_set_line(layer, BERTH_STR("m"), 7);
    settings_layer_set_line(layer, BERTH_STR("unknown"), 8);
    assert_int_equal(settings_layer_get(layer, BERTH_STR("m"))->line, 7);
    settings_layer_remove(layer, BERTH_STR("a"));
    settings_layer_remove(layer, BERTH_STR("unknown"));
    assert_null(settings_layer_get(layer, BERTH_STR("a")));
    assert_non_null(settings_layer_get(layer, BERTH_STR("a.b")));
    assert_int_equal(settings_layer_count(layer), 3);
    settings_layer_destroy(layer);
    assert_null(settings_layer_get(NULL, BERTH_STR("a")));
    assert_int_equal(settings_layer_count(NULL), 0);
}

static void reads_one_text_as_a_list(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t count;
        const char *items[3];
    } cases[] = {
        {"a", 1, {"a"}},
        {" a , b,,c ", 3, {"a", "b", "c"}},
        {"", 0, {NULL}},
        {" , ", 0, {NULL}},
    };
    struct settings_layer *layer = settings_layer_create();
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str text = base_cstr(cases[i].text);
        assert_true(settings_layer_set(layer, BERTH_STR("k"), false, &text, 1));
        const struct setting_value *value = settings_layer_get(layer, BERTH_STR("k"));
        assert_true(base_str_eq(value->texts[0], text));
        assert_int_equal(value->item_count, cases[i].count);
        for (uint32_t k = 0; k < value->item_count; k++) {
            assert_true(base_str_is(value->items[k], cases[i].items[k]));
        }
    }
    settings_layer_destroy(layer);
}

/* The copy is whole and of its own. */
static void copies_a_layer(void **state) {
    (void)state;
    struct settings_layer *layer = settings_layer_create();
    struct settings_layer *resets = settings_layer_create();
    assert_int_equal(read_body("{\"a\":\"x,y\",\"b\":[1,2]}", layer, resets), BERTH_OK);
    FAULT_EACH_ALLOCATION({
        struct settings_layer *copy = settings_layer_copy(layer);
        if (copy) {
            assert_int_equal(settings_layer_get(copy, BERTH_STR("a"))->item_count, 2);
            settings_layer_remove(copy, BERTH_STR("a"));
            assert_int_equal(settings_layer_count(copy), 1);
        }
        settings_layer_destroy(copy);
    });
    assert_true(writes(layer, true, "{\"a\":\"x,y\",\"b\":[\"1\",\"2\"]}"));
    settings_layer_destroy(layer);
    settings_layer_destroy(resets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_json),     cmocka_unit_test(refuses_what_is_no_value),
        cmocka_unit_test(bounds_the_number_of_keys), cmocka_unit_test(sets_replaces_and_removes),
        cmocka_unit_test(reads_one_text_as_a_list),  cmocka_unit_test(copies_a_layer),
    };
    return cmocka_run_group_tests_name("host.settings.layer", tests, NULL, NULL);
}
