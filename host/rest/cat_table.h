/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of _cat: text in columns, or JSON; chosen and sorted columns.
 */
#ifndef HOST_REST_CAT_TABLE_H
#define HOST_REST_CAT_TABLE_H

#include "host/rest/rest.h"

#define CAT_COLUMNS_MAX 32u

struct cat_column {
    const char *name;
    const char *aliases; /* joined by commas; may be "" */
    const char *description;
    bool shown; /* where the client does not choose */
};

/* Cells, a row after the other; texts live in the arena. */
struct cat_table {
    const struct cat_column *columns;
    uint32_t column_count;
    struct berth_str *cells;
    uint32_t row_count;
    uint32_t row_cap;
    struct base_arena arena;
    bool failed; /* out of memory */
};

void cat_table_init(struct cat_table *table, const struct cat_column *columns, uint32_t count);
void cat_table_deinit(struct cat_table *table);

/* Appends a row of column_count texts, which are copied. */
void cat_table_row(struct cat_table *table, const struct berth_str *cells);

/* Replies in the form that the request's parameters h, s, v, help and format ask for. */
void cat_table_reply(struct cat_table *table, struct berth_request *request);

/* The query parameters of a _cat route. */
extern const char *const cat_query[];

#endif
