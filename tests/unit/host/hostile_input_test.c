/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs of which each once hung, passed a limit, or was answered as a fault of the host; the fuzz
 * targets found them or their like (tests/fuzz).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/cli/config.h"
#include "host/http/gzip.h"
#include "host/http/reader.h"
#include "host/router/shape.h"
#include "host/store/store.h"

/* ---- HTTP ---- */

static void gzip_takes_no_byte_above_the_limit(void **state) {
    (void)state;
    static const struct {
        size_t plain;
        int32_t code;
    } cases[] = {{999, BERTH_OK}, {1000, BERTH_OK}, {1001, BERTH_E_TOO_LARGE}};
    char plain[1001];
    memset(plain, 'a', sizeof plain);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO body;
        base_buf_init(&body, 4096);
        assert_int_equal(gzip_pack(base_str(plain, cases[i].plain), &body), BERTH_OK);
        assert_int_equal(gzip_unpack(&body, 1000), cases[i].code);
        assert_true(cases[i].code || body.len == cases[i].plain);
    }
}

/* What a text is that comes in two pieces. */
static enum http_read read_parted(const char *text, size_t cut) {
    static const struct http_limits limits = {.max_initial_line_length = 100,
                                              .max_header_size = 100,
                                              .max_headers = 8,
                                              .max_content_length = 8};
    struct http_reader reader;
    struct http_request request = {0};
    size_t used = 0;
    base_buf_init(&request.head, 200);
    base_buf_init(&request.body, 8);
    http_reader_init(&reader, &limits);
    http_reader_next(&reader, &request);
    enum http_read result = http_reader_feed(&reader, text, cut, &used);
    if (result == HTTP_READ_MORE) {
        result = http_reader_feed(&reader, text + cut, strlen(text) - cut, &used);
    }
    base_buf_deinit(&request.head);
    base_buf_deinit(&request.body);
    return result;
}

/* An underscore that begins no target gets no slash put before it. */
static void underscores_that_begin_no_target(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum http_read result;
    } cases[] = {
        {"GET _cat HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_READ_COMPLETE},
        {"GET  _cat HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_READ_BAD},
        {"CONNECT \r\nName_", HTTP_READ_MORE},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        for (size_t cut = 0; cut < strlen(cases[i].text); cut++) {
            assert_int_equal(read_parted(cases[i].text, cut), cases[i].result);
        }
    }
}

/* ---- answers ---- */

static void yaml_is_yaml(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *yaml;
    } cases[] = {
        {"{\"a\":\"\\ud83d\\ude00\"}", "---\na: \"\xf0\x9f\x98\x80\"\n"},
        {"{\"a\":\"\x7f\xc2\x85\"}", "---\na: \"\\u007f\\u0085\"\n"},
        {"{\"\\ud83d\\ude00\":1}", "---\n\"\xf0\x9f\x98\x80\": 1\n"},
        {"[\"a\\nb\\\"\\\\\\/\"]", "---\n- \"a\\nb\\\"\\\\/\"\n"},
        {"\"\xe2\x80\xa8\xef\xbb\xbf\xc3\xa4\"", "--- \"\\u2028\\ufeff\xc3\xa4\"\n"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct shape shape = {.yaml = true};
        BASE_BUF_AUTO out;
        base_buf_init(&out, 1000);
        assert_int_equal(shape_apply(&shape, base_cstr(cases[i].json), &out), BERTH_OK);
        base_buf_append(&out, "", 1);
        assert_string_equal(out.ptr, cases[i].yaml);
    }
}

/* ---- settings ---- */

static void settings_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *nested;
    } cases[] = {
        {"{\"a.0\":[1]}", "{\"a\":{\"0\":[\"1\"]}}"},
        {"{\"a.0.0\":\"x\"}", "{\"a\":{\"0\":[\"x\"]}}"},
        {"{\"a\\u0000.0\":\"x\"}", "{\"a\\u0000\":{\"0\":\"x\"}}"},
        {"{\"a\":1,\"a.b\":2,\"a.b.c\":3}", "{\"a\":\"1\",\"a.b\":\"2\",\"a.b.c\":\"3\"}"},
        {"{\"a\":1,\"a-b\":2,\"a.b\":3}", "{\"a\":\"1\",\"a-b\":\"2\",\"a.b\":\"3\"}"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        JSON_DOC_AUTO doc = {0};
        struct berth_error error = BASE_ERROR_INIT;
        struct settings_layer *values = settings_layer_create();
        struct settings_layer *resets = settings_layer_create();
        BASE_BUF_AUTO out;
        base_buf_init(&out, 1000);
        assert_true(json_parse(&doc, base_cstr(cases[i].json), 0, NULL));
        assert_int_equal(settings_layer_read(values, resets, json_root(&doc), &error), BERTH_OK);
        settings_layer_write(values, false, &out);
        base_buf_append(&out, "", 1);
        assert_string_equal(out.ptr, cases[i].nested);
        settings_layer_destroy(values);
        settings_layer_destroy(resets);
    }
}

/* The longest key, 512 bytes, may be written flat and nested. */
static void the_longest_key(void **state) {
    (void)state;
    static const struct {
        int flat;
        int nested;
        int32_t code;
    } cases[] = {{512, 0, BERTH_OK},
                 {513, 0, BERTH_E_INVALID},
                 {500, 11, BERTH_OK},
                 {500, 12, BERTH_E_INVALID}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char json[1024];
        JSON_DOC_AUTO doc = {0};
        struct berth_error error = BASE_ERROR_INIT;
        struct settings_layer *values = settings_layer_create();
        struct settings_layer *resets = settings_layer_create();
        (void)snprintf(json, sizeof json,
                       cases[i].nested ? "{\"%0*d\":{\"%0*d\":1}}" : "{\"%0*d\":1}", cases[i].flat,
                       0, cases[i].nested, 0);
        assert_true(json_parse(&doc, base_cstr(json), 0, NULL));
        assert_int_equal(settings_layer_read(values, resets, json_root(&doc), &error),
                         cases[i].code);
        settings_layer_destroy(values);
        settings_layer_destroy(resets);
    }
}

static void configuration_has_no_nul(void **state) {
    (void)state;
    static const char *const files[] = {"a: 1\n\"b\\0c\": 2\n", "a: 1\nb: \"c\\0d\"\n",
                                        "a: 1\nb: [\"c\\0d\"]\n"};
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        char path[64];
        struct berth_error error = BASE_ERROR_INIT;
        struct settings_layer *layer = settings_layer_create();
        int fd = memfd_create("berth.yml", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, files[i], strlen(files[i])), strlen(files[i]));
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        assert_int_equal(config_read(path, layer, &error), BERTH_E_INVALID);
        assert_non_null(strstr(error.message, ":2: a text holds a NUL"));
        settings_layer_destroy(layer);
        (void)close(fd);
    }
}

/* ---- searches ---- */

static int32_t search(const char *body, struct base_buf *out) {
    char directory[] = "/tmp/berth-test-XXXXXX";
    char command[64];
    struct store *store = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_non_null(mkdtemp(directory));
    struct store_options options = {.data_path = directory, .readers = 1};
    struct berth_index index = {.size = sizeof index,
                                .name = BERTH_STR("things"),
                                .mapping =
                                    BERTH_STR("{\"properties\":{\"kind\":{\"type\":\"keyword\"},"
                                              "\"count\":{\"type\":\"integer\"}}}")};
    struct berth_write write = {.size = sizeof write,
                                .op = BERTH_WRITE_CREATE,
                                .index = index.name,
                                .id = BERTH_STR("one"),
                                .source = BERTH_STR("{\"kind\":\"7\",\"count\":7}")};
    assert_int_equal(store_open(&options, &store, &error), BERTH_OK);
    assert_int_equal(store_declare_index(store, &index, &error), BERTH_OK);
    assert_int_equal(store_write(store, &write, 1, NULL, &error), BERTH_OK);
    struct berth_search asked = {
        .size = sizeof asked, .index = index.name, .body = base_cstr(body)};
    int32_t code = store_search(store, &asked, out, &error);
    store_close(store);
    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
    return code;
}

/* What stands between head and tail as often as told, joined by commas. */
static char *repeat(const char *head, const char *piece, const char *tail, int times) {
    struct base_buf text;
    base_buf_init(&text, (size_t)1 << 20);
    base_buf_cstr(&text, head);
    for (int i = 0; i < times; i++) {
        base_buf_format(&text, "%s%s", i ? "," : "", piece);
    }
    base_buf_cstr(&text, tail);
    base_buf_append(&text, "", 1);
    return base_buf_take(&text);
}

static char *nest(const char *open, const char *close, int times) {
    struct base_buf text;
    base_buf_init(&text, (size_t)1 << 20);
    base_buf_cstr(&text, "{\"query\":");
    for (int i = 0; i < times; i++) {
        base_buf_cstr(&text, open);
    }
    base_buf_cstr(&text, "{\"terms\":{\"count\":[7]}}");
    for (int i = 0; i < times; i++) {
        base_buf_cstr(&text, close);
    }
    base_buf_append(&text, "}", 2);
    return base_buf_take(&text);
}

static void searches_that_sqlite_would_refuse(void **state) {
    (void)state;
    static const char should[] = "{\"bool\":{\"should\":[{\"match_none\":{}},";
    static const char all[] = "{\"bool\":{\"must\":{\"match_all\":{}},\"must_not\":{\"match_none\":"
                              "{}},\"minimum_should_match\":1,\"should\":[{\"match_none\":{}},";
    const struct {
        char *body;
        int32_t code;
    } cases[] = {
        {repeat("{\"query\":{\"terms\":{\"kind\":[\"7\",", "\"x\"", "]}}}", 4000), BERTH_OK},
        {repeat("{\"query\":{\"terms\":{\"count\":[7,", "1", "]}}}", 4000), BERTH_OK},
        {repeat("{\"query\":{\"ids\":{\"values\":[\"one\",", "\"x\"", "]}}}", 4000), BERTH_OK},
        {repeat("{\"query\":{\"bool\":{\"must\":[", "{\"match_all\":{}}", "]}}}", 512), BERTH_OK},
        {repeat("{\"query\":{\"bool\":{\"must\":[", "{\"match_all\":{}}", "]}}}", 513),
         BERTH_E_INVALID},
        {nest(should, "]}}", 31), BERTH_OK},
        {nest(all, "]}}", 31), BERTH_OK},
        {nest("{\"bool\":{\"must_not\":{\"bool\":{\"must_not\":", "}}}}", 15), BERTH_OK},
        {nest(should, "]}}", 32), BERTH_E_PARSE},
        {repeat("{\"from\":9223372036854775807,\"size\":", "1", "}", 1), BERTH_E_INVALID},
        {repeat("{\"from\":10000,\"size\":", "1", "}", 1), BERTH_E_INVALID},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        assert_int_equal(search(cases[i].body, &out), cases[i].code);
        assert_true(cases[i].code ||
                    base_str_contains(base_buf_view(&out), BERTH_STR("\"total\":{\"value\":1,")));
        free(cases[i].body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_takes_no_byte_above_the_limit),
        cmocka_unit_test(underscores_that_begin_no_target),
        cmocka_unit_test(yaml_is_yaml),
        cmocka_unit_test(settings_are_read_and_written),
        cmocka_unit_test(the_longest_key),
        cmocka_unit_test(configuration_has_no_nul),
        cmocka_unit_test(searches_that_sqlite_would_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
