/* SPDX-License-Identifier: Apache-2.0 */
#include "host/settings/value.h"

#include <stdlib.h>

#define ARENA_CHUNK 512

struct type_info {
    uint32_t type;
    const char *name;
    const char *form; /* how a value is written, for messages */
};

static const struct type_info types[] = {
    {BERTH_SETTING_BOOL, "boolean", "[true] or [false]"},
    {BERTH_SETTING_INT, "integer", "a whole number"},
    {BERTH_SETTING_FLOAT, "float", "a number"},
    {BERTH_SETTING_TEXT, "string", "one text"},
    {BERTH_SETTING_LIST, "list", "a list, or text with commas"},
    {BERTH_SETTING_TIME, "time", "a number with one of the units ms, s, m, h, d"},
    {BERTH_SETTING_BYTES, "bytes", "a number with one of the units b, kb, mb, gb"},
};

/* A unit and what it makes of a number. */
struct unit {
    const char *name;
    double factor;
};

static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3},
};
static const struct unit byte_units[] = {
    {"kb", 1024.0},
    {"mb", 1048576.0},
    {"gb", 1073741824.0},
    {"b", 1},
};

static const struct type_info *info_of(uint32_t type) {
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        if (types[i].type == type) {
            return &types[i];
        }
    }
    return NULL;
}

static bool read_unit(struct berth_str text, const struct unit *units, size_t count,
                      double *out_number) {
    for (size_t i = 0; i < count; i++) {
        struct berth_str unit = base_cstr(units[i].name);
        if (text.len > unit.len &&
            base_str_eq_nocase(base_str_from(text, text.len - unit.len), unit)) {
            struct berth_str number = base_str_slice(text, 0, text.len - unit.len);
            if (base_str_f64(base_str_trim(number), out_number)) {
                *out_number *= units[i].factor;
                return true;
            }
        }
    }
    return base_str_is(text, "0") && base_str_f64(text, out_number);
}

/* Reads a text as the number that it stands for in its type. */
static bool read_number(uint32_t type, struct berth_str text, double *out_number) {
    int64_t whole = 0;
    switch (type) {
    case BERTH_SETTING_BOOL:
        *out_number = base_str_is(text, "true");
        return base_str_is(text, "true") || base_str_is(text, "false");
    case BERTH_SETTING_INT:
        if (!base_str_i64(text, &whole)) {
            return false;
        }
        *out_number = (double)whole;
        return true;
    case BERTH_SETTING_FLOAT:
        return base_str_f64(text, out_number);
    case BERTH_SETTING_TIME:
        return read_unit(text, time_units, BASE_COUNT(time_units), out_number);
    case BERTH_SETTING_BYTES:
        return read_unit(text, byte_units, BASE_COUNT(byte_units), out_number);
    default:
        return false;
    }
}

bool settings_read_time(struct berth_str text, uint64_t *out_ms) {
    double ms = 0;
    if (!read_number(BERTH_SETTING_TIME, text, &ms) || ms < 0 || ms > 1e12) {
        return false;
    }
    *out_ms = (uint64_t)ms;
    return true;
}

int32_t setting_check(const struct setting_def *def, const struct setting_value *value,
                      struct berth_error *error) {
    const struct berth_setting *s = &def->setting;
    const struct type_info *info = info_of(s->type);
    if (s->type == BERTH_SETTING_LIST) {
        return BERTH_OK;
    }
    if (value->is_list || value->count != 1) {
        return base_error(error, BERTH_E_INVALID, "the setting [" BASE_FMT "] is %s, not a list",
                          BASE_ARG(s->key), info->form);
    }
    if (s->type == BERTH_SETTING_TEXT) {
        return BERTH_OK;
    }
    double number = 0;
    bool sensitive = s->flags & BERTH_SETTING_SENSITIVE;
    struct berth_str shown = sensitive ? BERTH_STR("…") : value->texts[0];
    if (!read_number(s->type, value->texts[0], &number)) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [" BASE_FMT "] cannot be [" BASE_FMT "]: it is %s",
                          BASE_ARG(s->key), BASE_ARG(shown), info->form);
    }
    if (s->type != BERTH_SETTING_BOOL && (number < s->min || number > s->max)) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [" BASE_FMT "] cannot be [" BASE_FMT
                          "]: allowed is %.15g to %.15g%s",
                          BASE_ARG(s->key), BASE_ARG(shown), s->min, s->max,
                          s->type == BERTH_SETTING_TIME    ? " milliseconds"
                          : s->type == BERTH_SETTING_BYTES ? " bytes"
                                                           : "");
    }
    return BERTH_OK;
}

int32_t setting_read_int(const struct setting_def *def, const struct setting_value *value,
                         int64_t *out_value) {
    double number = 0;
    uint32_t type = def->setting.type;
    if (value->count != 1) {
        return BERTH_E_INVALID;
    }
    if (type == BERTH_SETTING_INT) {
        /* Not by way of a double, which does not hold every whole number. */
        return base_str_i64(value->texts[0], out_value) ? BERTH_OK : BERTH_E_INVALID;
    }
    if (type == BERTH_SETTING_FLOAT || !read_number(type, value->texts[0], &number)) {
        return BERTH_E_INVALID;
    }
    *out_value = (int64_t)number;
    return BERTH_OK;
}

int32_t setting_read_float(const struct setting_def *def, const struct setting_value *value,
                           double *out_value) {
    uint32_t type = def->setting.type;
    if ((type != BERTH_SETTING_FLOAT && type != BERTH_SETTING_INT) || value->count != 1 ||
        !read_number(type, value->texts[0], out_value)) {
        return BERTH_E_INVALID;
    }
    return BERTH_OK;
}

static bool is_key(struct berth_str key) {
    for (uint64_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_')) {
            return false;
        }
    }
    return key.len > 0 && key.ptr[0] != '.' && !base_str_ends(key, BERTH_STR("."));
}

static int32_t check_declaration(const struct setting_def *def, struct berth_error *error) {
    const struct berth_setting *s = &def->setting;
    if (!is_key(s->key)) {
        return base_error(error, BERTH_E_INVALID,
                          "[" BASE_FMT "] is no key: lower case letters, digits, _ and dots",
                          BASE_ARG(s->key));
    }
    if (!info_of(s->type)) {
        return base_error(error, BERTH_E_INVALID, "the setting [" BASE_FMT "] has unknown type %u",
                          BASE_ARG(s->key), s->type);
    }
    if (s->type != BERTH_SETTING_LIST && s->default_count != 1) {
        return base_error(error, BERTH_E_INVALID, "the setting [" BASE_FMT "] has %u defaults",
                          BASE_ARG(s->key), s->default_count);
    }
    struct setting_value value = {.key = s->key,
                                  .is_list = s->type == BERTH_SETTING_LIST,
                                  .count = s->default_count,
                                  .texts = (struct berth_str *)(uintptr_t)s->default_values};
    return setting_check(def, &value, error);
}

int32_t setting_def_create(const struct berth_setting *setting, const char *owner,
                           struct setting_def **out_def, struct berth_error *error) {
    struct setting_def *def = calloc(1, sizeof *def);
    if (!def) {
        return base_error_memory(error);
    }
    base_arena_init(&def->arena, ARENA_CHUNK);
    def->setting = *setting;
    def->owner = owner;
    struct berth_str *defaults =
        base_arena_array(&def->arena, setting->default_count + 1u, sizeof *defaults);
    def->setting.default_values = defaults;
    def->setting.key = base_arena_dup(&def->arena, setting->key);
    def->setting.description = base_arena_dup(&def->arena, setting->description);
    bool ok = defaults && def->setting.key.ptr && def->setting.description.ptr;
    for (uint32_t i = 0; ok && i < setting->default_count; i++) {
        defaults[i] = base_arena_dup(&def->arena, setting->default_values[i]);
        ok = defaults[i].ptr != NULL;
    }
    int32_t code = ok ? check_declaration(def, error) : base_error_memory(error);
    if (code) {
        setting_def_destroy(def);
        return code;
    }
    *out_def = def;
    return BERTH_OK;
}

void setting_def_destroy(struct setting_def *def) {
    if (def) {
        base_arena_deinit(&def->arena);
        free(def);
    }
}

void setting_def_write(const struct setting_def *def, struct base_buf *out) {
    const struct berth_setting *s = &def->setting;
    json_open_object(out);
    json_member_cstr(out, "type", info_of(s->type)->name);
    json_key(out, "default");
    if (s->type == BERTH_SETTING_LIST) {
        json_open_array(out);
        for (uint32_t i = 0; i < s->default_count; i++) {
            json_put_string(out, s->default_values[i]);
        }
        json_close_array(out);
    } else {
        json_put_string(out, s->default_values[0]);
    }
    json_member_bool(out, "dynamic", s->flags & BERTH_SETTING_DYNAMIC);
    json_member_string(out, "description", s->description);
    json_close_object(out);
}
