/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kinds of queries share. Internal to the query files.
 */
#ifndef HOST_STORE_QUERY_INTERNAL_H
#define HOST_STORE_QUERY_INTERNAL_H

#include "host/store/query.h"

/* ---- clauses ---- */

extern const struct query_clause query_everything;
extern const struct query_clause query_nothing;

enum query_occur { QUERY_MUST, QUERY_FILTER, QUERY_SHOULD, QUERY_MUST_NOT };

/* Clauses that are joined; all zero is none. */
struct query_parts {
    struct query_part *first;
    struct query_part *last;
    uint32_t count;
    uint32_t should_count;
    bool has_required; /* must or filter */
};

int32_t query_add(struct query *query, struct query_parts *parts, enum query_occur occur,
                  struct query_clause clause);

/* How many of the should clauses must match where nothing says so. */
static inline int64_t query_minimum_default(const struct query_parts *parts) {
    return parts->should_count && !parts->has_required ? 1 : 0;
}

/* Joins: minimum of the should clauses must match; scores are added up. */
int32_t query_join(struct query *query, const struct query_parts *parts, int64_t minimum,
                   struct query_clause *out);

/* Any of the should clauses matches; the score is the best, and tie times the others. */
int32_t query_join_best(struct query *query, const struct query_parts *parts, double tie,
                        struct query_clause *out);

/* minimum_should_match: 2, -1, "75%", "3<-25%"; absent: fallback. */
int32_t query_minimum(struct query *query, struct json_value value, int64_t count, int64_t fallback,
                      int64_t *out);

int32_t query_boost(struct query *query, struct json_value boost, struct query_clause *clause);
int32_t query_boost_by(struct query *query, double boost, struct query_clause *clause);

/* ---- bodies ---- */

/* The names that a body may have besides what the query itself reads; ends with NULL. */
int32_t query_check_names(struct query *query, const char *name, struct json_value body,
                          const char *const *known);

/* The field of {"field": …, "boost": 1}, with its value. */
int32_t query_single_field(struct query *query, const char *name, struct json_value body,
                           struct berth_str *out_field, struct json_value *out_value);

/* The text of a string, number or boolean. */
int32_t query_scalar(struct query *query, const char *name, struct json_value value,
                     struct berth_str *out);

/* A boolean that may stand as text; absent leaves *out. */
int32_t query_bool(struct query *query, const char *name, struct json_value value, bool *out);

/* ---- fields (query_field.c) ---- */

enum query_kind {
    QUERY_FIELD_NONE, /* no document has it */
    QUERY_FIELD_ANY,  /* not one but all */
    QUERY_FIELD_ID,
    QUERY_FIELD_TEXT,
    QUERY_FIELD_KEYWORD,
    QUERY_FIELD_NUMBER,
    QUERY_FIELD_DATE,
    QUERY_FIELD_BOOLEAN,
};

struct query_field {
    struct berth_str name;
    enum query_kind kind;
};

/* What a name stands for: by the mapping, or by what documents have under it. */
int32_t query_find_field(struct query *query, struct berth_str name, struct query_field *out);

static inline bool query_field_is_number(const struct query_field *field) {
    return field->kind == QUERY_FIELD_NUMBER || field->kind == QUERY_FIELD_DATE;
}

/* Opens "the document has a value such that"; its column; the end. */
int32_t query_open_field(struct query *query, const struct query_field *field,
                         struct base_buf *sql);
const char *query_column(const struct query_field *field);

/* Appends a value's place. up: what a date leaves open is its end. */
int32_t query_put_value(struct query *query, const struct query_field *field, struct berth_str text,
                        bool up, struct base_buf *sql);

/* A value equals one of these; each scores 1. */
int32_t query_equals(struct query *query, const struct query_field *field,
                     const struct berth_str *texts, size_t count, struct query_clause *out);

/* A value matches a pattern (host/store/wildcard.h). */
int32_t query_like(struct query *query, const struct query_field *field, struct berth_str pattern,
                   bool ignore_case, struct query_clause *out);

/* One end of a range. */
struct query_bound {
    const char *operator; /* ">=" and so on */
    struct berth_str text;
    bool up;
};

int32_t query_between(struct query *query, const struct query_field *field,
                      const struct query_bound *bounds, size_t count, struct query_clause *out);

/* The field, or what is below it, has a value. */
int32_t query_has(struct query *query, struct berth_str name, struct query_clause *out);

/* ---- analysed text (query_text.c) ---- */

enum query_match_form { QUERY_WORDS, QUERY_PHRASE, QUERY_PHRASE_PREFIX, QUERY_WORDS_PREFIX };

struct query_match {
    struct berth_str text;
    enum query_match_form form;
    bool all;         /* every word must match */
    bool none_is_all; /* a text without words matches every document */
    struct json_value minimum;
    int64_t slop;
};

int32_t query_match_field(struct query *query, const struct query_field *field,
                          const struct query_match *match, struct query_clause *out);

/* A word equals, by the scores of the full-text index. */
int32_t query_word(struct query *query, const struct query_field *field, struct berth_str word,
                   struct query_clause *out);

struct query_target {
    struct query_field field;
    double boost;
};

struct query_targets {
    struct query_target list[QUERY_FIELDS_MAX];
    uint32_t count;
};

/* ["name^2", "des*"]; absent: any field. */
int32_t query_read_targets(struct query *query, const char *name, struct json_value fields,
                           struct query_targets *out);

/* ---- the kinds ---- */

typedef int32_t (*query_compile_fn)(struct query *query, struct json_value body,
                                    struct query_clause *out);

int32_t query_of_term(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_terms(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_ids(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_exists(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_prefix(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_wildcard(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_range(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_match(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_match_phrase(struct query *query, struct json_value body,
                              struct query_clause *out);
int32_t query_of_match_phrase_prefix(struct query *query, struct json_value body,
                                     struct query_clause *out);
int32_t query_of_match_bool_prefix(struct query *query, struct json_value body,
                                   struct query_clause *out);
int32_t query_of_multi_match(struct query *query, struct json_value body, struct query_clause *out);
int32_t query_of_query_string(struct query *query, struct json_value body,
                              struct query_clause *out);
int32_t query_of_simple_query_string(struct query *query, struct json_value body,
                                     struct query_clause *out);

#endif
