/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 1024
#define SQL_MAX ((size_t)1 << 20)

void query_init(struct query *query, const struct mapping *mapping, int64_t index,
                struct berth_error *error) {
    *query = (struct query){.mapping = mapping, .index = index, .error = error};
    base_buf_init(&query->sql, SQL_MAX);
    base_arena_init(&query->arena, ARENA_CHUNK);
}

void query_deinit(struct query *query) {
    base_buf_deinit(&query->sql);
    base_arena_deinit(&query->arena);
    free(query->parameters);
}

int32_t query_parse_error(struct query *query, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return base_error_rest(query->error, BERTH_E_PARSE, 400, "parsing_exception", "%s", text);
}

static int32_t add_parameter(struct query *query, struct query_parameter parameter) {
    if (query->count == query->cap) {
        uint32_t cap = query->cap ? query->cap * 2 : 16;
        struct query_parameter *list = realloc(query->parameters, cap * sizeof *list);
        if (!list) {
            return base_error_memory(query->error);
        }
        query->parameters = list;
        query->cap = cap;
    }
    if (query->count >= QUERY_PARAMETERS_MAX) {
        return base_error(query->error, BERTH_E_INVALID, "a search has at most %u values",
                          QUERY_PARAMETERS_MAX);
    }
    query->parameters[query->count++] = parameter;
    base_buf_format(&query->sql, "?%u", query->count);
    return BERTH_OK;
}

int32_t query_text(struct query *query, struct berth_str text) {
    return add_parameter(query, (struct query_parameter){.text = text});
}

int32_t query_number(struct query *query, double number) {
    return add_parameter(query, (struct query_parameter){.is_number = true, .number = number});
}

void query_bind(const struct query *query, sqlite3_stmt *statement) {
    for (uint32_t i = 0; i < query->count; i++) {
        const struct query_parameter *p = &query->parameters[i];
        if (p->is_number) {
            database_bind_f64(statement, (int)i + 1, p->number);
        } else {
            database_bind_str(statement, (int)i + 1, p->text);
        }
    }
}

/* ---- values and fields ---- */

/* The text that a scalar is compared as. */
static int32_t scalar_text(struct query *query, const char *name, struct json_value value,
                           struct berth_str *out) {
    switch (json_type(value)) {
    case JSON_STRING:
        return json_string(value, &query->arena, out) ? BERTH_OK : base_error_memory(query->error);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        *out = json_raw(value);
        return BERTH_OK;
    default:
        return query_parse_error(
            query, "[%s] compares with text, a number or a boolean, not with " BASE_FMT, name,
            BASE_ARG(json_raw(value)));
    }
}

/* Opens "there is a field row of this name such that"; closed with two brackets. */
static int32_t open_field(struct query *query, struct berth_str field) {
    base_buf_format(&query->sql, "d.row IN (SELECT doc FROM field WHERE idx = %lld AND name = ",
                    (long long)query->index);
    return query_text(query, field);
}

/* What a field's values are compared in: a column of its row, or of the document itself. */
static int32_t open_column(struct query *query, struct berth_str field, bool *out_number) {
    *out_number = false;
    if (base_str_is(field, "_id")) {
        base_buf_cstr(&query->sql, "(d.id");
        return BERTH_OK;
    }
    *out_number = mapping_type(query->mapping, field) == FIELD_NUMBER;
    int32_t code = open_field(query, field);
    base_buf_format(&query->sql, " AND %s", *out_number ? "number" : "text");
    return code;
}

static int32_t put_value(struct query *query, struct berth_str field, bool number,
                         struct berth_str text) {
    double parsed = 0;
    if (!number) {
        return query_text(query, text);
    }
    if (!base_str_f64(text, &parsed)) {
        return base_error_rest(query->error, BERTH_E_INVALID, 400, "query_shard_exception",
                               "the field [" BASE_FMT "] is a number, [" BASE_FMT "] is none",
                               BASE_ARG(field), BASE_ARG(text));
    }
    return query_number(query, parsed);
}

/* The single field of {"field": …}, with its value; other keys are options. */
static int32_t single_field(struct query *query, const char *name, struct json_value body,
                            struct berth_str *out_field, struct json_value *out_value) {
    struct json_value key = json_first(body);
    if (!json_is(body, JSON_OBJECT) || json_count(body) == 0) {
        return base_error(query->error, BERTH_E_INVALID,
                          "[%s] needs a field: {\"%s\": {\"field\": …}}", name, name);
    }
    if (json_count(body) > 1) {
        return query_parse_error(query, "[%s] has one field, here are %zu", name, json_count(body));
    }
    *out_value = json_next(body, key);
    return json_string(key, &query->arena, out_field) ? BERTH_OK : base_error_memory(query->error);
}

/* ---- the queries ---- */

static int32_t match_all(struct query *query, struct json_value body) {
    (void)body;
    base_buf_cstr(&query->sql, "1");
    return BERTH_OK;
}

static int32_t match_none(struct query *query, struct json_value body) {
    (void)body;
    base_buf_cstr(&query->sql, "0");
    return BERTH_OK;
}

static int32_t term(struct query *query, struct json_value body) {
    struct berth_str field;
    struct berth_str text;
    struct json_value value;
    int32_t code = single_field(query, "term", body, &field, &value);
    if (!code && json_is(value, JSON_OBJECT)) {
        value = json_get(value, "value");
    }
    code = code ? code : scalar_text(query, "term", value, &text);
    bool number = false;
    code = code ? code : open_column(query, field, &number);
    base_buf_cstr(&query->sql, " = ");
    code = code ? code : put_value(query, field, number, text);
    base_buf_char(&query->sql, ')');
    return code;
}

/* A list rather than conditions joined by OR, of which SQLite takes no thousand. */
static int32_t any_of(struct query *query, const char *name, struct berth_str field,
                      struct json_value list) {
    if (!json_is(list, JSON_ARRAY)) {
        return query_parse_error(query, "[%s] needs an array of values", name);
    }
    bool number = false;
    int32_t code = open_column(query, field, &number);
    base_buf_cstr(&query->sql, " IN (");
    const char *separator = "";
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        struct berth_str text;
        base_buf_cstr(&query->sql, separator);
        code = scalar_text(query, name, v, &text);
        code = code ? code : put_value(query, field, number, text);
        separator = ", ";
    }
    base_buf_cstr(&query->sql, "))");
    return code;
}

static int32_t terms(struct query *query, struct json_value body) {
    struct berth_str field;
    struct json_value value;
    int32_t code = single_field(query, "terms", body, &field, &value);
    return code ? code : any_of(query, "terms", field, value);
}

static int32_t ids(struct query *query, struct json_value body) {
    return any_of(query, "ids", BERTH_STR("_id"), json_get(body, "values"));
}

static int32_t exists(struct query *query, struct json_value body) {
    struct berth_str field;
    if (!json_string(json_get(body, "field"), &query->arena, &field)) {
        return query_parse_error(query, "[exists] needs a [field]");
    }
    /* An object exists when anything below it does. */
    char *below = base_arena_alloc(&query->arena, BASE_LEN(field) + 1);
    if (!below) {
        return base_error_memory(query->error);
    }
    memcpy(below, field.ptr, BASE_LEN(field));
    below[field.len] = '.';
    int32_t code = open_field(query, field);
    base_buf_format(&query->sql,
                    " OR idx = %lld AND substr(name, 1, %llu) = ", (long long)query->index,
                    (unsigned long long)field.len + 1);
    code = code ? code : query_text(query, base_str(below, BASE_LEN(field) + 1));
    base_buf_char(&query->sql, ')');
    return code;
}

static int32_t range_bound(struct query *query, struct berth_str field, bool number,
                           struct berth_str name, struct json_value value) {
    static const struct {
        const char *name;
        const char *operator;
    } bounds[] = {{"gte", ">="}, {"gt", ">"},    {"lte", "<="},
                  {"lt", "<"},   {"from", ">="}, {"to", "<="}};
    const char *operator= NULL;
    for (size_t i = 0; i < BASE_COUNT(bounds); i++) {
        if (base_str_is(name, bounds[i].name)) {
            operator= bounds[i].operator;
        }
    }
    if (!operator) {
        return query_parse_error(
            query, "[range] of [" BASE_FMT "] does not know [" BASE_FMT "]: gte, gt, lte, lt",
            BASE_ARG(field), BASE_ARG(name));
    }
    struct berth_str text;
    double bound = 0;
    int32_t code = scalar_text(query, "range", value, &text);
    if (code) {
        return code;
    }
    base_buf_format(&query->sql, " AND %s %s ", number ? "number" : "text", operator);
    if (number && !base_str_f64(text, &bound)) {
        return query_parse_error(query, "[range] of [" BASE_FMT "]: [" BASE_FMT "] is no number",
                                 BASE_ARG(field), BASE_ARG(text));
    }
    return number ? query_number(query, bound) : query_text(query, text);
}

static int32_t range(struct query *query, struct json_value body) {
    static const char *const options[] = {"boost", "format", "time_zone", "relation"};
    struct berth_str field;
    struct json_value bounds;
    int32_t code = single_field(query, "range", body, &field, &bounds);
    if (!code && !json_is(bounds, JSON_OBJECT)) {
        code = query_parse_error(query, "[range] of [" BASE_FMT "] needs bounds", BASE_ARG(field));
    }
    code = code ? code : open_field(query, field);
    bool number = mapping_type(query->mapping, field) == FIELD_NUMBER;
    for (struct json_value k = json_first(bounds); json_present(k) && !code;) {
        struct json_value v = json_next(bounds, k);
        struct berth_str name = json_inner(k);
        bool option = json_is(v, JSON_NULL);
        for (size_t i = 0; i < BASE_COUNT(options); i++) {
            option |= base_str_is(name, options[i]);
        }
        code = option ? BERTH_OK : range_bound(query, field, number, name, v);
        k = json_next(bounds, v);
    }
    base_buf_char(&query->sql, ')');
    return code;
}

/* A clause is a query or an array of them. */
static int32_t bool_clause(struct query *query, struct json_value clause, const char *joint,
                           bool negate) {
    bool list = json_is(clause, JSON_ARRAY);
    struct json_value one = list ? json_first(clause) : clause;
    size_t count = 0;
    for (; json_present(one); one = list ? json_next(clause, one) : JSON_NONE) {
        base_buf_format(&query->sql, "%s%s(", count++ ? joint : "", negate ? "NOT " : "");
        int32_t code = query_condition(query, one);
        if (code) {
            return code;
        }
        base_buf_char(&query->sql, ')');
    }
    if (count == 0) {
        base_buf_cstr(&query->sql, "1");
    }
    return BERTH_OK;
}

/* How many of the should clauses must match: all conditions count as 0 or 1. */
static int32_t should_clause(struct query *query, struct json_value clause, int64_t minimum) {
    if (minimum == 0) {
        return BERTH_OK;
    }
    base_buf_cstr(&query->sql, " AND (");
    int32_t code = bool_clause(query, clause, " + ", false);
    base_buf_format(&query->sql, ") >= %lld", (long long)minimum);
    return code;
}

static int32_t bool_query(struct query *query, struct json_value body) {
    static const struct {
        const char *name;
        const char *joint;
        bool negate;
    } clauses[] = {
        {"must", " AND ", false}, {"filter", " AND ", false}, {"must_not", " AND ", true}};
    static const char *const others[] = {"should", "minimum_should_match", "boost", "_name",
                                         "adjust_pure_negative"};
    for (struct json_value k = json_first(body); json_present(k);
         k = json_next(body, json_next(body, k))) {
        bool known = false;
        for (size_t i = 0; i < BASE_COUNT(clauses); i++) {
            known |= json_string_is(k, base_cstr(clauses[i].name));
        }
        for (size_t i = 0; i < BASE_COUNT(others); i++) {
            known |= json_string_is(k, base_cstr(others[i]));
        }
        if (!known) {
            return query_parse_error(query,
                                     "[bool] does not know [" BASE_FMT
                                     "]: must, filter, should, must_not, minimum_should_match",
                                     BASE_ARG(json_inner(k)));
        }
    }
    base_buf_cstr(&query->sql, "(1");
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(clauses) && !code; i++) {
        struct json_value clause = json_get(body, clauses[i].name);
        if (json_present(clause)) {
            base_buf_cstr(&query->sql, " AND ");
            code = bool_clause(query, clause, clauses[i].joint, clauses[i].negate);
        }
    }
    struct json_value should = json_get(body, "should");
    if (json_present(should) && !code) {
        bool alone =
            !json_present(json_get(body, "must")) && !json_present(json_get(body, "filter"));
        int64_t minimum = alone ? 1 : 0;
        (void)json_i64(json_get(body, "minimum_should_match"), &minimum);
        code = should_clause(query, should, minimum);
    }
    base_buf_char(&query->sql, ')');
    return code;
}

static const struct {
    const char *name;
    int32_t (*compile)(struct query *query, struct json_value body);
} queries[] = {
    {"match_all", match_all},
    {"match_none", match_none},
    {"term", term},
    {"terms", terms},
    {"ids", ids},
    {"exists", exists},
    {"range", range},
    {"bool", bool_query},
};

static int32_t unknown_query(struct query *query, struct berth_str name) {
    BASE_BUF_AUTO known;
    base_buf_init(&known, 512);
    for (size_t i = 0; i < BASE_COUNT(queries); i++) {
        base_buf_format(&known, "%s%s", i ? ", " : "", queries[i].name);
    }
    return query_parse_error(query, "the query [" BASE_FMT "] is not one of [" BASE_FMT "]",
                             BASE_ARG(name), BASE_ARG(base_buf_view(&known)));
}

int32_t query_condition(struct query *query, struct json_value json) {
    if (!json_is(json, JSON_OBJECT) || json_count(json) == 0) {
        return query_parse_error(query, "a query is an object with the query's name");
    }
    if (json_count(json) > 1) {
        return query_parse_error(query, "a query has one name, here are %zu; [bool] joins several",
                                 json_count(json));
    }
    if (query->depth == QUERY_DEPTH_MAX) {
        return query_parse_error(query, "queries are nested more than %u deep", QUERY_DEPTH_MAX);
    }
    if (query->conditions++ == QUERY_CONDITIONS_MAX) {
        return query_parse_error(query, "a search has more than %u queries", QUERY_CONDITIONS_MAX);
    }
    struct json_value name = json_first(json);
    for (size_t i = 0; i < BASE_COUNT(queries); i++) {
        if (json_string_is(name, base_cstr(queries[i].name))) {
            query->depth++;
            int32_t code = queries[i].compile(query, json_next(json, name));
            query->depth--;
            return code ? code : query->sql.error ? base_error_memory(query->error) : BERTH_OK;
        }
    }
    return unknown_query(query, json_inner(name));
}
