/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/mapping.h"

#include "base/utf8.h"

#include <ctype.h>
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
    struct base_buf secrets;
    struct base_arena arena;
};

static const struct {
    const char *name;
    enum field_type type;
} type_names[] = {
    {"text", FIELD_TEXT},      {"keyword", FIELD_KEYWORD},    {"long", FIELD_NUMBER},
    {"integer", FIELD_NUMBER}, {"double", FIELD_NUMBER},      {"float", FIELD_NUMBER},
    {"date", FIELD_NUMBER},    {"boolean", FIELD_BOOLEAN},    {"object", FIELD_OBJECT},
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
    if (type == FIELD_SECRET) {
        base_buf_format(&mapping->secrets, "%s-" BASE_FMT, mapping->secrets.len ? "," : "",
                        BASE_ARG(path));
    }
    return mapping->secrets.error;
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
    base_buf_init(&mapping->secrets, BASE_BUF_MAX_DEFAULT);
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
        base_buf_deinit(&mapping->secrets);
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

struct berth_str mapping_secret_filter(const struct mapping *mapping) {
    return base_buf_view(&mapping->secrets);
}

/* ---- words ---- */

static uint32_t decode(const unsigned char *p, size_t len) {
    uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | (p[i] & 0x3fu);
    }
    return c;
}

/*
 * Letters, digits and underscores of any script make words. Characters beyond ASCII count as
 * letters but for the blocks of punctuation and spaces; lower case is ASCII's and Latin-1's.
 */
static bool is_word_character(uint32_t c) {
    if (c < 0x80) {
        return isalnum((int)c) || c == '_';
    }
    return !(c < 0xaa || c == 0xab || c == 0xac ||
             (c > 0xac && c < 0xb5 && c != 0xb2 && c != 0xb3) || (c > 0xb5 && c < 0xb9) ||
             c == 0xbb || c == 0xbf || c == 0xd7 || c == 0xf7 || (c >= 0x2000 && c <= 0x206f) ||
             (c >= 0x3000 && c <= 0x3004) || (c >= 0x3008 && c <= 0x3020) ||
             (c >= 0xff00 && c <= 0xff0f));
}

static uint32_t lower(uint32_t c) {
    if (c < 0x80) {
        return (uint32_t)tolower((int)c);
    }
    bool latin = c >= 0xc0 && c <= 0xde && c != 0xd7;
    bool greek = c >= 0x391 && c <= 0x3a9;
    bool cyrillic = c >= 0x410 && c <= 0x42f;
    return latin || greek || cyrillic ? c + 0x20 : c >= 0x400 && c <= 0x40f ? c + 0x50 : c;
}

bool mapping_next_word(struct berth_str *rest, char *out, size_t *out_len) {
    const unsigned char *p = (const unsigned char *)rest->ptr;
    const unsigned char *end = p + rest->len;
    size_t len = 0;
    while (p < end) {
        size_t width = base_utf8_length(p, end);
        width = width ? width : 1;
        uint32_t c = decode(p, width);
        p += width;
        if (is_word_character(c)) {
            len += base_utf8_encode(lower(c), out + len);
        } else if (len) {
            break;
        }
    }
    *rest = base_str((const char *)p, (size_t)(end - p));
    *out_len = len;
    return len > 0;
}

/* ---- rows ---- */

struct rows {
    const struct mapping *mapping;
    mapping_row_fn fn;
    void *user;
    struct base_arena arena;
};

static int32_t put_words(struct rows *rows, struct berth_str path, struct berth_str text) {
    char *word = base_arena_alloc(&rows->arena, BASE_LEN(text) + 1);
    size_t len = 0;
    int32_t code = word ? BERTH_OK : BERTH_E_NO_MEMORY;
    while (!code && mapping_next_word(&text, word, &len)) {
        code = rows->fn(rows->user, path, base_str(word, len), false, 0);
    }
    return code;
}

static int32_t put_keyword(struct rows *rows, struct berth_str path, struct berth_str text) {
    return text.len <= MAPPING_KEYWORD_MAX ? rows->fn(rows->user, path, text, false, 0) : BERTH_OK;
}

static int32_t put_string(struct rows *rows, struct berth_str path, struct berth_str text) {
    char memory[PATH_MAX_BYTES + sizeof KEYWORD_SUFFIX];
    memcpy(memory, path.ptr, BASE_LEN(path));
    memcpy(memory + path.len, KEYWORD_SUFFIX, sizeof KEYWORD_SUFFIX - 1);
    struct berth_str keyword = base_str(memory, BASE_LEN(path) + sizeof KEYWORD_SUFFIX - 1);
    double number = 0;
    int32_t code = BERTH_OK;
    switch (mapping_type(rows->mapping, path)) {
    case FIELD_TEXT:
        code = put_words(rows, path, text);
        if (!code && mapping_type(rows->mapping, keyword) == FIELD_KEYWORD) {
            code = put_keyword(rows, keyword, text);
        }
        return code;
    case FIELD_NUMBER:
        return base_str_f64(text, &number) ? rows->fn(rows->user, path, text, true, number)
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

/* A name may hold dots: "a.b" is below a as much as {"a": {"b": …}} is. */
static bool is_secret(const struct mapping *mapping, struct berth_str path) {
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
    if (is_secret(rows->mapping, path)) {
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
        return json_f64(value, &number) ? rows->fn(rows->user, path, json_raw(value), true, number)
                                        : BERTH_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        return rows->fn(rows->user, path, json_raw(value), false, 0);
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
