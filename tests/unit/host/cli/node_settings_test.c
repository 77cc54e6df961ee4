/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/node_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/cli/config.h"
#include "tests/support/fault.h"

/* Settings of a file with up to three assignments; NULL where declaring them fails. */
static struct settings *settings_of(const char *const *assignments, struct berth_error *error) {
    struct settings *settings = NULL;
    struct settings_layer *file = settings_layer_create();
    int32_t code = file ? settings_create(&settings, error) : BERTH_E_NO_MEMORY;
    for (uint32_t i = 0; i < 3 && assignments[i] && !code; i++) {
        code = config_override(file, assignments[i], error);
    }
    if (code) {
        settings_layer_destroy(file);
    } else {
        settings_set_file(settings, file);
        code = node_settings_declare(settings, error);
    }
    if (code) {
        settings_destroy(settings);
    }
    return code ? NULL : settings;
}

static void has_defaults(void **state) {
    (void)state;
    const char *none[3] = {NULL};
    struct settings *settings = settings_of(none, NULL);
    const struct berth_settings_view *view = settings_acquire(settings);
    struct node_settings s;
    assert_int_equal(node_settings_read(view, &s, NULL), BERTH_OK);
    assert_true(base_str_is(s.cluster_name, "berth"));
    assert_true(base_str_is(s.node_name, ""));
    assert_true(base_str_is(s.data_path, "data"));
    assert_true(base_str_is(s.http_host, "127.0.0.1"));
    assert_int_equal(s.http_port, 9200);
    assert_int_equal(s.role_count, 4);
    assert_int_equal(s.plugin_count, 0);
    assert_int_equal(s.limits.max_content_length, 100u << 20);
    assert_int_equal(s.limits.header_timeout_ms, 10000);
    assert_int_equal(s.limits.max_headers, 100);
    assert_int_equal(s.worker_threads, 8);
    assert_int_equal(s.store_refresh_interval_ms, 1000);
    assert_int_equal(s.shutdown_timeout_ms, 30000);
    assert_true(s.compression && s.store_sync_full);
    assert_false(s.tls || s.tls_client_required);
    settings_release(settings, view);
    settings_destroy(settings);
}

#define TLS "plugins.security.ssl.http."

static const struct settings_case {
    const char *assignments[3];
    const char *reason; /* of the refusal; NULL: taken */
} cases[] = {
    {{"http.port=0"}, NULL},
    {{"http.port=65535"}, NULL},
    {{"http.port=65536"}, "[http.port]"},
    {{"http.port=-1"}, "[http.port]"},
    {{"http.port=http"}, "[http.port]"},
    {{"http.loops=65"}, "[http.loops]"},
    {{"http.max_content_length=2gb"}, "[http.max_content_length]"},
    {{"http.header_timeout=1ms"}, "[http.header_timeout]"},
    {{"http.compression=maybe"}, "[http.compression]"},
    {{"log.level=debug"}, NULL},
    {{"log.level=loud"}, "[log.level]"},
    {{"store.sync=normal"}, NULL},
    {{"store.sync=off"}, "[store.sync]"},
    {{TLS "enabled=true"}, "[pemcert_filepath]"},
    {{TLS "enabled=true", TLS "pemcert_filepath=c"}, "[pemkey_filepath]"},
    {{TLS "enabled=true", TLS "pemcert_filepath=c", TLS "pemkey_filepath=k"}, NULL},
    {{TLS "clientauth_mode=REQUIRE"}, "[pemtrustedcas_filepath]"},
    {{TLS "clientauth_mode=REQUIRE", TLS "pemtrustedcas_filepath=a"}, NULL},
    {{TLS "clientauth_mode=NONE"}, "clientauth_mode]"},
    {{"node.attr.zone=a", "node.attr.rack_1=b"}, NULL},
    {{"node.attr.=a"}, "node.attr."},
};

static void checks_values(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        struct settings *settings = settings_of(cases[i].assignments, &error);
        int32_t code = BERTH_E_INVALID;
        if (settings) {
            const struct berth_settings_view *view = settings_acquire(settings);
            struct node_settings s;
            code = node_settings_read(view, &s, &error);
            assert_null(settings_undeclared(settings));
            settings_release(settings, view);
            settings_destroy(settings);
        }
        if (code != (cases[i].reason ? BERTH_E_INVALID : BERTH_OK) ||
            (code && !strstr(error.message, cases[i].reason))) {
            fail_msg("[%s]: %d %s", cases[i].assignments[0], code, error.message);
        }
    }
}

static void reads_what_is_set(void **state) {
    (void)state;
    const char *assignments[3] = {"http.host=_local_", "berth.plugins=/a.so, /b.so",
                                  "http.max_header_size=32kb"};
    struct settings *settings = settings_of(assignments, NULL);
    const struct berth_settings_view *view = settings_acquire(settings);
    struct node_settings s;
    assert_int_equal(node_settings_read(view, &s, NULL), BERTH_OK);
    assert_true(base_str_is(s.http_host, "127.0.0.1"));
    assert_int_equal(s.plugin_count, 2);
    assert_true(base_str_is(s.plugins[1], "/b.so"));
    assert_int_equal(s.limits.max_header_size, 32768);
    settings_release(settings, view);
    settings_destroy(settings);
}

static void does_not_show_the_password(void **state) {
    (void)state;
    const char *assignments[3] = {TLS "pemkey_password=s3cret"};
    struct settings *settings = settings_of(assignments, NULL);
    struct settings_layer *shown = settings_defaults(settings);
    assert_null(settings_layer_get(shown, BERTH_STR(TLS "pemkey_password")));
    assert_non_null(settings_layer_get(shown, BERTH_STR(TLS "pemkey_filepath")));
    settings_layer_destroy(shown);
    settings_destroy(settings);
}

static void resolves_paths(void **state) {
    (void)state;
    static const char *const assignments[] = {"path.data=data", "berth.plugins=[a.so,/b.so]",
                                              "node.name=name", TLS "pemkey_filepath="};
    FAULT_EACH_ALLOCATION({
        struct settings_layer *layer = settings_layer_create();
        int32_t code = layer ? BERTH_OK : BERTH_E_NO_MEMORY;
        for (size_t i = 0; i < BASE_COUNT(assignments) && !code; i++) {
            code = config_override(layer, assignments[i], NULL);
        }
        if (!code) {
            settings_layer_set_line(layer, BERTH_STR("path.data"), 3);
            code = node_settings_resolve_paths(layer, "/etc/berth", NULL);
        }
        if (!code) {
            const struct setting_value *value = settings_layer_get(layer, BERTH_STR("path.data"));
            assert_true(base_str_is(value->texts[0], "/etc/berth/data"));
            assert_int_equal(value->line, 3);
            value = settings_layer_get(layer, BERTH_STR("berth.plugins"));
            assert_true(value->is_list);
            assert_true(base_str_is(value->texts[0], "/etc/berth/a.so"));
            assert_true(base_str_is(value->texts[1], "/b.so"));
            value = settings_layer_get(layer, BERTH_STR("node.name"));
            assert_true(base_str_is(value->texts[0], "name"));
            value = settings_layer_get(layer, BERTH_STR(TLS "pemkey_filepath"));
            assert_true(base_str_is(value->texts[0], ""));
        } else {
            assert_int_equal(code, BERTH_E_NO_MEMORY);
        }
        settings_layer_destroy(layer);
    });
}

/* Each of the files that a text with commas names, not the first of them alone. */
static void resolves_each_path_of_a_text_with_commas(void **state) {
    (void)state;
    static const struct {
        const char *assignment;
        const char *first;
        const char *second;
    } texts[] = {
        {"berth.plugins=a.so, b.so", "/etc/berth/a.so", "/etc/berth/b.so"},
        {"berth.plugins=/a.so,b.so", "/a.so", "/etc/berth/b.so"},
        {"berth.plugins=a.so,/b.so", "/etc/berth/a.so", "/b.so"},
    };
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct settings_layer *layer = settings_layer_create();
        assert_int_equal(config_override(layer, texts[i].assignment, NULL), BERTH_OK);
        assert_int_equal(node_settings_resolve_paths(layer, "/etc/berth", NULL), BERTH_OK);
        const struct setting_value *value = settings_layer_get(layer, BERTH_STR("berth.plugins"));
        assert_int_equal(value->item_count, 2);
        assert_true(base_str_is(value->items[0], texts[i].first));
        assert_true(base_str_is(value->items[1], texts[i].second));
        settings_layer_destroy(layer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(checks_values),
        cmocka_unit_test(reads_what_is_set),
        cmocka_unit_test(does_not_show_the_password),
        cmocka_unit_test(resolves_paths),
        cmocka_unit_test(resolves_each_path_of_a_text_with_commas),
    };
    return cmocka_run_group_tests_name("host.cli.node_settings", tests, NULL, NULL);
}
