/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries: from OpenSearch's JSON to a condition in SQL over the field rows. Internal to
 * host/store.
 *
 * A condition is text and parameters; nothing that a client sends becomes part of the text.
 */
#ifndef HOST_STORE_QUERY_H
#define HOST_STORE_QUERY_H

#include "base/json_write.h"
#include "host/store/database.h"
#include "host/store/mapping.h"

/* Parameters of one search; a longer one is refused. */
#define QUERY_PARAMETERS_MAX 4096u
/* Nesting of bool queries, and queries of one search: SQLite takes nestings up to a depth alone. */
#define QUERY_DEPTH_MAX 10u
#define QUERY_CONDITIONS_MAX 500u

struct query_parameter {
    bool is_number;
    double number;
    struct berth_str text;
};

struct query {
    struct base_buf sql;
    struct query_parameter *parameters;
    uint32_t count;
    uint32_t cap;
    struct base_arena arena;
    const struct mapping *mapping;
    int64_t index;
    struct berth_error *error;
    uint32_t depth;
    uint32_t conditions;
};

void query_init(struct query *query, const struct mapping *mapping, int64_t index,
                struct berth_error *error);
void query_deinit(struct query *query);

/* Appends the condition of a query such as {"term": {…}}. PARSE or INVALID fills query->error. */
int32_t query_condition(struct query *query, struct json_value json);

/* Appends a parameter's place and keeps its value. */
int32_t query_text(struct query *query, struct berth_str text);
int32_t query_number(struct query *query, double number);

void query_bind(const struct query *query, sqlite3_stmt *statement);

/* 400 parsing_exception. */
int32_t query_parse_error(struct query *query, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
