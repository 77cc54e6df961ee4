/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of hits: sort and search_after. Internal to host/store.
 */
#ifndef HOST_STORE_SEARCH_SORT_H
#define HOST_STORE_SEARCH_SORT_H

#include "host/store/query.h"

#define SORT_KEYS_MAX 8u

struct sort_key;

struct sort {
    struct sort_key *keys; /* in the query's arena */
    uint32_t count;        /* 0: by score */
    bool has_score;        /* the score is one of several keys */
    bool has_after;
};

/* Reads both; what is absent changes nothing. */
int32_t sort_read(struct query *query, struct json_value sort, struct json_value after,
                  struct sort *out);

/* Appends ", expression AS k0, …" over temp.found f and doc d. */
int32_t sort_put_columns(struct query *query, const struct sort *sort, struct base_buf *sql);
/* Appends a condition over these columns. */
int32_t sort_put_after(struct query *query, const struct sort *sort, struct base_buf *sql);
/* Appends the ORDER BY over these columns, score and hit. */
void sort_put_order(const struct sort *sort, struct base_buf *sql);
/* Appends a hit's "sort" from the columns of a row, counted from first. */
void sort_put_values(const struct sort *sort, sqlite3_stmt *row, int first, struct base_buf *out);

/* A number as JSON: an integer where it is one. */
void sort_put_number(struct base_buf *out, double number);

#endif
