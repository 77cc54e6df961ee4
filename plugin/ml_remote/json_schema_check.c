/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking values against schemas: one function a keyword, called by way of a table.
 */
#include "plugin/ml_remote/json_schema_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define PLACE_MAX 200u
#define EXPECTED_MAX 200u
#define REFERENCES_MAX 16u
#define PATTERN_CHUNK 32768u
/* What a match costs beside the length of its text. */
#define PATTERN_WORK 256u

struct checking {
    const struct ml_schema *schema;
    struct ml_budget budget;
    uint32_t depth;
    uint32_t quiet; /* within a schema that need not fit: failures are not told */
    uint32_t failures;
    size_t len;
    char text[BERTH_ERROR_MESSAGE_MAX];
    struct base_arena pattern_memory;
    pcre2_match_data *matches; /* made for the first pattern */
};

static bool check(struct checking *c, const struct ml_subschema *schema, struct json_value value);

/* ---- failures ---- */

static void put_failure(struct checking *c, const char *keyword, struct json_value value,
                        const char *expected) {
    BASE_BUF_AUTO place;
    base_buf_init(&place, PLACE_MAX);
    ml_pointer_put(&place, value);
    size_t room = sizeof c->text - c->len;
    int len =
        snprintf(c->text + c->len, room, "%s[" BASE_FMT "%s]: %s: expected %s, found " BASE_FMT,
                 c->failures ? "; " : "", BASE_ARG(base_buf_view(&place)), place.error ? "..." : "",
                 keyword, expected, BASE_ARG(ml_excerpt(value)));
    c->len = len > 0 && (size_t)len < room ? c->len + (size_t)len : sizeof c->text - 1;
    c->failures++;
}

/* Notes what was expected instead of the value. False, as the checks return it. */
__attribute__((format(printf, 4, 5))) static bool fail(struct checking *c,
                                                       const struct ml_rule *rule,
                                                       struct json_value value, const char *format,
                                                       ...) {
    if (!c->quiet && !c->budget.error && c->failures < ML_SCHEMA_FAILURES_MAX) {
        char expected[EXPECTED_MAX];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(expected, sizeof expected, format, args);
        va_end(args);
        put_failure(c, ml_keyword_name(rule->keyword), value, expected);
    }
    return false;
}

/* Whether going on would tell nothing new. */
static bool is_settled(const struct checking *c) {
    return c->quiet || c->budget.error || c->failures >= ML_SCHEMA_FAILURES_MAX;
}

/* Whether a schema fits, without telling why not. */
static bool fits(struct checking *c, const struct ml_subschema *schema, struct json_value value) {
    c->quiet++;
    bool result = check(c, schema, value);
    c->quiet--;
    return result;
}

/* ---- any value ---- */

static bool check_type(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    enum json_type type = json_type(value);
    if (rule->types & 1u << type) {
        return true;
    }
    if (type == JSON_NUMBER && (rule->types & ML_INTEGER)) {
        struct ml_decimal number = ml_decimal_read(json_raw(value));
        if (ml_decimal_is_integer(&number)) {
            return true;
        }
    }
    return fail(c, rule, value, BASE_FMT, BASE_ARG(ml_excerpt(rule->value)));
}

static bool check_const(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    return ml_json_equal(&c->budget, rule->value, value) ||
           fail(c, rule, value, BASE_FMT, BASE_ARG(ml_excerpt(rule->value)));
}

static bool check_enum(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    for (struct json_value v = json_first(rule->value); json_present(v);
         v = json_next(rule->value, v)) {
        if (ml_json_equal(&c->budget, v, value)) {
            return true;
        }
    }
    return fail(c, rule, value, "one of " BASE_FMT, BASE_ARG(ml_excerpt(rule->value)));
}

/* ---- bounds ---- */

/* Whether a count keeps a lower or upper bound, and otherwise the words for it. */
static bool check_count(struct checking *c, const struct ml_rule *rule, struct json_value value,
                        uint64_t count, bool lower, const char *what) {
    if (lower ? count >= rule->count : count <= rule->count) {
        return true;
    }
    return fail(c, rule, value, "%s %llu %s", lower ? "at least" : "at most",
                (unsigned long long)rule->count, what);
}

static bool check_length(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    struct berth_str text;
    uint64_t count = 0;
    if (!json_is(value, JSON_STRING)) {
        return true;
    }
    if (!ml_budget_text(&c->budget, value, &text)) {
        return false;
    }
    for (uint64_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return check_count(c, rule, value, count, rule->keyword == ML_KEYWORD_minLength, "characters");
}

static bool check_items_count(struct checking *c, const struct ml_rule *rule,
                              struct json_value value) {
    return !json_is(value, JSON_ARRAY) ||
           check_count(c, rule, value, json_count(value), rule->keyword == ML_KEYWORD_minItems,
                       "items");
}

static bool check_members_count(struct checking *c, const struct ml_rule *rule,
                                struct json_value value) {
    return !json_is(value, JSON_OBJECT) ||
           check_count(c, rule, value, json_count(value), rule->keyword == ML_KEYWORD_minProperties,
                       "members");
}

static bool check_range(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    /* In the order of the keywords: how a value stands to the bound when it is refused. */
    static const struct {
        int sign;
        bool equal_passes;
        const char *words;
    } ranges[] = {
        {-1, true, "at least"},
        {1, true, "at most"},
        {-1, false, "more than"},
        {1, false, "less than"},
    };
    if (!json_is(value, JSON_NUMBER)) {
        return true;
    }
    struct ml_decimal number = ml_decimal_read(json_raw(value));
    int order = ml_decimal_compare(&number, &rule->number);
    size_t i = rule->keyword - ML_KEYWORD_minimum;
    if (order * ranges[i].sign < 0 || (order == 0 && ranges[i].equal_passes)) {
        return true;
    }
    return fail(c, rule, value, "%s " BASE_FMT, ranges[i].words, BASE_ARG(ml_excerpt(rule->value)));
}

static bool check_multiple(struct checking *c, const struct ml_rule *rule,
                           struct json_value value) {
    if (!json_is(value, JSON_NUMBER)) {
        return true;
    }
    struct ml_decimal number = ml_decimal_read(json_raw(value));
    return ml_decimal_is_multiple(&number, &rule->number, rule->count) ||
           fail(c, rule, value, "a multiple of " BASE_FMT, BASE_ARG(ml_excerpt(rule->value)));
}

/* ---- text ---- */

static bool has_match(struct checking *c, const pcre2_code *pattern, struct berth_str text) {
    if (!ml_budget_spend(&c->budget, PATTERN_WORK + text.len)) {
        return false;
    }
    if (!c->matches) {
        pcre2_general_context *memory = ml_pattern_memory(&c->pattern_memory);
        c->matches = memory ? pcre2_match_data_create(1, memory) : NULL;
        if (!c->matches) {
            c->budget.error = BERTH_E_NO_MEMORY;
            return false;
        }
    }
    int result = pcre2_match(pattern, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), BASE_LEN(text), 0,
                             PCRE2_NO_UTF_CHECK, c->matches, c->schema->limits);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        c->budget.error = result == PCRE2_ERROR_NOMEMORY ? BERTH_E_NO_MEMORY : BERTH_E_LIMIT;
    }
    return result >= 0;
}

static bool check_pattern(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    struct berth_str text;
    if (!json_is(value, JSON_STRING)) {
        return true;
    }
    return ml_budget_text(&c->budget, value, &text) &&
           (has_match(c, rule->pattern, text) ||
            fail(c, rule, value, "text that matches " BASE_FMT, BASE_ARG(ml_excerpt(rule->value))));
}

/* ---- objects ---- */

struct member {
    struct json_value key;
    struct json_value value;
    struct berth_str name;
};

/* All zero is before the first member. False at the end, and when the budget is spent. */
static bool next_member(struct checking *c, struct json_value object, struct member *member) {
    if (!json_is(object, JSON_OBJECT)) {
        return false;
    }
    member->key = json_present(member->key) ? json_next(object, member->value) : json_first(object);
    if (!json_present(member->key)) {
        return false;
    }
    member->value = json_next(object, member->key);
    return ml_budget_text(&c->budget, member->key, &member->name);
}

static struct json_value find_member(struct checking *c, struct json_value object,
                                     struct berth_str name) {
    return ml_budget_spend(&c->budget, json_count(object)) ? json_get_str(object, name) : JSON_NONE;
}

static bool check_names(struct checking *c, const struct ml_rule *rule, struct json_value names,
                        struct json_value object) {
    bool result = true;
    for (struct json_value v = json_first(names); json_present(v); v = json_next(names, v)) {
        struct berth_str name;
        if (!ml_budget_text(&c->budget, v, &name)) {
            return false;
        }
        if (!json_present(find_member(c, object, name))) {
            result = fail(c, rule, object, "a member " BASE_FMT, BASE_ARG(ml_excerpt(v)));
            if (is_settled(c)) {
                break;
            }
        }
    }
    return result;
}

static bool check_required(struct checking *c, const struct ml_rule *rule,
                           struct json_value value) {
    return !json_is(value, JSON_OBJECT) || check_names(c, rule, rule->value, value);
}

static bool check_dependent_required(struct checking *c, const struct ml_rule *rule,
                                     struct json_value value) {
    bool result = true;
    for (uint32_t i = 0; json_is(value, JSON_OBJECT) && i < rule->size; i++) {
        if (json_present(find_member(c, value, rule->named[i].name))) {
            result = check_names(c, rule, rule->named[i].names, value) && result;
        }
    }
    return result;
}

static bool check_dependent_schemas(struct checking *c, const struct ml_rule *rule,
                                    struct json_value value) {
    bool result = true;
    for (uint32_t i = 0; json_is(value, JSON_OBJECT) && i < rule->size; i++) {
        if (json_present(find_member(c, value, rule->named[i].name))) {
            result = check(c, rule->named[i].schema, value) && result;
        }
    }
    return result;
}

static bool check_property_names(struct checking *c, const struct ml_rule *rule,
                                 struct json_value value) {
    bool result = true;
    for (struct member m = {0}; next_member(c, value, &m) && (result || !is_settled(c));) {
        result = check(c, rule->schemas[0], m.key) && result;
    }
    return result;
}

static bool check_properties(struct checking *c, const struct ml_rule *rule,
                             struct json_value value) {
    bool result = true;
    for (struct member m = {0}; next_member(c, value, &m) && (result || !is_settled(c));) {
        const struct ml_named *named = ml_named_find(rule, m.name);
        if (named) {
            result = check(c, named->schema, m.value) && result;
        }
    }
    return result;
}

static bool check_pattern_properties(struct checking *c, const struct ml_rule *rule,
                                     struct json_value value) {
    bool result = true;
    for (struct member m = {0}; next_member(c, value, &m) && (result || !is_settled(c));) {
        for (uint32_t i = 0; i < rule->size; i++) {
            if (has_match(c, rule->named[i].pattern, m.name)) {
                result = check(c, rule->named[i].schema, m.value) && result;
            }
        }
    }
    return result;
}

static bool matches_any(struct checking *c, const struct ml_rule *patterns, struct berth_str name) {
    for (uint32_t i = 0; patterns && i < patterns->size; i++) {
        if (has_match(c, patterns->named[i].pattern, name)) {
            return true;
        }
    }
    return false;
}

static bool check_additional_properties(struct checking *c, const struct ml_rule *rule,
                                        struct json_value value) {
    const struct ml_rule *properties = ml_rule_find(rule->owner, ML_KEYWORD_properties);
    const struct ml_rule *patterns = ml_rule_find(rule->owner, ML_KEYWORD_patternProperties);
    bool result = true;
    for (struct member m = {0}; next_member(c, value, &m) && (result || !is_settled(c));) {
        if ((properties && ml_named_find(properties, m.name)) || matches_any(c, patterns, m.name)) {
            continue;
        }
        bool passes = rule->schemas[0]->never ? fail(c, rule, m.value, "no such member")
                                              : check(c, rule->schemas[0], m.value);
        result = passes && result;
    }
    return result;
}

/* ---- arrays ---- */

static bool check_unique(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    size_t first = 0;
    size_t second = 0;
    if (!json_is(value, JSON_ARRAY) || json_is(rule->value, JSON_FALSE) ||
        !ml_json_find_twins(&c->budget, value, &first, &second)) {
        return true;
    }
    return fail(c, rule, value, "items that differ (%zu and %zu are equal)", first, second);
}

static bool check_prefix_items(struct checking *c, const struct ml_rule *rule,
                               struct json_value value) {
    bool result = true;
    struct json_value v = json_is(value, JSON_ARRAY) ? json_first(value) : JSON_NONE;
    for (uint32_t i = 0; json_present(v) && i < rule->size && (result || !is_settled(c)); i++) {
        result = check(c, rule->schemas[i], v) && result;
        v = json_next(value, v);
    }
    return result;
}

static bool check_items(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    const struct ml_rule *prefix = ml_rule_find(rule->owner, ML_KEYWORD_prefixItems);
    uint32_t skip = prefix ? prefix->size : 0;
    bool result = true;
    struct json_value v = json_is(value, JSON_ARRAY) ? json_first(value) : JSON_NONE;
    for (; json_present(v) && (result || !is_settled(c)); v = json_next(value, v)) {
        if (skip > 0) {
            skip--;
        } else if (rule->schemas[0]->never) {
            result = fail(c, rule, v, "no such item");
        } else {
            result = check(c, rule->schemas[0], v) && result;
        }
    }
    return result;
}

static bool check_contains(struct checking *c, const struct ml_rule *rule,
                           struct json_value value) {
    const struct ml_rule *min = ml_rule_find(rule->owner, ML_KEYWORD_minContains);
    const struct ml_rule *max = ml_rule_find(rule->owner, ML_KEYWORD_maxContains);
    uint64_t count = 0;
    if (!json_is(value, JSON_ARRAY)) {
        return true;
    }
    for (struct json_value v = json_first(value); json_present(v) && !c->budget.error;
         v = json_next(value, v)) {
        count += fits(c, rule->schemas[0], v);
    }
    if (min ? !check_count(c, min, value, count, true, "items that fit contains") : count == 0) {
        return min ? false : fail(c, rule, value, "an item that fits");
    }
    return !max || check_count(c, max, value, count, false, "items that fit contains");
}

/* ---- schemas together ---- */

static bool check_all_of(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    bool result = true;
    for (uint32_t i = 0; i < rule->size && (result || !is_settled(c)); i++) {
        result = check(c, rule->schemas[i], value) && result;
    }
    return result;
}

static bool check_any_of(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    for (uint32_t i = 0; i < rule->size && !c->budget.error; i++) {
        if (fits(c, rule->schemas[i], value)) {
            return true;
        }
    }
    return fail(c, rule, value, "a value that fits one of %u schemas", rule->size);
}

static bool check_one_of(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < rule->size && !c->budget.error; i++) {
        count += fits(c, rule->schemas[i], value);
    }
    return count == 1 ||
           fail(c, rule, value, "a value that fits exactly one of %u schemas (it fits %u)",
                rule->size, count);
}

static bool check_not(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    return !fits(c, rule->schemas[0], value) ||
           fail(c, rule, value, "a value that does not fit the schema");
}

static bool check_if(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    const struct ml_rule *branch = ml_rule_find(
        rule->owner, fits(c, rule->schemas[0], value) ? ML_KEYWORD_then : ML_KEYWORD_else);
    return !branch || check(c, branch->schemas[0], value);
}

static bool check_ref(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    return check(c, rule->schemas[0], value);
}

/* For keywords that another one looks at. */
static bool check_nothing(struct checking *c, const struct ml_rule *rule, struct json_value value) {
    (void)c;
    (void)rule;
    (void)value;
    return true;
}

/* ---- schemas ---- */

static bool (*const checks[])(struct checking *c, const struct ml_rule *rule,
                              struct json_value value) = {
#define CHECK(name, kind, check) check_##check,
    ML_KEYWORD_LIST(CHECK)
#undef CHECK
};

static bool check_rules(struct checking *c, const struct ml_subschema *schema,
                        struct json_value value) {
    bool result = true;
    for (uint32_t i = 0; i < schema->count && (result || !is_settled(c)); i++) {
        result = checks[schema->rules[i].keyword](c, &schema->rules[i], value) && result;
    }
    return result;
}

static bool check(struct checking *c, const struct ml_subschema *schema, struct json_value value) {
    if (!ml_budget_spend(&c->budget, 1)) {
        return false;
    }
    if (schema->never) {
        if (!is_settled(c)) {
            put_failure(c, "false", value, "no value");
        }
        return false;
    }
    if (c->depth == ML_SCHEMA_DEPTH_MAX) {
        c->budget.error = BERTH_E_LIMIT;
        return false;
    }
    c->depth++;
    bool result = check_rules(c, schema, value);
    c->depth--;
    return result;
}

int32_t ml_schema_check(const struct ml_schema *schema, struct json_value value,
                        struct berth_error *error) {
    struct checking c = {.schema = schema};
    ml_budget_init(&c.budget, ML_SCHEMA_WORK_MAX);
    base_arena_init(&c.pattern_memory, PATTERN_CHUNK);
    bool result = !json_present(value) || check(&c, schema->root, value);
    int32_t code = c.budget.error;
    ml_budget_deinit(&c.budget);
    base_arena_deinit(&c.pattern_memory);
    if (code == BERTH_E_NO_MEMORY) {
        return base_error_memory(error);
    }
    if (code) {
        return base_error_rest(error, code, 400, "illegal_argument_exception",
                               "the value cannot be checked: more than %u schemas within one "
                               "another, or more work than is allowed",
                               ML_SCHEMA_DEPTH_MAX);
    }
    return result ? BERTH_OK : base_error(error, BERTH_E_INVALID, "%s", c.text);
}

/* ---- declarations ---- */

/* The rule of a schema, or of one that it refers to. */
static const struct ml_rule *declared(const struct ml_subschema *schema, enum ml_keyword keyword) {
    for (uint32_t i = 0; i < REFERENCES_MAX; i++) {
        const struct ml_rule *rule = ml_rule_find(schema, keyword);
        const struct ml_rule *reference = ml_rule_find(schema, ML_KEYWORD_ref);
        if (rule || !reference) {
            return rule;
        }
        schema = reference->schemas[0];
    }
    return NULL;
}

bool ml_schema_wants_string(const struct ml_schema *schema, const struct berth_str *names,
                            uint32_t count) {
    const struct ml_subschema *at = schema->root;
    for (uint32_t i = 0; i < count; i++) {
        const struct ml_rule *properties = declared(at, ML_KEYWORD_properties);
        const struct ml_named *named = properties ? ml_named_find(properties, names[i]) : NULL;
        if (!named) {
            return false;
        }
        at = named->schema;
    }
    const struct ml_rule *type = declared(at, ML_KEYWORD_type);
    return type && (type->types & 1u << JSON_STRING);
}
