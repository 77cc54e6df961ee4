/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading schemas; checking is in json_schema_check.c.
 *
 * A schema is read from a list of work, not by recursion: whoever names a subschema gets its
 * address at once, and it is filled in later. So references may run in circles.
 */
#include "plugin/ml_remote/json_schema_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Bounds for one match. */
#define MATCH_LIMIT 100000u
#define DEPTH_LIMIT 1000u
#define HEAP_LIMIT_KIB 1024u

enum kind {
    KIND_TYPES,
    KIND_ANY,
    KIND_LIST,
    KIND_COUNT,
    KIND_PATTERN,
    KIND_NUMBER,
    KIND_DIVISOR,
    KIND_FLAG,
    KIND_NAMES,
    KIND_NAMES_BY_NAME,
    KIND_SCHEMA,
    KIND_SCHEMAS_BY_NAME,
    KIND_SCHEMAS_BY_PATTERN,
    KIND_SCHEMA_LIST,
    KIND_REFERENCE,
};

static const struct {
    const char *name;
    enum kind kind;
} keywords[] = {
#define KEYWORD(name, kind, check) {#name, KIND_##kind},
    ML_KEYWORD_LIST(KEYWORD)
#undef KEYWORD
};

/* Keywords that change what a schema means, and that this reader does not have. */
static const char *const refused[] = {
    "$dynamicRef",
    "$recursiveRef",
    "unevaluatedItems",
    "unevaluatedProperties",
};

static const struct {
    const char *name;
    uint32_t bits;
} types[] = {
    {"null", 1u << JSON_NULL},     {"boolean", 1u << JSON_TRUE | 1u << JSON_FALSE},
    {"number", 1u << JSON_NUMBER}, {"integer", ML_INTEGER},
    {"string", 1u << JSON_STRING}, {"array", 1u << JSON_ARRAY},
    {"object", 1u << JSON_OBJECT},
};

struct compiling {
    const struct json_doc *doc;
    struct ml_subschema **by_node; /* the subschema that stands at a node of the document */
    uint32_t *work;                /* nodes whose subschema is still to be read */
    uint32_t work_count;
    struct base_arena *arena;
    pcre2_general_context *memory;
    struct berth_error *error;
};

const char *ml_keyword_name(enum ml_keyword keyword) {
    return keyword == ML_KEYWORD_ref    ? "$ref"
           : keyword == ML_KEYWORD_defs ? "$defs"
                                        : keywords[keyword].name;
}

const struct ml_rule *ml_rule_find(const struct ml_subschema *schema, enum ml_keyword keyword) {
    for (uint32_t i = 0; i < schema->count; i++) {
        if (schema->rules[i].keyword == keyword) {
            return &schema->rules[i];
        }
    }
    return NULL;
}

static int compare_named(const void *a, const void *b) {
    return base_str_cmp(((const struct ml_named *)a)->name, ((const struct ml_named *)b)->name);
}

const struct ml_named *ml_named_find(const struct ml_rule *rule, struct berth_str name) {
    struct ml_named key = {.name = name};
    return rule->size ? bsearch(&key, rule->named, rule->size, sizeof key, compare_named) : NULL;
}

/* ---- places ---- */

static void put_token(struct base_buf *out, struct berth_str token) {
    base_buf_char(out, '/');
    for (uint64_t i = 0; i < token.len; i++) {
        if (token.ptr[i] == '~' || token.ptr[i] == '/') {
            base_buf_cstr(out, token.ptr[i] == '~' ? "~0" : "~1");
        } else {
            base_buf_char(out, token.ptr[i]);
        }
    }
}

void ml_pointer_put(struct base_buf *out, struct json_value value) {
    const struct json_node *nodes = value.doc->nodes;
    struct json_value in = {value.doc, 0};
    while (in.at != value.at) {
        bool object = json_is(in, JSON_OBJECT);
        struct json_value key = JSON_NONE;
        struct json_value part = json_first(in);
        size_t index = 0;
        for (;; part = json_next(in, part), index++) {
            if (object && index % 2 == 0) {
                key = part;
            }
            if (value.at < nodes[part.at].next) {
                break;
            }
        }
        if (object) {
            BASE_BUF_AUTO name;
            base_buf_init(&name, BASE_BUF_MAX_DEFAULT);
            json_unescape(&name, json_inner(key));
            put_token(out, base_buf_view(&name));
        } else {
            base_buf_format(out, "/%zu", index);
        }
        in = part;
    }
}

/* ---- refusals ---- */

struct berth_str ml_excerpt(struct json_value value) {
    struct berth_str text = json_raw(value);
    if (text.len > ML_SCHEMA_EXCERPT_MAX) {
        text.len = ML_SCHEMA_EXCERPT_MAX;
        while (((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static int32_t refuse(const struct compiling *c, struct json_value at, const char *expected) {
    BASE_BUF_AUTO place;
    base_buf_init(&place, BERTH_ERROR_MESSAGE_MAX / 2);
    ml_pointer_put(&place, at);
    struct berth_str found = ml_excerpt(at);
    return base_error(c->error, BERTH_E_INVALID,
                      "the schema, at [" BASE_FMT "]: expected %s, found " BASE_FMT,
                      BASE_ARG(base_buf_view(&place)), expected, BASE_ARG(found));
}

/* ---- the kinds of values ---- */

/* The subschema at a place; it is read later. NULL: refused, or no memory. */
static int32_t want_schema(struct compiling *c, struct json_value at,
                           const struct ml_subschema **out_schema) {
    enum json_type type = json_type(at);
    if (type != JSON_OBJECT && type != JSON_TRUE && type != JSON_FALSE) {
        return refuse(c, at, "a schema: an object, true or false");
    }
    struct ml_subschema **slot = &c->by_node[at.at];
    if (!*slot) {
        *slot = base_arena_array(c->arena, 1, sizeof **slot);
        if (!*slot) {
            return base_error_memory(c->error);
        }
        (*slot)->never = type == JSON_FALSE;
        if (type == JSON_OBJECT) {
            c->work[c->work_count++] = at.at;
        }
    }
    *out_schema = *slot;
    return BERTH_OK;
}

static int32_t read_schema_list(struct compiling *c, struct ml_rule *rule) {
    bool one = !json_is(rule->value, JSON_ARRAY);
    size_t count = one ? 1 : json_count(rule->value);
    const struct ml_subschema **list = base_arena_array(c->arena, count, sizeof *list);
    if (!list) {
        return base_error_memory(c->error);
    }
    for (struct json_value v = one ? rule->value : json_first(rule->value); json_present(v);
         v = one ? JSON_NONE : json_next(rule->value, v)) {
        int32_t code = want_schema(c, v, &list[rule->size++]);
        if (code) {
            return code;
        }
    }
    rule->schemas = list;
    return BERTH_OK;
}

static int32_t read_type_name(struct compiling *c, struct json_value name, uint32_t *bits) {
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        if (json_string_is(name, base_cstr(types[i].name))) {
            *bits |= types[i].bits;
            return BERTH_OK;
        }
    }
    return refuse(c, name, "one of null, boolean, number, integer, string, array, object");
}

static int32_t read_types(struct compiling *c, struct ml_rule *rule) {
    if (!json_is(rule->value, JSON_ARRAY)) {
        return read_type_name(c, rule->value, &rule->types);
    }
    for (struct json_value v = json_first(rule->value); json_present(v);
         v = json_next(rule->value, v)) {
        int32_t code = read_type_name(c, v, &rule->types);
        if (code) {
            return code;
        }
    }
    return rule->types ? BERTH_OK : refuse(c, rule->value, "at least one type");
}

static int32_t read_names(struct compiling *c, struct json_value list) {
    if (!json_is(list, JSON_ARRAY)) {
        return refuse(c, list, "an array of names");
    }
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        if (!json_is(v, JSON_STRING)) {
            return refuse(c, v, "a name, which is a string");
        }
    }
    return BERTH_OK;
}

static int32_t read_number(struct compiling *c, struct ml_rule *rule, enum kind kind) {
    if (!json_is(rule->value, JSON_NUMBER)) {
        return refuse(c, rule->value, "a number");
    }
    rule->number = ml_decimal_read(json_raw(rule->value));
    if (kind == KIND_DIVISOR && !ml_decimal_divisor(&rule->number, &rule->count)) {
        return refuse(c, rule->value, "a number above 0, of at most 19 digits");
    }
    if (kind == KIND_COUNT) {
        if (!ml_decimal_is_integer(&rule->number) || rule->number.negative) {
            return refuse(c, rule->value, "a whole number that is not negative");
        }
        double value = 0;
        /* Where it does not fit, no text or array is that long. */
        bool fits = json_f64(rule->value, &value) && value < (double)(1u << 31);
        rule->count = fits ? (uint64_t)value : UINT64_MAX;
    }
    return BERTH_OK;
}

/* ---- patterns ---- */

static void *take_memory(PCRE2_SIZE size, void *arena) {
    return base_arena_alloc(arena, size);
}

static void leave_memory(void *memory, void *arena) {
    (void)memory;
    (void)arena;
}

pcre2_general_context *ml_pattern_memory(struct base_arena *arena) {
    return pcre2_general_context_create(take_memory, leave_memory, arena);
}

static int32_t read_pattern(struct compiling *c, struct json_value at,
                            const pcre2_code **out_pattern) {
    const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_BSUX |
                             PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                             PCRE2_MATCH_UNSET_BACKREF;
    struct berth_str text;
    if (!json_is(at, JSON_STRING) || json_inner(at).len > ML_SCHEMA_PATTERN_MAX) {
        return refuse(c, at, "a regular expression, which is a string of at most 2048 bytes");
    }
    pcre2_compile_context *context = pcre2_compile_context_create(c->memory);
    if (!json_string(at, c->arena, &text) || !context) {
        return base_error_memory(c->error);
    }
    int number = 0;
    PCRE2_SIZE offset = 0;
    *out_pattern =
        pcre2_compile((PCRE2_SPTR)text.ptr, BASE_LEN(text), options, &number, &offset, context);
    if (*out_pattern) {
        return BERTH_OK;
    }
    if (number == PCRE2_ERROR_HEAP_FAILED) {
        return base_error_memory(c->error);
    }
    char reason[120] = "unknown reason";
    char expected[200];
    (void)pcre2_get_error_message(number, (PCRE2_UCHAR *)reason, sizeof reason);
    (void)snprintf(expected, sizeof expected, "a regular expression (at character %zu: %s)",
                   (size_t)offset + 1, reason);
    return refuse(c, at, expected);
}

/* ---- members by name ---- */

static int32_t read_named_value(struct compiling *c, enum kind kind, struct json_value key,
                                struct json_value value, struct ml_named *named) {
    if (!json_string(key, c->arena, &named->name)) {
        return base_error_memory(c->error);
    }
    if (kind == KIND_NAMES_BY_NAME) {
        named->names = value;
        return read_names(c, value);
    }
    int32_t code =
        kind == KIND_SCHEMAS_BY_PATTERN ? read_pattern(c, key, &named->pattern) : BERTH_OK;
    return code ? code : want_schema(c, value, &named->schema);
}

static int32_t read_named(struct compiling *c, struct ml_rule *rule, enum kind kind) {
    struct json_value object = rule->value;
    if (!json_is(object, JSON_OBJECT)) {
        return refuse(c, object, "an object");
    }
    struct ml_named *list = base_arena_array(c->arena, json_count(object) + 1, sizeof *list);
    if (!list) {
        return base_error_memory(c->error);
    }
    for (struct json_value key = json_first(object); json_present(key);) {
        struct json_value value = json_next(object, key);
        int32_t code = read_named_value(c, kind, key, value, &list[rule->size++]);
        if (code) {
            return code;
        }
        key = json_next(object, value);
    }
    qsort(list, rule->size, sizeof *list, compare_named);
    rule->named = list;
    return BERTH_OK;
}

/* ---- references ---- */

static int hex_digit(char c) {
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* Resolves %41, ~0 and ~1 in place, of a token of a pointer; false when there is a wrong one. */
static bool decode_token(char *text, uint64_t *len) {
    uint64_t to = 0;
    for (uint64_t i = 0; i < *len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = *len - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = *len - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '~') {
            if (*len - i < 2 || (text[i + 1] != '0' && text[i + 1] != '1')) {
                return false;
            }
            c = text[++i] == '0' ? '~' : '/';
        }
        text[to++] = c;
    }
    *len = to;
    return true;
}

static struct json_value step_into(struct json_value in, struct berth_str token) {
    int64_t index = 0;
    if (json_is(in, JSON_OBJECT)) {
        return json_get_str(in, token);
    }
    bool plain = token.len > 0 && token.ptr[0] >= '0' && token.ptr[0] <= '9' &&
                 (token.len == 1 || token.ptr[0] != '0');
    return plain && base_str_i64(token, &index) ? json_at(in, (size_t)index) : JSON_NONE;
}

/* What a pointer behind "#" points at; absent when there is nothing. */
static int32_t resolve(const struct compiling *c, struct berth_str text,
                       struct json_value *out_target) {
    struct json_value target = json_root(c->doc);
    struct berth_str rest = text.len > 1 ? base_str_from(text, 2) : base_str(NULL, 0);
    struct berth_str token;
    char *bytes = base_arena_alloc(c->arena, BASE_LEN(text));
    if (!bytes) {
        return base_error_memory(c->error);
    }
    while (json_present(target) && base_str_split(&rest, '/', &token)) {
        memcpy(bytes, token.ptr, BASE_LEN(token));
        bool valid = decode_token(bytes, &token.len);
        target = valid ? step_into(target, base_str(bytes, BASE_LEN(token))) : JSON_NONE;
    }
    *out_target = target;
    return BERTH_OK;
}

static int32_t read_reference(struct compiling *c, struct ml_rule *rule) {
    struct berth_str text;
    if (!json_is(rule->value, JSON_STRING)) {
        return refuse(c, rule->value, "a reference, which is a string");
    }
    if (!json_string(rule->value, c->arena, &text)) {
        return base_error_memory(c->error);
    }
    if (!base_str_is(text, "#") && !base_str_starts(text, BERTH_STR("#/"))) {
        return refuse(c, rule->value,
                      "a reference within the schema, as # or #/$defs/name; others are not "
                      "followed");
    }
    struct json_value target;
    int32_t code = resolve(c, text, &target);
    if (code) {
        return code;
    }
    const struct ml_subschema **one = base_arena_array(c->arena, 1, sizeof *one);
    if (!one) {
        return base_error_memory(c->error);
    }
    if (!json_present(target)) {
        return refuse(c, rule->value, "a reference to something that is there");
    }
    rule->schemas = one;
    rule->size = 1;
    return want_schema(c, target, one);
}

/* ---- schemas ---- */

static int32_t read_rule(struct compiling *c, struct ml_rule *rule) {
    enum kind kind = keywords[rule->keyword].kind;
    switch (kind) {
    case KIND_TYPES:
        return read_types(c, rule);
    case KIND_ANY:
        return BERTH_OK;
    case KIND_LIST:
        return json_is(rule->value, JSON_ARRAY) ? BERTH_OK : refuse(c, rule->value, "an array");
    case KIND_COUNT:
    case KIND_NUMBER:
    case KIND_DIVISOR:
        return read_number(c, rule, kind);
    case KIND_PATTERN:
        return read_pattern(c, rule->value, &rule->pattern);
    case KIND_FLAG:
        return json_is(rule->value, JSON_TRUE) || json_is(rule->value, JSON_FALSE)
                   ? BERTH_OK
                   : refuse(c, rule->value, "true or false");
    case KIND_NAMES:
        return read_names(c, rule->value);
    case KIND_NAMES_BY_NAME:
    case KIND_SCHEMAS_BY_NAME:
    case KIND_SCHEMAS_BY_PATTERN:
        return read_named(c, rule, kind);
    case KIND_SCHEMA:
        return json_is(rule->value, JSON_ARRAY)
                   ? refuse(c, rule->value, "a schema: an object, true or false")
                   : read_schema_list(c, rule);
    case KIND_SCHEMA_LIST:
        return json_is(rule->value, JSON_ARRAY) && json_count(rule->value) > 0
                   ? read_schema_list(c, rule)
                   : refuse(c, rule->value, "an array of at least one schema");
    case KIND_REFERENCE:
        return read_reference(c, rule);
    }
    return BERTH_OK;
}

static int32_t read_subschema(struct compiling *c, uint32_t node) {
    struct json_value at = {c->doc, node};
    struct ml_rule rules[ML_KEYWORD_COUNT];
    uint32_t count = 0;
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        if (json_present(json_get(at, refused[i]))) {
            char expected[96];
            (void)snprintf(expected, sizeof expected, "no %s, which is not supported", refused[i]);
            return refuse(c, json_get(at, refused[i]), expected);
        }
    }
    for (enum ml_keyword k = 0; k < ML_KEYWORD_COUNT; k++) {
        struct json_value value = json_get(at, ml_keyword_name(k));
        if (json_present(value)) {
            rules[count] =
                (struct ml_rule){.owner = c->by_node[node], .keyword = k, .value = value};
            int32_t code = read_rule(c, &rules[count++]);
            if (code) {
                return code;
            }
        }
    }
    struct ml_rule *copy = base_arena_array(c->arena, count + 1u, sizeof *copy);
    if (!copy) {
        return base_error_memory(c->error);
    }
    memcpy(copy, rules, count * sizeof *copy);
    c->by_node[node]->rules = copy;
    c->by_node[node]->count = count;
    return BERTH_OK;
}

/* The document's nodes and text, moved into the arena. */
static int32_t read_document(struct berth_str text, struct base_arena *arena,
                             struct json_doc *out_doc, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault = {0};
    if (text.len > ML_SCHEMA_TEXT_MAX) {
        return base_error(error, BERTH_E_INVALID,
                          "a schema has at most %u bytes, this one has %llu", ML_SCHEMA_TEXT_MAX,
                          (unsigned long long)text.len);
    }
    text = base_arena_dup(arena, text);
    if (!text.ptr) {
        return base_error_memory(error);
    }
    if (!json_parse(&doc, text, 0, &fault)) {
        return json_report(&fault, "the schema", error);
    }
    struct json_node *nodes = base_arena_array(arena, doc.count, sizeof *nodes);
    if (!nodes) {
        return base_error_memory(error);
    }
    memcpy(nodes, doc.nodes, doc.count * sizeof *nodes);
    *out_doc = (struct json_doc){
        .text = text, .nodes = nodes, .count = doc.count, .cap = doc.count, .deepest = doc.deepest};
    return BERTH_OK;
}

static int32_t make_limits(struct compiling *c, pcre2_match_context **out_limits) {
    c->memory = ml_pattern_memory(c->arena);
    pcre2_match_context *limits = c->memory ? pcre2_match_context_create(c->memory) : NULL;
    if (!limits) {
        return base_error_memory(c->error);
    }
    (void)pcre2_set_match_limit(limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    *out_limits = limits;
    return BERTH_OK;
}

int32_t ml_schema_compile(struct berth_str text, struct base_arena *arena,
                          const struct ml_schema **out_schema, struct berth_error *error) {
    struct json_doc *doc = base_arena_array(arena, 1, sizeof *doc);
    struct ml_schema *schema = base_arena_array(arena, 1, sizeof *schema);
    if (!doc || !schema) {
        return base_error_memory(error);
    }
    int32_t code = read_document(text, arena, doc, error);
    if (code) {
        return code;
    }
    struct compiling c = {.doc = doc, .arena = arena, .error = error};
    c.by_node = base_arena_array(arena, doc->count, sizeof(struct ml_subschema *));
    c.work = base_arena_array(arena, doc->count, sizeof *c.work);
    if (!c.by_node || !c.work) {
        return base_error_memory(error);
    }
    if ((code = make_limits(&c, &schema->limits)) ||
        (code = want_schema(&c, json_root(doc), &schema->root))) {
        return code;
    }
    while (c.work_count) {
        code = read_subschema(&c, c.work[--c.work_count]);
        if (code) {
            return code;
        }
    }
    *out_schema = schema;
    return BERTH_OK;
}
