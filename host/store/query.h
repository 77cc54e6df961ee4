/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries: from OpenSearch's JSON to SQL over the rows that searches look at. Internal to
 * host/store.
 *
 * A query becomes a clause: a condition on a document `d`, and the score of a document that
 * satisfies it. Both are text of the program with places for parameters; nothing that a client
 * sends becomes part of the text. What the full-text index answers, and what is nested so far that
 * SQLite's parser could not follow, are steps of their own; whoever runs the SQL takes them first,
 * which fills the table `scored` (query_run_steps).
 */
#ifndef HOST_STORE_QUERY_H
#define HOST_STORE_QUERY_H

#include "base/json_write.h"
#include "host/store/database.h"
#include "host/store/mapping.h"

/* Limits of one search; a larger one is refused. */
#define QUERY_PARAMETERS_MAX 16384u
/* Queries within queries. */
#define QUERY_DEPTH_MAX 32u
/* Clauses within clauses in one text; SQLite's parser keeps at most 100 open rules. */
#define QUERY_HEIGHT_MAX 4u
/* Queries, words and fields that are joined; SQLite's expressions are not deeper than 1000. */
#define QUERY_CLAUSES_MAX 512u
/* Fields that one query looks at. */
#define QUERY_FIELDS_MAX 64u
/* The text of the SQL. */
#define QUERY_SQL_MAX ((size_t)1 << 20)

struct query_parameter {
    bool is_number;
    double number;
    struct berth_str text;
};

/* score "0" is that of a filter. height: how many clauses are within one another. */
struct query_clause {
    struct berth_str condition;
    struct berth_str score;
    uint32_t height;
};

/* What fills the n-th part of the table `scored`: a clause, or where match is set the index. */
struct query_step {
    struct query_step *next;
    struct query_clause clause;
    struct berth_str field; /* NULL: any */
    struct berth_str match; /* FTS5's own language, made of quoted words */
};

struct query {
    struct query_parameter *parameters;
    uint32_t count;
    uint32_t cap;
    struct query_step *steps;
    struct query_step *last_step;
    uint32_t step_count;
    struct base_arena arena;
    struct database *db;
    const struct mapping *mapping;
    int64_t index;
    int64_t now;    /* milliseconds since 1970 */
    bool is_scored; /* else scores need not be right */
    uint32_t depth;
    uint32_t clauses;
    struct berth_error *error;
};

void query_init(struct query *query, struct database *db, const struct mapping *mapping,
                int64_t index, struct berth_error *error);
void query_deinit(struct query *query);

/* Makes the clause of a query such as {"term": {…}}. PARSE or INVALID fills query->error. */
int32_t query_compile(struct query *query, struct json_value json, struct query_clause *out);

/* Fills the table `scored`. Within a transaction of query->db. */
int32_t query_run_steps(const struct query *query);

/* Prepares SQL, binds the parameters. */
int32_t query_prepare(const struct query *query, struct berth_str sql,
                      sqlite3_stmt **out_statement);

/* Runs SQL that gives no row. */
int32_t query_execute(const struct query *query, const struct base_buf *sql);

/* ---- for those that make clauses ---- */

/* Appends a parameter's place and keeps its value. */
int32_t query_put_text(struct query *query, struct base_buf *sql, struct berth_str text);
int32_t query_put_number(struct query *query, struct base_buf *sql, double number);

/* Adds a step, and makes the clause of what it finds. */
int32_t query_add_step(struct query *query, struct query_step step, struct query_clause *out);

/* Keeps text as long as the query. */
int32_t query_keep(struct query *query, const struct base_buf *text, struct berth_str *out);

/* 400 parsing_exception: what can be told without the index. */
int32_t query_parse_error(const struct query *query, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 400 search_phase_execution_exception, caused by query_shard_exception: what the mapping tells. */
int32_t query_shard_error(const struct query *query, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, caused by illegal_argument_exception. */
int32_t query_argument_error(const struct query *query, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
