/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings: which fields a document has for searches, and what each value becomes.
 *
 * A field row is what a search compares with: of a keyword the text itself, of a text its words
 * in lower case, of a number or date the number. A string that the mapping does not name is both,
 * as in OpenSearch: words under its path, the whole under path.keyword. Fields of type secret and
 * what is below them make no rows and are left out of results.
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

/* The paths of secret fields as a filter that leaves them out: "-a,-b.c"; empty when there is none.
 */
struct berth_str mapping_secret_filter(const struct mapping *mapping);

/* One row. text or number (has_number) is what the value is compared as. */
typedef int32_t (*mapping_row_fn)(void *user, struct berth_str path, struct berth_str text,
                                  bool has_number, double number);

/* Calls fn for each row of a document; stops with what it returns when that is not BERTH_OK. */
int32_t mapping_rows(const struct mapping *mapping, struct json_value document, mapping_row_fn fn,
                     void *user);

/* Takes the next word, in lower case, off the front of *rest; out must hold rest's length. */
bool mapping_next_word(struct berth_str *rest, char *out, size_t *out_len);

#endif
