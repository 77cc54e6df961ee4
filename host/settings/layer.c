/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers: values by key, and their form in JSON.
 */
#include "host/settings/settings.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 2048
/* Nesting and keys of one settings body. */
#define KEY_MAX 512
#define KEYS_MAX 4096

struct settings_layer {
    struct setting_value *values; /* sorted by key */
    size_t count;
    size_t cap;
    struct base_arena
        arena; /* what is replaced stays until the layer goes: layers are short-lived */
};

struct settings_layer *settings_layer_create(void) {
    struct settings_layer *layer = calloc(1, sizeof *layer);
    if (layer) {
        base_arena_init(&layer->arena, ARENA_CHUNK);
    }
    return layer;
}

void settings_layer_destroy(struct settings_layer *layer) {
    if (layer) {
        base_arena_deinit(&layer->arena);
        free(layer->values);
        free(layer);
    }
}

struct settings_layer *settings_layer_copy(const struct settings_layer *layer) {
    struct settings_layer *copy = settings_layer_create();
    for (size_t i = 0; copy && layer && i < layer->count; i++) {
        const struct setting_value *v = &layer->values[i];
        if (!settings_layer_set(copy, v->key, v->is_list, v->texts, v->count)) {
            settings_layer_destroy(copy);
            copy = NULL;
        }
    }
    return copy;
}

/* Where the key is, or where it belongs. */
static size_t place_of(const struct settings_layer *layer, struct berth_str key, bool *out_found) {
    size_t low = 0;
    size_t high = layer->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = base_str_cmp(layer->values[middle].key, key);
        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What one text is as a list: the pieces between commas, trimmed, without empty ones. */
static bool split_items(struct settings_layer *layer, struct setting_value *value) {
    uint32_t commas = 0;
    for (uint64_t i = 0; i < value->texts[0].len; i++) {
        commas += value->texts[0].ptr[i] == ',';
    }
    value->items = base_arena_array(&layer->arena, commas + 1u, sizeof *value->items);
    if (!value->items) {
        return false;
    }
    struct berth_str rest = value->texts[0];
    struct berth_str piece;
    while (base_str_split(&rest, ',', &piece)) {
        piece = base_str_trim(piece);
        if (piece.len) {
            value->items[value->item_count++] = piece;
        }
    }
    return true;
}

bool settings_layer_set(struct settings_layer *layer, struct berth_str key, bool is_list,
                        const struct berth_str *texts, uint32_t count) {
    struct setting_value value = {.is_list = is_list, .count = count};
    value.key = base_arena_dup(&layer->arena, key);
    value.texts = base_arena_array(&layer->arena, count + 1u, sizeof *value.texts);
    if (!value.key.ptr || !value.texts) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        value.texts[i] = base_arena_dup(&layer->arena, texts[i]);
        if (!value.texts[i].ptr) {
            return false;
        }
    }
    value.items = value.texts;
    value.item_count = count;
    if (!is_list && count == 1) {
        value.item_count = 0;
        if (!split_items(layer, &value)) {
            return false;
        }
    }
    bool found = false;
    size_t at = place_of(layer, key, &found);
    if (!found) {
        if (layer->count == layer->cap) {
            size_t cap = layer->cap ? layer->cap * 2 : 16;
            struct setting_value *values = realloc(layer->values, cap * sizeof *values);
            if (!values) {
                return false;
            }
            layer->values = values;
            layer->cap = cap;
        }
        memmove(layer->values + at + 1, layer->values + at,
                (layer->count - at) * sizeof *layer->values);
        layer->count++;
    }
    layer->values[at] = value;
    return true;
}

void settings_layer_set_line(struct settings_layer *layer, struct berth_str key, uint32_t line) {
    bool found = false;
    size_t at = place_of(layer, key, &found);
    if (found) {
        layer->values[at].line = line;
    }
}

void settings_layer_remove(struct settings_layer *layer, struct berth_str key) {
    bool found = false;
    size_t at = place_of(layer, key, &found);
    if (found) {
        layer->count--;
        memmove(layer->values + at, layer->values + at + 1,
                (layer->count - at) * sizeof *layer->values);
    }
}

const struct setting_value *settings_layer_get(const struct settings_layer *layer,
                                               struct berth_str key) {
    bool found = false;
    size_t at = layer ? place_of(layer, key, &found) : 0;
    return found ? &layer->values[at] : NULL;
}

size_t settings_layer_count(const struct settings_layer *layer) {
    return layer ? layer->count : 0;
}

const struct setting_value *settings_layer_at(const struct settings_layer *layer, size_t index) {
    return &layer->values[index];
}

/* ---- from JSON ---- */

struct reading {
    struct settings_layer *values;
    struct settings_layer *resets;
    struct base_arena arena;
    struct berth_error *error;
};

static int32_t read_object(struct reading *r, struct berth_str prefix, struct json_value object);

static int32_t read_text(struct reading *r, struct json_value value, struct berth_str key,
                         struct berth_str *out) {
    switch (json_type(value)) {
    case JSON_STRING:
        return json_string(value, &r->arena, out) ? BERTH_OK : base_error_memory(r->error);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        *out = json_raw(value);
        return BERTH_OK;
    default:
        return base_error(r->error, BERTH_E_INVALID,
                          "the setting [" BASE_FMT "] cannot be [" BASE_FMT
                          "]: a value is text, a number, true, false, or a list of them",
                          BASE_ARG(key), BASE_ARG(json_raw(value)));
    }
}

static int32_t read_list(struct reading *r, struct berth_str key, struct json_value array) {
    size_t count = json_count(array);
    struct berth_str *texts = base_arena_array(&r->arena, count + 1, sizeof *texts);
    if (!texts) {
        return base_error_memory(r->error);
    }
    uint32_t i = 0;
    for (struct json_value v = json_first(array); json_present(v); v = json_next(array, v)) {
        int32_t code = read_text(r, v, key, &texts[i++]);
        if (code) {
            return code;
        }
    }
    return settings_layer_set(r->values, key, true, texts, i) ? BERTH_OK
                                                              : base_error_memory(r->error);
}

static int32_t read_value(struct reading *r, struct berth_str key, struct json_value value) {
    if (settings_layer_count(r->values) >= KEYS_MAX) {
        return base_error(r->error, BERTH_E_INVALID, "more than %d settings at once", KEYS_MAX);
    }
    if (json_is(value, JSON_NULL)) {
        return settings_layer_set(r->resets, key, false, NULL, 0) ? BERTH_OK
                                                                  : base_error_memory(r->error);
    }
    if (json_is(value, JSON_OBJECT)) {
        return read_object(r, key, value);
    }
    if (json_is(value, JSON_ARRAY)) {
        return read_list(r, key, value);
    }
    struct berth_str text;
    int32_t code = read_text(r, value, key, &text);
    if (!code && !settings_layer_set(r->values, key, false, &text, 1)) {
        code = base_error_memory(r->error);
    }
    return code;
}

/* Depth is bounded by the JSON reader. */
static int32_t read_object(struct reading *r, struct berth_str prefix, struct json_value object) {
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        struct berth_str name;
        if (!json_string(k, &r->arena, &name)) {
            return base_error_memory(r->error);
        }
        if (prefix.len + (prefix.len > 0) + name.len > KEY_MAX) {
            return base_error(r->error, BERTH_E_INVALID, "a setting's key is longer than %d bytes",
                              KEY_MAX);
        }
        char *key = base_arena_alloc(&r->arena, BASE_LEN(prefix) + BASE_LEN(name) + 2);
        if (!key) {
            return base_error_memory(r->error);
        }
        size_t len = BASE_LEN(prefix);
        if (len) {
            memcpy(key, prefix.ptr, len);
            key[len++] = '.';
        }
        memcpy(key + len, name.ptr, BASE_LEN(name));
        int32_t code = read_value(r, base_str(key, len + BASE_LEN(name)), v);
        if (code) {
            return code;
        }
        k = json_next(object, v);
    }
    return BERTH_OK;
}

/* key.0, key.1 … without gap become the list key. */
static bool join_indexed(struct settings_layer *values, struct base_arena *arena) {
    for (size_t i = 0; i < values->count; i++) {
        struct berth_str key = values->values[i].key;
        if (!base_str_ends(key, BERTH_STR(".0"))) {
            continue;
        }
        struct berth_str stem = base_arena_dup(arena, base_str_slice(key, 0, key.len - 2));
        struct berth_str texts[256];
        uint32_t count = 0;
        for (; count < BASE_COUNT(texts); count++) {
            char element[KEY_MAX + 16];
            int len = snprintf(element, sizeof element, BASE_FMT ".%u", BASE_ARG(stem), count);
            struct berth_str name = base_str(element, (size_t)len);
            const struct setting_value *value = settings_layer_get(values, name);
            if (!value || value->is_list) {
                break;
            }
            texts[count] = value->texts[0];
            settings_layer_remove(values, name);
        }
        if (stem.ptr && count == 0) {
            continue; /* key.0 is a list itself: nothing to join */
        }
        if (!stem.ptr || !settings_layer_set(values, stem, true, texts, count)) {
            return false;
        }
        i = SIZE_MAX; /* the order has changed: look from the beginning */
    }
    return true;
}

int32_t settings_layer_read(struct settings_layer *values, struct settings_layer *resets,
                            struct json_value object, struct berth_error *error) {
    struct reading r = {.values = values, .resets = resets, .error = error};
    base_arena_init(&r.arena, ARENA_CHUNK);
    int32_t code = read_object(&r, base_str("", 0), object);
    if (!code && !join_indexed(values, &r.arena)) {
        code = base_error_memory(error);
    }
    base_arena_deinit(&r.arena);
    return code;
}

/* ---- to JSON ---- */

static void put_value(const struct setting_value *value, struct base_buf *out) {
    if (!value->is_list) {
        json_put_string(out, value->count ? value->texts[0] : base_str("", 0));
        return;
    }
    json_open_array(out);
    for (uint32_t i = 0; i < value->count; i++) {
        json_put_string(out, value->texts[i]);
    }
    json_close_array(out);
}

/* Writes the values from index on that share the first depth bytes of their key. */
static size_t put_nested(const struct settings_layer *layer, size_t index, uint64_t depth,
                         struct base_buf *out) {
    struct berth_str prefix = base_str_slice(layer->values[index].key, 0, depth);
    json_open_object(out);
    while (index < layer->count && base_str_starts(layer->values[index].key, prefix)) {
        struct berth_str rest = base_str_from(layer->values[index].key, depth);
        uint64_t dot = base_str_find(rest, '.');
        /* A key that is also the beginning of another stays flat: an object cannot hold both. */
        struct berth_str head = base_str_slice(layer->values[index].key, 0, depth + dot);
        if (dot == rest.len || settings_layer_get(layer, head)) {
            json_key_str(out, rest);
            put_value(&layer->values[index++], out);
        } else {
            json_key_str(out, base_str_slice(rest, 0, dot));
            index = put_nested(layer, index, depth + dot + 1, out);
        }
    }
    json_close_object(out);
    return index;
}

void settings_layer_write(const struct settings_layer *layer, bool flat, struct base_buf *out) {
    if (flat || layer->count == 0) {
        json_open_object(out);
        for (size_t i = 0; i < layer->count; i++) {
            json_key_str(out, layer->values[i].key);
            put_value(&layer->values[i], out);
        }
        json_close_object(out);
        return;
    }
    (void)put_nested(layer, 0, 0, out);
}
