/* SPDX-License-Identifier: Apache-2.0 */
#include "host/rest/cat_table.h"

#include <stdlib.h>

const char *const cat_query[] = {"h",
                                 "s",
                                 "v",
                                 "help",
                                 "bytes",
                                 "time",
                                 "size",
                                 "local",
                                 "full_id",
                                 "include_bootstrap",
                                 "timeout",
                                 "cluster_manager_timeout",
                                 "master_timeout",
                                 NULL};

void cat_table_init(struct cat_table *table, const struct cat_column *columns, uint32_t count) {
    *table = (struct cat_table){.columns = columns, .column_count = count};
    base_arena_init(&table->arena, 1024);
}

void cat_table_deinit(struct cat_table *table) {
    base_arena_deinit(&table->arena);
    free(table->cells);
}

void cat_table_row(struct cat_table *table, const struct berth_str *cells) {
    uint32_t width = table->column_count;
    if (table->row_count == table->row_cap) {
        uint32_t cap = table->row_cap ? table->row_cap * 2 : 8;
        struct berth_str *grown = realloc(table->cells, (size_t)cap * width * sizeof *grown);
        if (!grown) {
            table->failed = true;
            return;
        }
        table->cells = grown;
        table->row_cap = cap;
    }
    for (uint32_t i = 0; i < width; i++) {
        struct berth_str copy = base_arena_dup(&table->arena, cells[i]);
        table->failed |= copy.ptr == NULL;
        table->cells[table->row_count * width + i] = copy;
    }
    table->row_count++;
}

static bool names_column(const struct cat_column *column, struct berth_str name) {
    struct berth_str rest = base_cstr(column->aliases);
    struct berth_str alias;
    if (base_str_glob(name, base_cstr(column->name))) {
        return true;
    }
    while (rest.len && base_str_split(&rest, ',', &alias)) {
        if (base_str_eq(name, alias)) {
            return true;
        }
    }
    return false;
}

/* The columns of h, in its order; those that are shown by default where there is no h. */
static uint32_t choose(const struct cat_table *table, struct berth_request *request,
                       uint32_t *out_columns) {
    struct berth_str wanted;
    struct berth_str name;
    uint32_t count = 0;
    if (router_query(request, BERTH_STR("h"), &wanted) != BERTH_OK) {
        for (uint32_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].shown) {
                out_columns[count++] = i;
            }
        }
        return count;
    }
    while (base_str_split(&wanted, ',', &name)) {
        for (uint32_t i = 0; i < table->column_count && count < CAT_COLUMNS_MAX; i++) {
            if (names_column(&table->columns[i], base_str_trim(name))) {
                out_columns[count++] = i;
            }
        }
    }
    return count;
}

/* Numbers by their value, all else by its bytes. */
static int compare(struct berth_str a, struct berth_str b) {
    double x;
    double y;
    return base_str_f64(a, &x) && base_str_f64(b, &y) ? (x > y) - (x < y) : base_str_cmp(a, b);
}

/* Sorts by the columns of s; "name:desc" turns one round. Rows are few: insertion keeps order. */
static void sort_rows(struct cat_table *table, struct berth_str keys) {
    uint32_t width = table->column_count;
    struct berth_str list[8];
    uint32_t count = 0;
    while (count < BASE_COUNT(list) && base_str_split(&keys, ',', &list[count])) {
        count++;
    }
    while (count-- > 0) {
        uint64_t colon = base_str_find(list[count], ':');
        struct berth_str name = base_str_slice(list[count], 0, colon);
        int sign = base_str_is(base_str_from(list[count], colon), ":desc") ? -1 : 1;
        for (uint32_t c = 0; c < width; c++) {
            if (!names_column(&table->columns[c], name)) {
                continue;
            }
            for (uint32_t i = 1; i < table->row_count; i++) {
                for (uint32_t k = i; k > 0; k--) {
                    struct berth_str *upper = &table->cells[(k - 1) * width];
                    struct berth_str *lower = &table->cells[k * width];
                    if (sign * compare(upper[c], lower[c]) <= 0) {
                        break;
                    }
                    for (uint32_t x = 0; x < width; x++) {
                        struct berth_str kept = upper[x];
                        upper[x] = lower[x];
                        lower[x] = kept;
                    }
                }
            }
            break;
        }
    }
}

static struct berth_str cell(const struct cat_table *table, uint32_t row, uint32_t column) {
    return table->cells[row * table->column_count + column];
}

static void put_padded(struct base_buf *out, struct berth_str text, uint64_t width, bool last) {
    base_buf_str(out, text);
    for (uint64_t i = text.len; i < width && !last; i++) {
        base_buf_char(out, ' ');
    }
    base_buf_char(out, last ? '\n' : ' ');
}

static void put_text(const struct cat_table *table, const uint32_t *columns, uint32_t count,
                     bool header, struct base_buf *out) {
    uint64_t widths[CAT_COLUMNS_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        widths[i] = header ? strlen(table->columns[columns[i]].name) : 0;
        for (uint32_t row = 0; row < table->row_count; row++) {
            uint64_t len = cell(table, row, columns[i]).len;
            widths[i] = len > widths[i] ? len : widths[i];
        }
    }
    for (uint32_t i = 0; header && i < count; i++) {
        put_padded(out, base_cstr(table->columns[columns[i]].name), widths[i], i + 1 == count);
    }
    for (uint32_t row = 0; row < table->row_count; row++) {
        for (uint32_t i = 0; i < count; i++) {
            put_padded(out, cell(table, row, columns[i]), widths[i], i + 1 == count);
        }
    }
}

static void put_json(const struct cat_table *table, const uint32_t *columns, uint32_t count,
                     struct base_buf *out) {
    json_open_array(out);
    for (uint32_t row = 0; row < table->row_count; row++) {
        json_open_object(out);
        for (uint32_t i = 0; i < count; i++) {
            json_member_string(out, table->columns[columns[i]].name, cell(table, row, columns[i]));
        }
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_help(const struct cat_table *table, struct base_buf *out) {
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct cat_column *c = &table->columns[i];
        base_buf_format(out, "%-18s | %-14s | %s\n", c->name, c->aliases, c->description);
    }
}

void cat_table_reply(struct cat_table *table, struct berth_request *request) {
    uint32_t columns[CAT_COLUMNS_MAX];
    bool header = false;
    bool help = false;
    struct berth_str sort;
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    if (!router_query_bool(request, "v", &header) || !router_query_bool(request, "help", &help)) {
        return;
    }
    uint32_t count = choose(table, request, columns);
    if (router_query(request, BERTH_STR("s"), &sort) == BERTH_OK) {
        sort_rows(table, sort);
    }
    struct berth_str format = router_format(request);
    bool json = base_str_is(format, "json") || base_str_is(format, "yaml");
    if (help) {
        put_help(table, &out);
    } else if (json) {
        put_json(table, columns, count, &out);
    } else {
        put_text(table, columns, count, header, &out);
    }
    if (json || table->failed || out.error) {
        out.error = table->failed ? BERTH_E_NO_MEMORY : out.error;
        router_reply_json(request, 200, &out);
    } else {
        router_reply_text(request, 200, base_buf_view(&out));
    }
}
