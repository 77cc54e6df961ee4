/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of queries by name, what a query keeps, and running it.
 */
#include "host/store/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/store/query_internal.h"
#include "host/store/store_internal.h"

#define ARENA_CHUNK 4096

void query_init(struct query *query, struct database *db, const struct mapping *mapping,
                int64_t index, struct berth_error *error) {
    *query = (struct query){.db = db,
                            .mapping = mapping,
                            .index = index,
                            .now = (int64_t)base_wall_ms(),
                            .error = error};
    base_arena_init(&query->arena, ARENA_CHUNK);
}

void query_deinit(struct query *query) {
    base_arena_deinit(&query->arena);
    free(query->parameters);
}

/* ---- errors ---- */

static int32_t refuse(const struct query *query, int32_t code, const char *type, const char *format,
                      va_list args) {
    char text[BERTH_ERROR_MESSAGE_MAX];
    (void)vsnprintf(text, sizeof text, format, args);
    return base_error_rest(query->error, code, 400, type, "%s", text);
}

int32_t query_parse_error(const struct query *query, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int32_t code = refuse(query, BERTH_E_PARSE, "parsing_exception", format, args);
    va_end(args);
    return code;
}

int32_t query_shard_error(const struct query *query, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int32_t code = refuse(query, BERTH_E_INVALID,
                          "search_phase_execution_exception/query_shard_exception", format, args);
    va_end(args);
    return code;
}

int32_t query_argument_error(const struct query *query, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int32_t code =
        refuse(query, BERTH_E_INVALID,
               "search_phase_execution_exception/illegal_argument_exception", format, args);
    va_end(args);
    return code;
}

/* ---- parameters ---- */

static int32_t add_parameter(struct query *query, struct base_buf *sql,
                             struct query_parameter parameter) {
    if (query->count >= QUERY_PARAMETERS_MAX) {
        return query_argument_error(query, "a search has at most %u values", QUERY_PARAMETERS_MAX);
    }
    if (query->count == query->cap) {
        uint32_t cap = query->cap ? query->cap * 2 : 16;
        struct query_parameter *list = realloc(query->parameters, cap * sizeof *list);
        if (!list) {
            return base_error_memory(query->error);
        }
        query->parameters = list;
        query->cap = cap;
    }
    query->parameters[query->count++] = parameter;
    base_buf_format(sql, "?%u", query->count);
    return sql->error ? base_error_memory(query->error) : BERTH_OK;
}

int32_t query_put_text(struct query *query, struct base_buf *sql, struct berth_str text) {
    return add_parameter(query, sql, (struct query_parameter){.text = text});
}

int32_t query_put_number(struct query *query, struct base_buf *sql, double number) {
    return add_parameter(query, sql, (struct query_parameter){.is_number = true, .number = number});
}

int32_t query_keep(struct query *query, const struct base_buf *text, struct berth_str *out) {
    if (text->error == BERTH_E_TOO_LARGE) {
        return query_argument_error(query, "the search joins too many and too long queries");
    }
    *out = text->error ? base_str(NULL, 0) : base_arena_dup(&query->arena, base_buf_view(text));
    return out->ptr ? BERTH_OK : base_error_memory(query->error);
}

/* ---- running ---- */

int32_t query_prepare(const struct query *query, struct berth_str sql,
                      sqlite3_stmt **out_statement) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(query->db->handle, sql.ptr, (int)sql.len, &statement, NULL) !=
        SQLITE_OK) {
        return database_error(query->db, query->error);
    }
    for (uint32_t i = 0; i < query->count; i++) {
        const struct query_parameter *p = &query->parameters[i];
        if (p->is_number) {
            database_bind_f64(statement, (int)i + 1, p->number);
        } else {
            database_bind_str(statement, (int)i + 1, p->text);
        }
    }
    *out_statement = statement;
    return BERTH_OK;
}

int32_t query_execute(const struct query *query, const struct base_buf *sql) {
    sqlite3_stmt *statement = NULL;
    int32_t code = sql->error ? base_error_memory(query->error)
                              : query_prepare(query, base_buf_view(sql), &statement);
    code = code ? code : database_step(query->db, statement, query->error);
    (void)sqlite3_finalize(statement);
    return code < 0 ? code : BERTH_OK;
}

int32_t query_add_step(struct query *query, struct query_step step, struct query_clause *out) {
    struct query_step *kept = base_arena_alloc(&query->arena, sizeof *kept);
    if (!kept) {
        return base_error_memory(query->error);
    }
    *kept = step;
    if (query->last_step) {
        query->last_step->next = kept;
    } else {
        query->steps = kept;
    }
    query->last_step = kept;
    uint32_t number = query->step_count++;
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    base_buf_format(&sql, "d.row IN (SELECT doc FROM temp.scored WHERE step = %u)", number);
    *out = (struct query_clause){0};
    int32_t code = query_keep(query, &sql, &out->condition);
    base_buf_clear(&sql);
    base_buf_format(&sql,
                    "coalesce((SELECT s.score FROM temp.scored s WHERE s.step = %u"
                    " AND s.doc = d.row), 0)",
                    number);
    return code ? code : query_keep(query, &sql, &out->score);
}

static int32_t run_clause(const struct query *query, uint32_t number,
                          const struct query_clause *clause) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX * 4);
    base_buf_format(&sql, "INSERT INTO temp.scored SELECT %u, d.row, ", number);
    base_buf_str(&sql, clause->score);
    base_buf_format(&sql, " FROM doc d WHERE d.idx = %lld AND ", (long long)query->index);
    base_buf_str(&sql, clause->condition);
    return query_execute(query, &sql);
}

/*
 * bm25 weighs by the passages of all fields and indices: what a word's rarity counts differs a
 * little from an index of its own, the order within one word's hits does not. It is negative, the
 * better the lower.
 */
static int32_t run_match(const struct query *query, uint32_t number,
                         const struct query_step *step) {
    sqlite3_stmt *insert = database_statement(query->db, SQL_SCORED_INSERT);
    database_bind_i64(insert, 1, number);
    database_bind_str(insert, 2, step->match);
    if (step->field.ptr) {
        database_bind_str(insert, 3, step->field);
    } else {
        database_bind_null(insert, 3);
    }
    database_bind_i64(insert, 4, STORE_PASSAGES_MAX);
    return database_run(query->db, insert, query->error);
}

int32_t query_run_steps(const struct query *query) {
    struct database *db = query->db;
    uint32_t number = 0;
    int32_t code = query->steps
                       ? database_run(db, database_statement(db, SQL_SCORED_CLEAR), query->error)
                       : BERTH_OK;
    for (const struct query_step *s = query->steps; s && !code; s = s->next, number++) {
        code = s->match.ptr ? run_match(query, number, s) : run_clause(query, number, &s->clause);
    }
    return code;
}

/* ---- the kinds that join others ---- */

static int32_t match_all(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"boost", "_name", NULL};
    *out = query_everything;
    int32_t code = query_check_names(query, "match_all", body, known);
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

static int32_t match_none(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"boost", "_name", NULL};
    *out = query_nothing;
    return query_check_names(query, "match_none", body, known);
}

/* A clause is a query or an array of them. */
static int32_t add_queries(struct query *query, struct query_parts *parts, enum query_occur occur,
                           struct json_value value) {
    bool list = json_is(value, JSON_ARRAY);
    struct json_value one = list ? json_first(value) : value;
    for (; json_present(one); one = list ? json_next(value, one) : JSON_NONE) {
        struct query_clause clause;
        int32_t code = query_compile(query, one, &clause);
        code = code ? code : query_add(query, parts, occur, clause);
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

static int32_t bool_query(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"must",
                                        "filter",
                                        "should",
                                        "must_not",
                                        "minimum_should_match",
                                        "boost",
                                        "_name",
                                        "adjust_pure_negative",
                                        NULL};
    static const struct {
        const char *name;
        enum query_occur occur;
    } clauses[] = {{"must", QUERY_MUST},
                   {"filter", QUERY_FILTER},
                   {"should", QUERY_SHOULD},
                   {"must_not", QUERY_MUST_NOT}};
    struct query_parts parts = {0};
    int32_t code = query_check_names(query, "bool", body, known);
    for (size_t i = 0; i < BASE_COUNT(clauses) && !code; i++) {
        code = add_queries(query, &parts, clauses[i].occur, json_get(body, clauses[i].name));
    }
    int64_t minimum = 0;
    code = code ? code
                : query_minimum(query, json_get(body, "minimum_should_match"), parts.should_count,
                                query_minimum_default(&parts), &minimum);
    if (!code && parts.count == 0) {
        *out = query_everything;
    } else {
        code = code ? code : query_join(query, &parts, minimum, out);
    }
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

static int32_t dis_max(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"queries", "tie_breaker", "boost", "_name", NULL};
    struct query_parts parts = {0};
    double tie = 0;
    (void)json_f64(json_get(body, "tie_breaker"), &tie);
    int32_t code = query_check_names(query, "dis_max", body, known);
    code = code ? code : add_queries(query, &parts, QUERY_SHOULD, json_get(body, "queries"));
    if (!code && parts.count == 0) {
        code = query_parse_error(query, "[dis_max] needs [queries]");
    }
    code = code ? code : query_join_best(query, &parts, tie, out);
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

static int32_t constant_score(struct query *query, struct json_value body,
                              struct query_clause *out) {
    static const char *const known[] = {"filter", "boost", "_name", NULL};
    int32_t code = query_check_names(query, "constant_score", body, known);
    if (!code && !json_present(json_get(body, "filter"))) {
        code = query_parse_error(query, "[constant_score] needs a [filter]");
    }
    code = code ? code : query_compile(query, json_get(body, "filter"), out);
    out->score = BERTH_STR("1.0");
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

/*
 * The fields of nested objects are rows like all others, so that the query itself is the answer;
 * two conditions on one element of an array may then be met by two of its elements.
 */
static int32_t nested(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {"path",  "query", "score_mode", "ignore_unmapped",
                                        "boost", "_name", "inner_hits", NULL};
    int32_t code = query_check_names(query, "nested", body, known);
    if (!code &&
        (!json_is(json_get(body, "path"), JSON_STRING) || !json_present(json_get(body, "query")))) {
        code = query_parse_error(query, "[nested] needs a [path] and a [query]");
    }
    code = code ? code : query_compile(query, json_get(body, "query"), out);
    if (!code && json_string_is(json_get(body, "score_mode"), BERTH_STR("none"))) {
        out->score = BERTH_STR("0");
    }
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}

static const struct {
    const char *name;
    query_compile_fn compile;
} kinds[] = {
    {"bool", bool_query},
    {"constant_score", constant_score},
    {"dis_max", dis_max},
    {"exists", query_of_exists},
    {"ids", query_of_ids},
    {"match", query_of_match},
    {"match_all", match_all},
    {"match_bool_prefix", query_of_match_bool_prefix},
    {"match_none", match_none},
    {"match_phrase", query_of_match_phrase},
    {"match_phrase_prefix", query_of_match_phrase_prefix},
    {"multi_match", query_of_multi_match},
    {"nested", nested},
    {"prefix", query_of_prefix},
    {"query_string", query_of_query_string},
    {"range", query_of_range},
    {"simple_query_string", query_of_simple_query_string},
    {"term", query_of_term},
    {"terms", query_of_terms},
    {"wildcard", query_of_wildcard},
};

static int32_t unknown_query(const struct query *query, struct berth_str name) {
    BASE_BUF_AUTO known;
    base_buf_init(&known, BERTH_ERROR_MESSAGE_MAX);
    for (size_t i = 0; i < BASE_COUNT(kinds); i++) {
        base_buf_format(&known, "%s%s", i ? ", " : "", kinds[i].name);
    }
    return query_parse_error(query, "unknown query [%.*s]; there are [" BASE_FMT "]",
                             (int)(name.len > 128 ? 128 : name.len), name.ptr,
                             BASE_ARG(base_buf_view(&known)));
}

int32_t query_compile(struct query *query, struct json_value json, struct query_clause *out) {
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
    struct json_value name = json_first(json);
    struct json_value body = json_next(json, name);
    for (size_t i = 0; i < BASE_COUNT(kinds); i++) {
        if (json_string_is(name, base_cstr(kinds[i].name))) {
            if (!json_is(body, JSON_OBJECT)) {
                return query_parse_error(query, "the body of [%s] is an object", kinds[i].name);
            }
            query->depth++;
            int32_t code = kinds[i].compile(query, body, out);
            query->depth--;
            return code;
        }
    }
    return unknown_query(query, json_inner(name));
}
