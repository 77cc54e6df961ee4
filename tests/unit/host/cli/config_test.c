/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"
#include "tests/support/temp.h"

static int begin(void **state) {
    char *folder = malloc(TEMP_MAX);
    temp_create(folder);
    *state = folder;
    return 0;
}

static int end(void **state) {
    temp_remove(*state);
    free(*state);
    return 0;
}

static const struct file_case {
    const char *text;
    const char *layer;  /* as flat JSON; NULL: refused */
    const char *reason; /* of that, behind the file's name */
} files[] = {
    {"", "{}", NULL},
    {"# nothing\n", "{}", NULL},
    {"---\n", "{}", NULL},
    {"a.b: 1\nc: text with spaces # not this\n", "{\"a.b\":\"1\",\"c\":\"text with spaces\"}",
     NULL},
    {"a:\n  b:\n    c: true\n  d.e: \"x: y\"\n", "{\"a.b.c\":\"true\",\"a.d.e\":\"x: y\"}", NULL},
    {"l: [a, 'b c', 3]\nm:\n  - x\n", "{\"l\":[\"a\",\"b c\",\"3\"],\"m\":[\"x\"]}", NULL},
    {"l: []\ne: \"\"\nn: 'null'\n", "{\"e\":\"\",\"l\":[],\"n\":\"null\"}", NULL},
    {"a: 1\na: 2\n", NULL, ":2: [a] is set already, in line 1"},
    {"a.b: 1\na:\n  b: 2\n", NULL, ":3: [a.b] is set already, in line 1"},
    {"a:\n", NULL, ":1: a key without a value"},
    {"x: 1\na: ~\n", NULL, ":2: a key without a value"},
    {"a: null\n", NULL, ":1: a key without a value"},
    {"a: &x 1\nb: *x\n", NULL, ":1: anchors"},
    {"b: *x\n", NULL, ":1: aliases"},
    {"a: !!str 1\n", NULL, ":1: tags"},
    {"a: !t [1]\n", NULL, ":1: tags"},
    {"l: [[1]]\n", NULL, ":1: a list holds"},
    {"[a]: 1\n", NULL, ":1: a key is a plain text"},
    {"- a\n", NULL, ":1: settings have the form"},
    {"just text\n", NULL, ":1: settings have the form"},
    {"a: 1\n---\nb: 2\n", NULL, ":2: a second document"},
    {"a: [1\n", NULL, ":2: "},
    {"a: \"x\\0y\"\n", NULL, ":1: a text holds a NUL"},
    {"a: {b: {c: {d: {e: {f: {g: 1}}}}}}\n", "{\"a.b.c.d.e.f.g\":\"1\"}", NULL},
    {"a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", NULL, ":1: nested too deeply"},
};

static bool holds(const struct settings_layer *layer, const char *text) {
    BASE_BUF_AUTO out;
    base_buf_init(&out, 4096);
    settings_layer_write(layer, true, &out);
    return base_str_is(base_buf_view(&out), text);
}

static void reads_files(void **state) {
    char path[TEMP_MAX];
    temp_path(path, *state, "berth.yml");
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        const struct file_case *c = &files[i];
        temp_write(path, c->text, strlen(c->text));
        struct settings_layer *layer = settings_layer_create();
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = config_read(path, layer, &error);
        bool good = c->layer ? code == BERTH_OK && holds(layer, c->layer)
                             : code == BERTH_E_INVALID && strstr(error.message, "berth.yml:") &&
                                   strstr(error.message, c->reason);
        settings_layer_destroy(layer);
        if (!good) {
            fail_msg("case %zu: %d %s", i, code, error.message);
        }
    }
}

static void notes_the_lines(void **state) {
    char path[TEMP_MAX];
    static const char text[] = "a: 1\n\nb:\n  c: 2\n";
    temp_write(temp_path(path, *state, "f"), text, sizeof text - 1);
    struct settings_layer *layer = settings_layer_create();
    assert_int_equal(config_read(path, layer, NULL), BERTH_OK);
    assert_int_equal(settings_layer_get(layer, BERTH_STR("a"))->line, 1);
    assert_int_equal(settings_layer_get(layer, BERTH_STR("b.c"))->line, 4);
    settings_layer_destroy(layer);
}

static void bounds_keys_and_files(void **state) {
    char path[TEMP_MAX];
    temp_path(path, *state, "f");
    for (size_t len = 512; len <= 513; len++) {
        char text[600];
        memset(text, 'k', len);
        memcpy(text + len, ": 1\n", 4);
        temp_write(path, text, len + 4);
        struct settings_layer *layer = settings_layer_create();
        assert_int_equal(config_read(path, layer, NULL), len == 512 ? BERTH_OK : BERTH_E_INVALID);
        settings_layer_destroy(layer);
    }
    char *large = malloc(CONFIG_FILE_MAX + 1);
    memset(large, '#', CONFIG_FILE_MAX + 1);
    temp_write(path, large, CONFIG_FILE_MAX + 1);
    free(large);
    struct settings_layer *layer = settings_layer_create();
    assert_int_equal(config_read(path, layer, NULL), BERTH_E_TOO_LARGE);
    assert_int_equal(config_read(temp_path(path, *state, "none"), layer, NULL), BERTH_E_NOT_FOUND);
    settings_layer_destroy(layer);
}

static const struct {
    const char *assignment;
    const char *layer; /* NULL: refused */
} overrides[] = {
    {"a=1", "{\"a\":\"1\"}"},
    {" a.b = x y ", "{\"a.b\":\"x y\"}"},
    {"a=", "{\"a\":\"\"}"},
    {"a=b=c", "{\"a\":\"b=c\"}"},
    {"a=[x, y ,,z]", "{\"a\":[\"x\",\"y\",\"z\"]}"},
    {"a=[]", "{\"a\":[]}"},
    {"a=[", "{\"a\":\"[\"}"},
    {"a=x,y", "{\"a\":\"x,y\"}"},
    {"a", NULL},
    {"=1", NULL},
    {"", NULL},
};

static void overrides_by_assignment(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(overrides); i++) {
        struct settings_layer *layer = settings_layer_create();
        struct berth_str old = BERTH_STR("old");
        assert_true(settings_layer_set(layer, BERTH_STR("a"), false, &old, 1));
        if (!overrides[i].layer || strstr(overrides[i].assignment, "a.b")) {
            settings_layer_remove(layer, BERTH_STR("a"));
        }
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = config_override(layer, overrides[i].assignment, &error);
        bool good = overrides[i].layer ? code == BERTH_OK && holds(layer, overrides[i].layer)
                                       : code == BERTH_E_INVALID && holds(layer, "{}");
        settings_layer_destroy(layer);
        if (!good) {
            fail_msg("[%s]: %d %s", overrides[i].assignment, code, error.message);
        }
    }
}

/* A list is set whole or not at all. */
static void takes_a_long_list_whole(void **state) {
    (void)state;
    static const struct {
        int count;
        int32_t code;
    } cases[] = {{65, BERTH_OK}, {1024, BERTH_OK}, {1025, BERTH_E_INVALID}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO text;
        base_buf_init(&text, 1u << 16);
        base_buf_cstr(&text, "a=[0");
        for (int k = 1; k < cases[i].count; k++) {
            base_buf_format(&text, ",%d", k);
        }
        base_buf_cstr(&text, "]");
        base_buf_char(&text, '\0');
        struct settings_layer *layer = settings_layer_create();
        assert_int_equal(config_override(layer, text.ptr, NULL), cases[i].code);
        const struct setting_value *value = settings_layer_get(layer, BERTH_STR("a"));
        assert_int_equal(value ? (int)value->count : -1, cases[i].code ? -1 : cases[i].count);
        settings_layer_destroy(layer);
    }
}

static void survives_each_failed_allocation(void **state) {
    char path[TEMP_MAX];
    static const char text[] = "a:\n  b: [x, y]\nc: 1\n";
    temp_write(temp_path(path, *state, "f"), text, sizeof text - 1);
    FAULT_EACH_ALLOCATION({
        struct settings_layer *layer = settings_layer_create();
        int32_t code = layer ? config_read(path, layer, NULL) : BERTH_E_NO_MEMORY;
        code = code ? code : config_override(layer, "d=[e,f]", NULL);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        settings_layer_destroy(layer);
    });
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reads_files),
        IN_FOLDER(notes_the_lines),
        IN_FOLDER(bounds_keys_and_files),
        cmocka_unit_test(overrides_by_assignment),
        cmocka_unit_test(takes_a_long_list_whole),
        IN_FOLDER(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.cli.config", tests, NULL, NULL);
}
