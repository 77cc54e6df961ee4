/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries that compare values as they are: term, terms, ids, exists, prefix, wildcard, range.
 */
#include "host/store/query_internal.h"
#include "host/store/wildcard.h"

/* What {"field": value} and {"field": {"value": …, "boost": …}} have in common. */
struct term_body {
    struct query_field field;
    struct berth_str text;
    bool ignore_case;
    struct json_value boost;
};

static int32_t read_term(struct query *query, const char *name, const char *other,
                         struct json_value body, struct term_body *out) {
    const char *known[] = {"value", "boost", "case_insensitive", "_name", "rewrite", other, NULL};
    struct berth_str field;
    struct json_value value;
    *out = (struct term_body){.boost = json_get(body, "boost")};
    int32_t code = query_single_field(query, name, body, &field, &value);
    code = code ? code : query_find_field(query, field, &out->field);
    if (!code && json_is(value, JSON_OBJECT)) {
        struct json_value options = value;
        code = query_check_names(query, name, options, known);
        code = code ? code
                    : query_bool(query, "case_insensitive", json_get(options, "case_insensitive"),
                                 &out->ignore_case);
        value = json_get(options, "value");
        value = json_present(value) || !other ? value : json_get(options, other);
        out->boost = json_get(options, "boost");
    }
    return code ? code : query_scalar(query, name, value, &out->text);
}

int32_t query_of_term(struct query *query, struct json_value body, struct query_clause *out) {
    struct term_body term;
    int32_t code = read_term(query, "term", NULL, body, &term);
    if (code) {
        return code;
    }
    if (term.ignore_case && !query_field_is_number(&term.field)) {
        BASE_BUF_AUTO pattern;
        struct berth_str kept;
        base_buf_init(&pattern, QUERY_SQL_MAX);
        wildcard_quote(&pattern, term.text);
        code = query_keep(query, &pattern, &kept);
        code = code ? code : query_like(query, &term.field, kept, true, out);
    } else if (term.field.kind == QUERY_FIELD_TEXT) {
        code = query_word(query, &term.field, term.text, out);
    } else {
        code = query_equals(query, &term.field, &term.text, 1, out);
    }
    return code ? code : query_boost(query, term.boost, out);
}

/* Reads an array of values; *out_texts has *out_count of them. */
static int32_t read_list(struct query *query, const char *name, struct json_value list,
                         struct berth_str **out_texts, size_t *out_count) {
    if (!json_is(list, JSON_ARRAY)) {
        return query_parse_error(query, "[%s] needs an array of values", name);
    }
    struct berth_str *texts = base_arena_array(&query->arena, json_count(list) + 1, sizeof *texts);
    if (!texts) {
        return base_error_memory(query->error);
    }
    size_t count = 0;
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        int32_t code = query_scalar(query, name, v, &texts[count++]);
        if (code) {
            return code;
        }
    }
    *out_texts = texts;
    *out_count = count;
    return BERTH_OK;
}

int32_t query_of_terms(struct query *query, struct json_value body, struct query_clause *out) {
    struct berth_str name;
    struct json_value value;
    struct query_field field;
    struct berth_str *texts = NULL;
    size_t count = 0;
    int32_t code = query_single_field(query, "terms", body, &name, &value);
    code = code ? code : query_find_field(query, name, &field);
    code = code ? code : read_list(query, "terms", value, &texts, &count);
    code = code ? code : query_equals(query, &field, texts, count, out);
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

int32_t query_of_ids(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"values", "boost", "_name", NULL};
    struct query_field field = {.name = BERTH_STR("_id"), .kind = QUERY_FIELD_ID};
    struct berth_str *texts = NULL;
    size_t count = 0;
    int32_t code = query_check_names(query, "ids", body, known);
    code = code ? code : read_list(query, "ids", json_get(body, "values"), &texts, &count);
    code = code ? code : query_equals(query, &field, texts, count, out);
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

int32_t query_of_exists(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"field", "boost", "_name", NULL};
    struct berth_str field;
    int32_t code = query_check_names(query, "exists", body, known);
    if (!code && !json_is(json_get(body, "field"), JSON_STRING)) {
        code = query_parse_error(query, "[exists] needs a [field]");
    }
    code = code ? code : query_scalar(query, "exists", json_get(body, "field"), &field);
    code = code ? code : query_has(query, field, out);
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

int32_t query_of_prefix(struct query *query, struct json_value body, struct query_clause *out) {
    BASE_BUF_AUTO pattern;
    base_buf_init(&pattern, QUERY_SQL_MAX);
    struct term_body term;
    struct berth_str kept;
    int32_t code = read_term(query, "prefix", NULL, body, &term);
    if (code) {
        return code;
    }
    wildcard_quote(&pattern, term.text);
    base_buf_char(&pattern, '*');
    code = query_keep(query, &pattern, &kept);
    code = code ? code : query_like(query, &term.field, kept, term.ignore_case, out);
    return code ? code : query_boost(query, term.boost, out);
}

int32_t query_of_wildcard(struct query *query, struct json_value body, struct query_clause *out) {
    struct term_body term;
    int32_t code = read_term(query, "wildcard", "wildcard", body, &term);
    code = code ? code : query_like(query, &term.field, term.text, term.ignore_case, out);
    return code ? code : query_boost(query, term.boost, out);
}

/* ---- range ---- */

/* A date behind ">" or "<=" stands for the end of what it names. include: of [from] and [to]. */
static const struct {
    const char *name;
    const char *operator;
    bool up;
    const char *include;
    const char *excluded;
} bounds[] = {
    {"gte", ">=", false, NULL, NULL},
    {"gt", ">", true, NULL, NULL},
    {"lte", "<=", true, NULL, NULL},
    {"lt", "<", false, NULL, NULL},
    {"from", ">=", false, "include_lower", ">"},
    {"to", "<=", true, "include_upper", "<"},
};

static const char *const range_names[] = {
    "gte",           "gt",     "lte",       "lt",       "from",  "to",    "include_lower",
    "include_upper", "format", "time_zone", "relation", "boost", "_name", NULL};

int32_t query_of_range(struct query *query, struct json_value body, struct query_clause *out) {
    struct berth_str name;
    struct json_value value = JSON_NONE;
    struct query_field field;
    struct query_bound list[BASE_COUNT(bounds)];
    size_t count = 0;
    int32_t code = query_single_field(query, "range", body, &name, &value);
    if (!code && !json_is(value, JSON_OBJECT)) {
        code = query_parse_error(query, "[range] of [" BASE_FMT "] needs bounds", BASE_ARG(name));
    }
    code = code ? code : query_check_names(query, "range", value, range_names);
    code = code ? code : query_find_field(query, name, &field);
    for (size_t i = 0; i < BASE_COUNT(bounds) && !code; i++) {
        struct json_value bound = json_get(value, bounds[i].name);
        bool included = true;
        if (!json_present(bound) || json_is(bound, JSON_NULL)) {
            continue;
        }
        if (bounds[i].include) {
            code =
                query_bool(query, bounds[i].include, json_get(value, bounds[i].include), &included);
        }
        list[count] =
            (struct query_bound){.operator= included ? bounds[i].operator: bounds[i].excluded,
                                 .up = included == bounds[i].up };
        code = code ? code : query_scalar(query, "range", bound, &list[count++].text);
    }
    code = code ? code : query_between(query, &field, list, count, out);
    struct json_value boost = json_get(value, "boost");
    return code ? code
                : query_boost(query, json_present(boost) ? boost : json_get(body, "boost"), out);
}
