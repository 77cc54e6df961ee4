/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/settings: a body of PUT _cluster/settings. What was read and written again reads the same.
 *
 * Input: a JSON object of settings, nested or flat.
 */
#include "host/settings/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_oracle.h"

static struct settings_layer *new_layer(void) {
    struct settings_layer *layer = settings_layer_create();
    FUZZ_CHECK(layer);
    return layer;
}

/* Reads into two new layers; false when it is refused. */
static bool read_text(struct berth_str text, struct settings_layer **out_values,
                      struct settings_layer **out_resets) {
    JSON_DOC_AUTO doc = {0};
    struct berth_error error = BASE_ERROR_INIT;
    *out_values = new_layer();
    *out_resets = new_layer();
    if (!json_parse(&doc, text, JSON_UNIQUE_KEYS, NULL)) {
        return false;
    }
    int32_t code = settings_layer_read(*out_values, *out_resets, json_root(&doc), &error);
    FUZZ_CHECK(!code || error.message[0]);
    return code == BERTH_OK;
}

/* Lists of one and texts with commas look alike as text, so that the texts are compared. */
static bool is_same(const struct settings_layer *a, const struct settings_layer *b) {
    if (settings_layer_count(a) != settings_layer_count(b)) {
        return false;
    }
    for (size_t i = 0; i < settings_layer_count(a); i++) {
        const struct setting_value *left = settings_layer_at(a, i);
        const struct setting_value *right = settings_layer_at(b, i);
        if (!base_str_eq(left->key, right->key) || left->is_list != right->is_list ||
            left->count != right->count) {
            return false;
        }
        for (uint32_t k = 0; k < left->count; k++) {
            if (!base_str_eq(left->texts[k], right->texts[k])) {
                return false;
            }
        }
    }
    return true;
}

static void check_written(const struct settings_layer *layer, bool flat) {
    BASE_BUF_AUTO out;
    struct settings_layer *again = NULL;
    struct settings_layer *resets = NULL;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    settings_layer_write(layer, flat, &out);
    FUZZ_CHECK(oracle_is_json(base_buf_view(&out), 0, NULL));
    FUZZ_CHECK(read_text(base_buf_view(&out), &again, &resets));
    FUZZ_CHECK(is_same(layer, again) && settings_layer_count(resets) == 0);
    settings_layer_destroy(again);
    settings_layer_destroy(resets);
}

/* A key that begins with a dot loses it on the way; no setting is named so. */
static bool has_leading_dot(const struct settings_layer *layer) {
    for (size_t i = 0; i < settings_layer_count(layer); i++) {
        struct berth_str key = settings_layer_at(layer, i)->key;
        if (key.len == 0 || key.ptr[0] == '.') {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct settings_layer *values = NULL;
    struct settings_layer *resets = NULL;
    if (read_text(fuzz_text(data, size), &values, &resets)) {
        check_written(values, true);
        if (!has_leading_dot(values)) {
            check_written(values, false);
        }
    }
    settings_layer_destroy(values);
    settings_layer_destroy(resets);
    return 0;
}
