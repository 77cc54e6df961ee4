/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/router/shape: filter_path, pretty and YAML of any JSON.
 *
 * Input: a filter_path, a line "---", the JSON.
 */
#include "host/router/shape.h"

#include <yaml.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_oracle.h"

/* The value in a shape, minified; fails the run where the result is no JSON. */
static void shaped(const struct shape *shape, struct berth_str body, struct base_buf *out) {
    BASE_BUF_AUTO made;
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    FUZZ_CHECK(shape_apply(shape, body, &made) == BERTH_OK);
    FUZZ_CHECK(oracle_is_json(base_buf_view(&made), 0, NULL));
    json_minify(out, base_buf_view(&made));
}

static void check_filter(struct berth_str filter, struct berth_str body) {
    struct shape shape = {.filter_path = filter};
    BASE_BUF_AUTO once;
    BASE_BUF_AUTO twice;
    size_t before = 0;
    size_t after = 0;
    base_buf_init(&once, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&twice, BASE_BUF_MAX_DEFAULT);
    shaped(&shape, body, &once);
    (void)oracle_is_json(body, 0, &before);
    (void)oracle_is_json(base_buf_view(&once), 0, &after);
    FUZZ_CHECK(after <= before);
    shaped(&shape, base_buf_view(&once), &twice);
    FUZZ_CHECK(base_str_eq(base_buf_view(&once), base_buf_view(&twice)));
}

static void check_pretty(struct berth_str body) {
    struct shape shape = {.pretty = true};
    BASE_BUF_AUTO pretty;
    BASE_BUF_AUTO plain;
    base_buf_init(&pretty, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&plain, BASE_BUF_MAX_DEFAULT);
    shaped(&shape, body, &pretty);
    json_minify(&plain, body);
    FUZZ_CHECK(base_str_eq(base_buf_view(&pretty), base_buf_view(&plain)));
}

/* libyaml takes no keys beyond 1,024 characters. */
#define YAML_READ_MAX 1000u

static size_t count_yaml(struct berth_str text, bool *out_ok) {
    yaml_parser_t parser;
    yaml_event_t event;
    size_t count = 0;
    bool end = false;
    FUZZ_CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, BASE_LEN(text));
    *out_ok = true;
    while (*out_ok && !end) {
        *out_ok = yaml_parser_parse(&parser, &event);
        if (*out_ok) {
            count += event.type == YAML_SCALAR_EVENT || event.type == YAML_SEQUENCE_START_EVENT ||
                     event.type == YAML_MAPPING_START_EVENT;
            end = event.type == YAML_STREAM_END_EVENT;
            yaml_event_delete(&event);
        }
    }
    yaml_parser_delete(&parser);
    return count;
}

/* The YAML has as many values, keys counted, as the JSON. */
static void check_yaml(struct berth_str body) {
    struct shape shape = {.yaml = true};
    BASE_BUF_AUTO made;
    size_t expected = 0;
    bool ok = false;
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    FUZZ_CHECK(shape_apply(&shape, body, &made) == BERTH_OK);
    if (made.len < YAML_READ_MAX) {
        (void)oracle_is_json(body, 0, &expected);
        size_t count = count_yaml(base_buf_view(&made), &ok);
        FUZZ_CHECK(ok && count == expected);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str body = fuzz_text(data, size);
    struct berth_str filter = fuzz_part(&body);
    if (oracle_is_json(body, 0, NULL)) {
        JSON_DOC_AUTO doc = {0};
        FUZZ_CHECK(json_parse(&doc, body, 0, NULL));
        body = json_raw(json_root(&doc));
        check_filter(filter, body);
        check_pretty(body);
        check_yaml(body);
    }
    return 0;
}
