/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Schema, draft 2020-12, for what a model's interface lays down.
 *
 * Known are the assertions and the keywords that apply schemas to parts of a value (the table in
 * json_schema.c), boolean schemas, and references within the schema itself by JSON pointer. What
 * would change the meaning and is not known (references elsewhere, unevaluated...) is
 * refused by name; other keywords are annotations and ignored, format among them.
 *
 * Numbers are compared as the decimals that they are, so 1.0 is an integer and 0.3 a multiple of
 * 0.1. A pattern is found anywhere in the text, by PCRE2 in the manner of ECMA-262.
 *
 * A schema belongs to its arena and does not change, so any number of threads may use it.
 */
#ifndef ML_REMOTE_JSON_SCHEMA_H
#define ML_REMOTE_JSON_SCHEMA_H

#include "base/json_write.h"

#define ML_SCHEMA_TEXT_MAX (256u << 10) /* bytes of a schema */
#define ML_SCHEMA_PATTERN_MAX 2048u     /* bytes of a pattern */
#define ML_SCHEMA_DEPTH_MAX 256u        /* schemas that are applied within one another */
#define ML_SCHEMA_WORK_MAX (1u << 24)   /* values, keys and schemas that one check looks at */
#define ML_SCHEMA_FAILURES_MAX 3u       /* failures that are told */
#define ML_SCHEMA_EXCERPT_MAX 64u       /* bytes of a value in a message */

struct ml_schema;

/* INVALID when the text is no schema; the message says where in it, and what was expected. */
int32_t ml_schema_compile(struct berth_str text, struct base_arena *arena,
                          const struct ml_schema **out_schema, struct berth_error *error);

/*
 * INVALID when the value does not fit: the first failures, each with its place in the value, the
 * keyword, what it expects and what was found. LIMIT when it cannot be told with the work allowed.
 */
int32_t ml_schema_check(const struct ml_schema *schema, struct json_value value,
                        struct berth_error *error);

/*
 * Whether the property that is found by these names, one within the other, is declared to be a
 * string, perhaps among other types.
 */
bool ml_schema_wants_string(const struct ml_schema *schema, const struct berth_str *names,
                            uint32_t count);

#endif
