/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a schema is made of: shared by reading and checking.
 */
#ifndef ML_REMOTE_JSON_SCHEMA_INTERNAL_H
#define ML_REMOTE_JSON_SCHEMA_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "plugin/ml_remote/json_compare.h"
#include "plugin/ml_remote/json_schema.h"

/* X(name, what its value must be, the check). The order is that in which keywords are checked. */
#define ML_KEYWORD_LIST(X)                                                                         \
    X(type, TYPES, type)                                                                           \
    X(const, ANY, const)                                                                           \
    X(enum, LIST, enum)                                                                            \
    X(minLength, COUNT, length)                                                                    \
    X(maxLength, COUNT, length)                                                                    \
    X(pattern, PATTERN, pattern)                                                                   \
    X(minimum, NUMBER, range)                                                                      \
    X(maximum, NUMBER, range)                                                                      \
    X(exclusiveMinimum, NUMBER, range)                                                             \
    X(exclusiveMaximum, NUMBER, range)                                                             \
    X(multipleOf, DIVISOR, multiple)                                                               \
    X(minItems, COUNT, items_count)                                                                \
    X(maxItems, COUNT, items_count)                                                                \
    X(uniqueItems, FLAG, unique)                                                                   \
    X(minProperties, COUNT, members_count)                                                         \
    X(maxProperties, COUNT, members_count)                                                         \
    X(required, NAMES, required)                                                                   \
    X(dependentRequired, NAMES_BY_NAME, dependent_required)                                        \
    X(propertyNames, SCHEMA, property_names)                                                       \
    X(properties, SCHEMAS_BY_NAME, properties)                                                     \
    X(patternProperties, SCHEMAS_BY_PATTERN, pattern_properties)                                   \
    X(additionalProperties, SCHEMA, additional_properties)                                         \
    X(dependentSchemas, SCHEMAS_BY_NAME, dependent_schemas)                                        \
    X(prefixItems, SCHEMA_LIST, prefix_items)                                                      \
    X(items, SCHEMA, items)                                                                        \
    X(contains, SCHEMA, contains)                                                                  \
    X(minContains, COUNT, nothing)                                                                 \
    X(maxContains, COUNT, nothing)                                                                 \
    X(allOf, SCHEMA_LIST, all_of)                                                                  \
    X(anyOf, SCHEMA_LIST, any_of)                                                                  \
    X(oneOf, SCHEMA_LIST, one_of)                                                                  \
    X(not, SCHEMA, not)                                                                            \
    X(if, SCHEMA, if)                                                                              \
    X(then, SCHEMA, nothing)                                                                       \
    X(else, SCHEMA, nothing)                                                                       \
    X(ref, REFERENCE, ref)                                                                         \
    X(defs, SCHEMAS_BY_NAME, nothing)                                                              \
    X(definitions, SCHEMAS_BY_NAME, nothing)

enum ml_keyword {
#define ML_KEYWORD_ENUM(name, kind, check) ML_KEYWORD_##name,
    ML_KEYWORD_LIST(ML_KEYWORD_ENUM)
#undef ML_KEYWORD_ENUM
        ML_KEYWORD_COUNT
};

struct ml_subschema;

/* A member of a keyword's value: a property, a pattern, a definition. */
struct ml_named {
    struct berth_str name;
    const pcre2_code *pattern;
    const struct ml_subschema *schema;
    struct json_value names; /* of dependentRequired */
};

/* A keyword with its value, read. */
struct ml_rule {
    const struct ml_subschema *owner;
    enum ml_keyword keyword;
    struct json_value value;
    uint64_t count; /* COUNT; of DIVISOR the digits */
    struct ml_decimal number;
    const pcre2_code *pattern;
    uint32_t types;                            /* a bit for each enum json_type, and ML_INTEGER */
    uint32_t size;                             /* of named or schemas */
    const struct ml_named *named;              /* sorted by name */
    const struct ml_subschema *const *schemas; /* SCHEMA and REFERENCE: one */
};

/* The bit for a number that is whole; JSON_NUMBER stands for any. */
#define ML_INTEGER (1u << 31)

struct ml_subschema {
    bool never; /* the schema false; true is a schema without rules */
    uint32_t count;
    const struct ml_rule *rules;
};

struct ml_schema {
    const struct ml_subschema *root;
    pcre2_match_context *limits;
};

const char *ml_keyword_name(enum ml_keyword keyword);

/* The rule of that keyword; NULL when there is none. */
const struct ml_rule *ml_rule_find(const struct ml_subschema *schema, enum ml_keyword keyword);
const struct ml_named *ml_named_find(const struct ml_rule *rule, struct berth_str name);

/* Appends the place of a value in its document, as a JSON pointer. */
void ml_pointer_put(struct base_buf *out, struct json_value value);

/* The beginning of a value as it was written, cut at a character's border. */
struct berth_str ml_excerpt(struct json_value value);

/* Makes PCRE2 take its memory from an arena; what it frees is freed with the arena. */
pcre2_general_context *ml_pattern_memory(struct base_arena *arena);

#endif
