/* SPDX-License-Identifier: Apache-2.0 */
#include "host/settings/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

struct rig {
    struct settings *settings;
    int64_t seen;
    uint32_t changes;
    int64_t refused; /* the value of limit that the observer does not want */
};

static const struct berth_str defaults[] = {BERTH_STR_INIT("5"),   BERTH_STR_INIT("x"),
                                            BERTH_STR_INIT("0.5"), BERTH_STR_INIT("hidden"),
                                            BERTH_STR_INIT("a"),   BERTH_STR_INIT("b")};

static const struct berth_setting declared[] = {
    {.size = sizeof(struct berth_setting),
     .type = BERTH_SETTING_INT,
     .flags = BERTH_SETTING_DYNAMIC,
     .default_count = 1,
     .key = BERTH_STR_INIT("p.limit"),
     .default_values = &defaults[0],
     .min = 0,
     .max = 100},
    {.size = sizeof(struct berth_setting),
     .type = BERTH_SETTING_TEXT,
     .default_count = 1,
     .key = BERTH_STR_INIT("p.fixed"),
     .default_values = &defaults[1]},
    {.size = sizeof(struct berth_setting),
     .type = BERTH_SETTING_FLOAT,
     .flags = BERTH_SETTING_DYNAMIC,
     .default_count = 1,
     .key = BERTH_STR_INIT("p.ratio"),
     .default_values = &defaults[2],
     .min = 0,
     .max = 1},
    {.size = sizeof(struct berth_setting),
     .type = BERTH_SETTING_TEXT,
     .flags = BERTH_SETTING_DYNAMIC | BERTH_SETTING_SENSITIVE,
     .default_count = 1,
     .key = BERTH_STR_INIT("p.secret"),
     .default_values = &defaults[3]},
    {.size = sizeof(struct berth_setting),
     .type = BERTH_SETTING_LIST,
     .flags = BERTH_SETTING_DYNAMIC,
     .default_count = 2,
     .key = BERTH_STR_INIT("p.list"),
     .default_values = &defaults[4]},
};

static int32_t validate(void *user, const struct berth_settings_view *view,
                        struct berth_error *error) {
    struct rig *rig = user;
    int64_t limit = 0;
    int32_t code = settings_get_int(view, BERTH_STR("p.limit"), &limit);
    return code                    ? code
           : limit == rig->refused ? base_error(error, BERTH_E_INVALID, "not that one")
                                   : BERTH_OK;
}

static void changed(void *user, const struct berth_settings_view *view) {
    struct rig *rig = user;
    rig->changes++;
    assert_int_equal(settings_get_int(view, BERTH_STR("p.limit"), &rig->seen), BERTH_OK);
}

static int create(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->refused = -1;
    *state = rig;
    return settings_create(&rig->settings, NULL) ||
           settings_declare(rig->settings, "p", declared, BASE_COUNT(declared), NULL) ||
           settings_observe(rig->settings, "p", validate, changed, rig, NULL);
}

static int destroy(void **state) {
    struct rig *rig = *state;
    settings_destroy(rig->settings);
    free(rig);
    return 0;
}

/* A layer with one value; with key NULL an empty one. */
static struct settings_layer *layer_of(const char *key, const char *value) {
    struct settings_layer *layer = settings_layer_create();
    struct berth_str text = base_cstr(value);
    assert_non_null(layer);
    assert_true(!key || settings_layer_set(layer, base_cstr(key), false, &text, 1));
    return layer;
}

static int64_t limit_in_force(struct settings *settings) {
    const struct berth_settings_view *view = settings_acquire(settings);
    int64_t limit = 0;
    assert_int_equal(settings_get_int(view, BERTH_STR("p.limit"), &limit), BERTH_OK);
    settings_release(settings, view);
    return limit;
}

static void reads_the_highest_layer(void **state) {
    struct rig *rig = *state;
    assert_int_equal(limit_in_force(rig->settings), 5);
    settings_set_file(rig->settings, layer_of("p.limit", "6"));
    assert_int_equal(limit_in_force(rig->settings), 6);
    settings_apply(rig->settings, layer_of("p.limit", "7"), layer_of(NULL, NULL));
    assert_int_equal(limit_in_force(rig->settings), 7);
    settings_apply(rig->settings, layer_of("p.limit", "7"), layer_of("p.limit", "8"));
    assert_int_equal(limit_in_force(rig->settings), 8);
    settings_apply(rig->settings, layer_of(NULL, NULL), layer_of(NULL, NULL));
    assert_int_equal(limit_in_force(rig->settings), 6);
    assert_int_equal(rig->changes, 3);
    assert_int_equal(rig->seen, 6);
}

static void reads_by_type(void **state) {
    struct rig *rig = *state;
    const struct berth_settings_view *view = settings_acquire(rig->settings);
    double ratio = 0;
    int64_t number = 0;
    uint32_t count = 0;
    struct berth_str text;
    const struct berth_str *list;
    assert_int_equal(settings_get_float(view, BERTH_STR("p.ratio"), &ratio), BERTH_OK);
    assert_true(ratio == 0.5);
    assert_int_equal(settings_get_float(view, BERTH_STR("p.limit"), &ratio), BERTH_OK);
    assert_int_equal(settings_get_text(view, BERTH_STR("p.fixed"), &text), BERTH_OK);
    assert_true(base_str_is(text, "x"));
    assert_int_equal(settings_get_list(view, BERTH_STR("p.list"), &list, &count), BERTH_OK);
    assert_int_equal(count, 2);
    assert_true(base_str_is(list[1], "b"));
    assert_int_equal(settings_get_int(view, BERTH_STR("p.ratio"), &number), BERTH_E_INVALID);
    assert_int_equal(settings_get_float(view, BERTH_STR("p.fixed"), &ratio), BERTH_E_INVALID);
    assert_int_equal(settings_get_text(view, BERTH_STR("p.limit"), &text), BERTH_E_INVALID);
    assert_int_equal(settings_get_list(view, BERTH_STR("p.fixed"), &list, &count), BERTH_E_INVALID);
    assert_int_equal(settings_get_int(view, BERTH_STR("p.none"), &number), BERTH_E_NOT_FOUND);
    assert_int_equal(settings_get_text(view, BERTH_STR("p.none"), &text), BERTH_E_NOT_FOUND);
    settings_release(rig->settings, view);
}

static void validates_what_is_proposed(void **state) {
    struct rig *rig = *state;
    rig->refused = 13;
    static const struct {
        const char *key;
        const char *value;
        int32_t code;
        const char *message;
    } cases[] = {
        {NULL, NULL, BERTH_OK, ""},
        {"p.limit", "100", BERTH_OK, ""},
        {"p.limit", "101", BERTH_E_INVALID, "allowed is 0 to 100"},
        {"p.limit", "many", BERTH_E_INVALID, "a whole number"},
        {"p.limit", "13", BERTH_E_INVALID, "not that one"},
        {"p.fixed", "y", BERTH_E_INVALID, "cannot be changed at run time"},
        {"p.none", "1", BERTH_E_INVALID, "there is no setting [p.none]"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        for (int transient = 0; transient <= 1; transient++) {
            struct settings_layer *proposed = layer_of(cases[i].key, cases[i].value);
            struct settings_layer *empty = layer_of(NULL, NULL);
            struct berth_error error = BASE_ERROR_INIT;
            int32_t code = settings_validate(rig->settings, transient ? empty : proposed,
                                             transient ? proposed : empty, &error);
            settings_layer_destroy(proposed);
            settings_layer_destroy(empty);
            if (code != cases[i].code || !strstr(error.message, cases[i].message)) {
                fail_msg("case %zu: %d %s", i, code, error.message);
            }
        }
    }
    assert_int_equal(limit_in_force(rig->settings), 5);
    assert_int_equal(rig->changes, 0);
}

/* A value of a plugin that is gone stays in force and does not bar other changes. */
static void leaves_alone_what_does_not_change(void **state) {
    struct rig *rig = *state;
    settings_apply(rig->settings, layer_of("gone.key", "1"), layer_of(NULL, NULL));
    struct settings_layer *persistent = layer_of("gone.key", "1");
    struct settings_layer *transient = layer_of("p.limit", "9");
    assert_int_equal(settings_validate(rig->settings, persistent, transient, NULL), BERTH_OK);
    struct settings_layer *changed_layer = layer_of("gone.key", "2");
    assert_int_equal(settings_validate(rig->settings, changed_layer, transient, NULL),
                     BERTH_E_INVALID);
    settings_layer_destroy(persistent);
    settings_layer_destroy(transient);
    settings_layer_destroy(changed_layer);
}

static void declares_all_or_nothing(void **state) {
    struct rig *rig = *state;
    struct berth_setting list[3] = {declared[0], declared[1], declared[0]};
    list[0].key = BERTH_STR("q.one");
    list[1].key = BERTH_STR("q.two");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(settings_declare(rig->settings, "q", list, 3, &error), BERTH_E_EXISTS);
    assert_non_null(strstr(error.message, "[p.limit] is declared by [p]"));
    assert_false(settings_is_declared(rig->settings, BERTH_STR("q.*")));
    assert_true(settings_is_declared(rig->settings, BERTH_STR("p.limit")));
    assert_true(settings_is_declared(rig->settings, BERTH_STR("p.*")));
    assert_int_equal(settings_declare(rig->settings, "q", list, 2, NULL), BERTH_OK);
    assert_true(settings_is_declared(rig->settings, BERTH_STR("q.two")));
}

static void checks_the_values_of_the_file(void **state) {
    struct rig *rig = *state;
    struct settings_layer *file = layer_of("q.limit", "1000");
    settings_layer_set_line(file, BERTH_STR("q.limit"), 12);
    settings_set_file(rig->settings, file);
    assert_true(base_str_is(settings_undeclared(rig->settings)->key, "q.limit"));
    struct berth_setting setting = declared[0];
    setting.key = BERTH_STR("q.limit");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(settings_declare(rig->settings, "q", &setting, 1, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "line 12"));
    setting.max = 1000;
    assert_int_equal(settings_declare(rig->settings, "q", &setting, 1, NULL), BERTH_OK);
    assert_null(settings_undeclared(rig->settings));
}

static void forgets_an_owner(void **state) {
    struct rig *rig = *state;
    settings_notify(rig->settings, "other");
    assert_int_equal(rig->changes, 0);
    settings_notify(rig->settings, "p");
    assert_int_equal(rig->changes, 1);
    settings_forget(rig->settings, "p");
    assert_false(settings_is_declared(rig->settings, BERTH_STR("*")));
    settings_apply(rig->settings, layer_of(NULL, NULL), layer_of(NULL, NULL));
    assert_int_equal(rig->changes, 1);
}

static void lists_defaults_and_descriptions(void **state) {
    struct rig *rig = *state;
    settings_set_file(rig->settings, layer_of("p.fixed", "from the file"));
    settings_apply(rig->settings, layer_of("p.limit", "7"), layer_of(NULL, NULL));
    struct settings_layer *layer = settings_defaults(rig->settings);
    BASE_BUF_AUTO out;
    base_buf_init(&out, 4096);
    settings_layer_write(layer, true, &out);
    assert_true(base_str_is(
        base_buf_view(&out),
        "{\"p.fixed\":\"from the file\",\"p.list\":[\"a\",\"b\"],\"p.ratio\":\"0.5\"}"));
    settings_layer_destroy(layer);
    layer = settings_layer_in_force(rig->settings, SETTINGS_PERSISTENT);
    assert_int_equal(settings_layer_count(layer), 1);
    settings_layer_destroy(layer);
    base_buf_clear(&out);
    settings_describe(rig->settings, "p", &out);
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, base_buf_view(&out), 0, NULL));
    assert_int_equal(json_count(json_root(&doc)), BASE_COUNT(declared));
    assert_true(json_is(json_get(json_get(json_root(&doc), "p.limit"), "dynamic"), JSON_TRUE));
}

static int64_t limit_of(struct settings *settings) {
    const struct berth_settings_view *view = settings_acquire(settings);
    int64_t limit = -1;
    assert_non_null(view);
    if (settings_get_int(view, BERTH_STR("g.limit"), &limit)) {
        limit = -1;
    }
    settings_release(settings, view);
    return limit;
}

/* Whichever of two generations goes first, the other's declaration holds. */
static void generations_declare_the_same(void **state) {
    struct rig *rig = *state;
    struct settings *settings = rig->settings;
    static const struct berth_str limits[] = {BERTH_STR_INIT("11"), BERTH_STR_INIT("12")};
    struct berth_setting first = declared[0];
    struct berth_error error = BASE_ERROR_INIT;
    first.key = BERTH_STR("g.limit");
    first.default_values = &limits[0];
    struct berth_setting second = first;
    second.default_values = &limits[1];
    for (int old_goes_first = 0; old_goes_first < 2; old_goes_first++) {
        assert_int_equal(settings_declare(settings, "g#1", &first, 1, NULL), BERTH_OK);
        assert_int_equal(settings_declare(settings, "g#1", &first, 1, NULL), BERTH_E_EXISTS);
        assert_int_equal(settings_declare(settings, "h#1", &first, 1, NULL), BERTH_E_EXISTS);
        assert_int_equal(settings_declare(settings, "g#2", &second, 1, NULL), BERTH_OK);
        assert_int_equal(limit_of(settings), 12);
        settings_forget(settings, old_goes_first ? "g#1" : "g#2");
        assert_int_equal(limit_of(settings), old_goes_first ? 12 : 11);
        settings_forget(settings, old_goes_first ? "g#2" : "g#1");
        assert_int_equal(limit_of(settings), -1);
    }
    assert_int_equal(settings_declare(settings, "g#1", &first, 1, NULL), BERTH_OK);
    second.type = BERTH_SETTING_TEXT;
    assert_int_equal(settings_declare(settings, "g#2", &second, 1, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "another type than [g#1]"));
    assert_int_equal(limit_of(settings), 11);
    struct berth_setting both[] = {second, first};
    both[0].key = BERTH_STR("g.other");
    both[0].type = BERTH_SETTING_TEXT;
    both[1].type = BERTH_SETTING_TEXT;
    assert_int_equal(settings_declare(settings, "g#2", both, 2, NULL), BERTH_E_INVALID);
    assert_false(settings_is_declared(settings, BERTH_STR("g.other")));
    assert_int_equal(limit_of(settings), 11);
}

/* A new declaration must take what is set. */
static void a_new_generation_takes_what_is_set(void **state) {
    struct rig *rig = *state;
    struct berth_setting setting = declared[0];
    struct berth_error error = BASE_ERROR_INIT;
    setting.key = BERTH_STR("g.limit");
    assert_int_equal(settings_declare(rig->settings, "g#1", &setting, 1, NULL), BERTH_OK);
    settings_apply(rig->settings, layer_of("g.limit", "20"), settings_layer_create());
    setting.max = 19;
    assert_int_equal(settings_declare(rig->settings, "g#2", &setting, 1, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "g.limit"));
    assert_int_equal(limit_of(rig->settings), 20);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct settings *settings = NULL;
        int32_t code = settings_create(&settings, NULL);
        if (!code) {
            code = settings_declare(settings, "p", declared, BASE_COUNT(declared), NULL);
            assert_int_equal(settings_is_declared(settings, BERTH_STR("p.*")), code == BERTH_OK);
        }
        if (!code) {
            struct settings_layer *all = settings_defaults(settings);
            assert_true(!all || settings_layer_count(all) == BASE_COUNT(declared) - 1);
            settings_layer_destroy(all);
            settings_release(settings, settings_acquire(settings));
            code = settings_observe(settings, "p", NULL, NULL, NULL, NULL);
        }
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        settings_destroy(settings);
    });
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, create, destroy)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(reads_the_highest_layer),
        IN_RIG(reads_by_type),
        IN_RIG(validates_what_is_proposed),
        IN_RIG(leaves_alone_what_does_not_change),
        IN_RIG(declares_all_or_nothing),
        IN_RIG(checks_the_values_of_the_file),
        IN_RIG(forgets_an_owner),
        IN_RIG(lists_defaults_and_descriptions),
        IN_RIG(generations_declare_the_same),
        IN_RIG(a_new_generation_takes_what_is_set),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.settings", tests, NULL, NULL);
}
