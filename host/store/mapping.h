/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings: which fields a document has for searches, and what each value becomes.
 *
 * A row is what a search compares with: of a keyword the text itself, of a text its words in lower
 * case, one by one and as a passage, of a number or date the number. A string that the mapping does
 * not name is both, as in OpenSearch: words under its path, the whole under path.keyword. Fields of
 * type secret and what is below them make no rows and are left out of results.
 */
#ifndef HOST_STORE_MAPPING_H
#define HOST_STORE_MAPPING_H

#include "base/error.h"
#include "base/json.h"

enum field_type {
    FIELD_UNMAPPED,
    FIELD_TEXT,
    FIELD_KEYWORD,
    FIELD_NUMBER,
    FIELD_DATE, /* milliseconds since 1970 */
    FIELD_BOOLEAN,
    FIELD_OBJECT,
    FIELD_SECRET,
};

/* A longer keyword makes no row, so that it is not found; as OpenSearch's ignore_above. */
#define MAPPING_KEYWORD_MAX 8191u

struct mapping;

/* Reads a mapping; a text that is empty is the mapping of no fields. */
int32_t mapping_create(struct berth_str text, struct mapping **out_mapping,
                       struct berth_error *error);
void mapping_destroy(struct mapping *mapping);

/* The type of a path such as name or name.keyword. */
enum field_type mapping_type(const struct mapping *mapping, struct berth_str path);

/*
 * Whether a path is a secret field's or below one. A name may hold dots: "a.b" is below a as much
 * as {"a": {"b": …}} is.
 */
bool mapping_is_secret(const struct mapping *mapping, struct berth_str path);

/* The fields in the order of their declaration; false behind the last. */
bool mapping_field(const struct mapping *mapping, size_t at, struct berth_str *out_path,
                   enum field_type *out_type);

struct mapping_row {
    struct berth_str path;
    /* What the value is compared as, or number where has_number is set. */
    struct berth_str text;
    double number;
    bool has_number;
    /* text is all words of a value, with a space between two: for phrases and scores. */
    bool is_passage;
};

typedef int32_t (*mapping_row_fn)(void *user, const struct mapping_row *row);

/* Calls fn for each row of a document; stops with what it returns when that is not BERTH_OK. */
int32_t mapping_rows(const struct mapping *mapping, struct json_value document, mapping_row_fn fn,
                     void *user);

#endif
