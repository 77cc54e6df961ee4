/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/mapping.h"

#include "host/store/date.h"
#include "host/store/words.h"

#include <stdlib.h>

#define ARENA_CHUNK 2048
#define PATH_MAX_BYTES 512
#define KEYWORD_SUFFIX ".keyword"

struct field {
    struct berth_str path;
    enum field_type type;
};

struct mapping {
    struct field *fields; /* few: looked through in order */
    size_t count;
    size_t cap;
    struct base_arena arena;
};

static const struct {
    const char *name;
    enum field_type type;
} type_names[] = {
    {"text", FIELD_TEXT},      {"keyword", FIELD_KEYWORD},    {"long", FIELD_NUMBER},
    {"integer", FIELD_NUMBER}, {"double", FIELD_NUMBER},      {"float", FIELD_NUMBER},
    {"date", FIELD_DATE},      {"boolean", FIELD_BOOLEAN},    {"object", FIELD_OBJECT},
    {"nested", FIELD_OBJECT},  {"flat_object", FIELD_OBJECT}, {"secret", FIELD_SECRET},
};

static int32_t add_field(struct mapping *mapping, struct berth_str path, enum field_type type) {
    if (mapping->count == mapping->cap) {
        size_t cap = mapping->cap ? mapping->cap * 2 : 32;
        struct field *fields = realloc(mapping->fields, cap * sizeof *fields);
        if (!fields) {
            return BERTH_E_NO_MEMORY;
        }
        mapping->fields = fields;
        mapping->cap = cap;
    }
    struct berth_str copy = base_arena_dup(&mapping->arena, path);
    if (!copy.ptr) {
        return BERTH_E_NO_MEMORY;
    }
    mapping->fields[mapping->count++] = (struct field){copy, type};
    return BERTH_OK;
}

static bool join_path(struct berth_str prefix, struct berth_str name, char *out,
                      struct berth_str *out_path) {
    if (prefix.len + name.len + 1 > PATH_MAX_BYTES) {
        return false;
    }
    size_t len = BASE_LEN(prefix);
    if (len) {
        memcpy(out, prefix.ptr, len);
        out[len++] = '.';
    }
    memcpy(out + len, name.ptr, BASE_LEN(name));
    *out_path = base_str(out, len + BASE_LEN(name));
    return true;
}

static enum field_type type_of(struct json_value definition) {
    struct json_value type = json_get(definition, "type");
    if (!json_present(type)) {
        return FIELD_OBJECT;
    }
    for (size_t i = 0; i < BASE_COUNT(type_names); i++) {
        if (json_string_is(type, base_cstr(type_names[i].name))) {
            return type_names[i].type;
        }
    }
    return FIELD_UNMAPPED;
}

/* "properties" hold fields below an object, "fields" other ways to look at the same value. */
static int32_t read_fields(struct mapping *mapping, struct berth_str prefix, struct json_value list,
                           struct berth_error *error) {
    for (struct json_value k = json_first(list); json_present(k);) {
        struct json_value definition = json_next(list, k);
        struct berth_str name = json_inner(k);
        char memory[PATH_MAX_BYTES];
        struct berth_str path;
        enum field_type type = type_of(definition);
        if (!join_path(prefix, name, memory, &path) || type == FIELD_UNMAPPED) {
            return base_error(error, BERTH_E_INVALID,
                              "the mapping's field [" BASE_FMT "] is too long or of unknown type",
                              BASE_ARG(name));
        }
        int32_t code = add_field(mapping, path, type);
        code = code ? base_error_memory(error)
                    : read_fields(mapping, path, json_get(definition, "properties"), error);
        code = code ? code : read_fields(mapping, path, json_get(definition, "fields"), error);
        if (code) {
            return code;
        }
        k = json_next(list, definition);
    }
    return BERTH_OK;
}

int32_t mapping_create(struct berth_str text, struct mapping **out_mapping,
                       struct berth_error *error) {
    struct mapping *mapping = calloc(1, sizeof *mapping);
    if (!mapping) {
        return base_error_memory(error);
    }
    base_arena_init(&mapping->arena, ARENA_CHUNK);
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    int32_t code = BERTH_OK;
    if (text.len && !json_parse(&doc, text, 0, &fault)) {
        code = json_refuse(&fault, BERTH_E_INVALID, "the mapping", error);
    }
    if (!code) {
        code =
            read_fields(mapping, base_str("", 0), json_get(json_root(&doc), "properties"), error);
    }
    if (code) {
        mapping_destroy(mapping);
        return code;
    }
    *out_mapping = mapping;
    return BERTH_OK;
}

void mapping_destroy(struct mapping *mapping) {
    if (mapping) {
        base_arena_deinit(&mapping->arena);
        free(mapping->fields);
        free(mapping);
    }
}

enum field_type mapping_type(const struct mapping *mapping, struct berth_str path) {
    for (size_t i = 0; i < mapping->count; i++) {
        if (base_str_eq(mapping->fields[i].path, path)) {
            return mapping->fields[i].type;
        }
    }
    return FIELD_UNMAPPED;
}

bool mapping_field(const struct mapping *mapping, size_t at, struct berth_str *out_path,
                   enum field_type *out_type) {
    if (at >= mapping->count) {
        return false;
    }
    *out_path = mapping->fields[at].path;
    *out_type = mapping->fields[at].type;
    return true;
}

/* ---- rows ---- */

struct rows {
    const struct mapping *mapping;
    mapping_row_fn fn;
    void *user;
    struct base_arena arena;
};

static int32_t put_text(struct rows *rows, struct berth_str path, struct berth_str text) {
    return rows->fn(rows->user, &(struct mapping_row){.path = path, .text = text});
}

static int32_t put_number(struct rows *rows, struct berth_str path, struct berth_str text,
                          double number) {
    return rows->fn(
        rows->user,
        &(struct mapping_row){.path = path, .text = text, .number = number, .has_number = true});
}

static int32_t put_words(struct rows *rows, struct berth_str path, struct berth_str text) {
    BASE_BUF_AUTO passage;
    base_buf_init(&passage, BASE_BUF_MAX_DEFAULT);
    char word[WORD_BYTES_MAX];
    size_t len = 0;
    int32_t code = BERTH_OK;
    while (!code && words_next(&text, word, &len)) {
        code = put_text(rows, path, base_str(word, len));
        if (passage.len) {
            base_buf_char(&passage, ' ');
        }
        base_buf_append(&passage, word, len);
    }
    if (code || passage.error || passage.len == 0) {
        return code ? code : passage.error;
    }
    return rows->fn(
        rows->user,
        &(struct mapping_row){.path = path, .text = base_buf_view(&passage), .is_passage = true});
}

static int32_t put_keyword(struct rows *rows, struct berth_str path, struct berth_str text) {
    return text.len <= MAPPING_KEYWORD_MAX ? put_text(rows, path, text) : BERTH_OK;
}

static int32_t put_string(struct rows *rows, struct berth_str path, struct berth_str text) {
    char memory[PATH_MAX_BYTES + sizeof KEYWORD_SUFFIX];
    memcpy(memory, path.ptr, BASE_LEN(path));
    memcpy(memory + path.len, KEYWORD_SUFFIX, sizeof KEYWORD_SUFFIX - 1);
    struct berth_str keyword = base_str(memory, BASE_LEN(path) + sizeof KEYWORD_SUFFIX - 1);
    double number = 0;
    int64_t time = 0;
    int32_t code = BERTH_OK;
    switch (mapping_type(rows->mapping, path)) {
    case FIELD_TEXT:
        code = put_words(rows, path, text);
        if (!code && mapping_type(rows->mapping, keyword) == FIELD_KEYWORD) {
            code = put_keyword(rows, keyword, text);
        }
        return code;
    case FIELD_NUMBER:
        return base_str_f64(text, &number) ? put_number(rows, path, text, number) : BERTH_OK;
    case FIELD_DATE:
        return date_parse(text, 0, false, &time) ? put_number(rows, path, text, (double)time)
                                                 : BERTH_OK;
    case FIELD_UNMAPPED:
        code = put_words(rows, path, text);
        return code ? code : put_keyword(rows, keyword, text);
    default:
        return put_keyword(rows, path, text);
    }
}

static int32_t put_value(struct rows *rows, struct berth_str path, struct json_value value);

static int32_t put_members(struct rows *rows, struct berth_str path, struct json_value object) {
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        char memory[PATH_MAX_BYTES];
        struct berth_str name;
        struct berth_str below;
        if (!json_string(k, &rows->arena, &name)) {
            return BERTH_E_NO_MEMORY;
        }
        if (join_path(path, name, memory, &below)) {
            int32_t code = put_value(rows, below, v);
            if (code) {
                return code;
            }
        }
        k = json_next(object, v);
    }
    return BERTH_OK;
}

bool mapping_is_secret(const struct mapping *mapping, struct berth_str path) {
    for (size_t i = 0; i < mapping->count; i++) {
        struct berth_str secret = mapping->fields[i].path;
        if (mapping->fields[i].type == FIELD_SECRET && base_str_starts(path, secret) &&
            (path.len == secret.len || path.ptr[secret.len] == '.')) {
            return true;
        }
    }
    return false;
}

/* Depth is bounded by the path's length: each level adds to it, or is an array in an array. */
static int32_t put_value(struct rows *rows, struct berth_str path, struct json_value value) {
    struct berth_str text;
    double number = 0;
    int32_t code = BERTH_OK;
    if (mapping_is_secret(rows->mapping, path)) {
        return BERTH_OK;
    }
    switch (json_type(value)) {
    case JSON_OBJECT:
        return put_members(rows, path, value);
    case JSON_ARRAY:
        for (struct json_value v = json_first(value); json_present(v) && !code;
             v = json_next(value, v)) {
            code = put_value(rows, path, v);
        }
        return code;
    case JSON_STRING:
        return json_string(value, &rows->arena, &text) ? put_string(rows, path, text)
                                                       : BERTH_E_NO_MEMORY;
    case JSON_NUMBER:
        return json_f64(value, &number) ? put_number(rows, path, json_raw(value), number)
                                        : BERTH_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        return put_text(rows, path, json_raw(value));
    default:
        return BERTH_OK;
    }
}

int32_t mapping_rows(const struct mapping *mapping, struct json_value document, mapping_row_fn fn,
                     void *user) {
    struct rows rows = {.mapping = mapping, .fn = fn, .user = user};
    base_arena_init(&rows.arena, ARENA_CHUNK);
    int32_t code = put_members(&rows, base_str("", 0), document);
    base_arena_deinit(&rows.arena);
    return code;
}
