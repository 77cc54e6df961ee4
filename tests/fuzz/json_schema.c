/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema in the first line, a value behind it: the answer must be the same when asked again, and
 * the opposite when the schema is negated.
 */
#include "plugin/ml_remote/json_schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

/* {"not": schema}; references count from the root, so only schemas without any are negated. */
static void check_negation(struct berth_str text, struct base_arena *arena, struct json_value value,
                           int32_t code) {
    const struct ml_schema *schema = NULL;
    BASE_BUF_AUTO negated;
    base_buf_init(&negated, 1u << 20);
    base_buf_cstr(&negated, "{\"not\":");
    base_buf_str(&negated, text);
    base_buf_cstr(&negated, "}");
    if (negated.error || ml_schema_compile(base_buf_view(&negated), arena, &schema, NULL)) {
        return;
    }
    int32_t opposite = ml_schema_check(schema, value, NULL);
    require(opposite == BERTH_E_LIMIT || (opposite == BERTH_OK) == (code == BERTH_E_INVALID));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str input = base_str((const char *)data, size);
    uint64_t line = base_str_find(input, '\n');
    struct berth_str text = base_str_slice(input, 0, line);
    BASE_ARENA_AUTO arena;
    JSON_DOC_AUTO doc = {0};
    struct berth_error error = BASE_ERROR_INIT;
    const struct ml_schema *schema = NULL;
    base_arena_init(&arena, 4096);
    if (ml_schema_compile(text, &arena, &schema, &error)) {
        require(error.code != BERTH_OK && error.message[0] != '\0');
        return 0;
    }
    if (!json_parse(&doc, base_str_from(input, line + 1), 0, NULL)) {
        return 0;
    }
    struct berth_str names[] = {BERTH_STR("parameters"), BERTH_STR("a")};
    (void)ml_schema_wants_string(schema, names, BASE_COUNT(names));
    int32_t code = ml_schema_check(schema, json_root(&doc), &error);
    require(code == BERTH_OK || code == BERTH_E_INVALID || code == BERTH_E_LIMIT);
    require(code != BERTH_E_INVALID || error.message[0] != '\0');
    require(ml_schema_check(schema, json_root(&doc), NULL) == code);
    if (code != BERTH_E_LIMIT && !base_str_contains(text, BERTH_STR("ref")) &&
        !base_str_contains(text, BERTH_STR("\\u"))) {
        check_negation(text, &arena, json_root(&doc), code);
    }
    return 0;
}
