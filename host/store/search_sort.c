/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/search_sort.h"

#include "host/store/date.h"
#include "host/store/query_internal.h"

/* What a number that a document lacks counts as: OpenSearch shows the ends of a long. */
#define NUMBER_LAST 9223372036854775807.0

enum key_kind { KEY_FIELD, KEY_SCORE, KEY_POSITION };

struct sort_key {
    struct query_field field;
    enum key_kind kind;
    bool descending;
    bool missing_first;
    struct berth_str missing; /* a value instead; NULL: none */
    const char *function;     /* which of several values counts */
    struct json_value after;
};

static bool is_number(const struct sort_key *key) {
    return key->kind != KEY_FIELD || query_field_is_number(&key->field);
}

/* ---- reading ---- */

static int32_t read_mode(struct query *query, struct json_value mode, struct sort_key *key) {
    static const char *const names[] = {"min", "max", "sum", "avg"};
    key->function = key->descending ? "max" : "min";
    if (!json_present(mode)) {
        return BERTH_OK;
    }
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        if (json_string_is(mode, base_cstr(names[i])) && (i < 2 || is_number(key))) {
            key->function = names[i];
            return BERTH_OK;
        }
    }
    return query_parse_error(query,
                             "the [mode] of [" BASE_FMT "] is min or max, or of numbers sum or avg",
                             BASE_ARG(key->field.name));
}

/* A field that no document has needs to be told what it would be. */
static int32_t read_unmapped(struct query *query, struct json_value type, struct sort_key *key) {
    static const char *const texts[] = {"keyword", "text", "boolean"};
    if (!json_present(type)) {
        return query_shard_error(query, "no mapping found for [" BASE_FMT "] in order to sort on",
                                 BASE_ARG(key->field.name));
    }
    key->field.kind = QUERY_FIELD_NUMBER;
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        if (json_string_is(type, base_cstr(texts[i]))) {
            key->field.kind = QUERY_FIELD_KEYWORD;
        }
    }
    return BERTH_OK;
}

static int32_t read_field(struct query *query, struct json_value options, struct sort_key *key) {
    int32_t code = query_find_field(query, key->field.name, &key->field);
    if (!code && key->field.kind == QUERY_FIELD_NONE) {
        code = read_unmapped(query, json_get(options, "unmapped_type"), key);
    }
    if (!code && key->field.kind == QUERY_FIELD_TEXT) {
        code = query_argument_error(query,
                                    "[" BASE_FMT "] is a text of many words, which has no order;"
                                    " sort by [" BASE_FMT ".keyword]",
                                    BASE_ARG(key->field.name), BASE_ARG(key->field.name));
    }
    return code ? code : read_mode(query, json_get(options, "mode"), key);
}

static int32_t read_missing(struct query *query, struct json_value missing, struct sort_key *key) {
    double number = 0;
    if (!json_present(missing) || json_string_is(missing, BERTH_STR("_last"))) {
        return BERTH_OK;
    }
    if (json_string_is(missing, BERTH_STR("_first"))) {
        key->missing_first = true;
        return BERTH_OK;
    }
    int32_t code = query_scalar(query, "missing", missing, &key->missing);
    if (!code && is_number(key) && !base_str_f64(key->missing, &number)) {
        code = query_parse_error(query, "[missing] of [" BASE_FMT "] is _first, _last or a number",
                                 BASE_ARG(key->field.name));
    }
    return code;
}

static int32_t add_key(struct query *query, struct berth_str name, struct json_value options,
                       struct sort *out) {
    static const char *const known[] = {"order",        "missing", "mode",   "unmapped_type",
                                        "numeric_type", "format",  "nested", NULL};
    if (out->count == SORT_KEYS_MAX) {
        return query_parse_error(query, "a search sorts by at most %u keys", SORT_KEYS_MAX);
    }
    struct sort_key *key = &out->keys[out->count++];
    *key = (struct sort_key){.field = {.name = name}};
    bool score = base_str_is(name, "_score");
    bool position = base_str_is(name, "_doc");
    key->kind = score ? KEY_SCORE : position ? KEY_POSITION : KEY_FIELD;
    struct json_value order = options;
    int32_t code = BERTH_OK;
    if (json_is(options, JSON_OBJECT)) {
        code = query_check_names(query, "sort", options, known);
        order = json_get(options, "order");
    } else {
        options = JSON_NONE;
    }
    bool ascends = json_string_is(order, BERTH_STR("asc"));
    bool descends = json_string_is(order, BERTH_STR("desc"));
    if (!code && json_present(order) && !ascends && !descends) {
        code = query_parse_error(query, "the order of [" BASE_FMT "] is [asc] or [desc]",
                                 BASE_ARG(name));
    }
    key->descending = descends || (score && !ascends);
    if (code || key->kind != KEY_FIELD) {
        return code;
    }
    code = read_field(query, options, key);
    return code ? code : read_missing(query, json_get(options, "missing"), key);
}

/* "field", {"field": "asc"}, {"field": {"order": "asc"}}, or an array of these. */
static int32_t read_keys(struct query *query, struct json_value sort, struct sort *out) {
    struct berth_str field;
    int32_t code = BERTH_OK;
    switch (json_type(sort)) {
    case JSON_STRING:
        return json_string(sort, &query->arena, &field) ? add_key(query, field, JSON_NONE, out)
                                                        : base_error_memory(query->error);
    case JSON_OBJECT:
        for (struct json_value k = json_first(sort); json_present(k) && !code;) {
            struct json_value v = json_next(sort, k);
            code = json_string(k, &query->arena, &field) ? add_key(query, field, v, out)
                                                         : base_error_memory(query->error);
            k = json_next(sort, v);
        }
        return code;
    case JSON_ARRAY:
        for (struct json_value v = json_first(sort); json_present(v) && !code;
             v = json_next(sort, v)) {
            code = json_is(v, JSON_ARRAY) ? query_parse_error(query, "[sort] is not nested")
                                          : read_keys(query, v, out);
        }
        return code;
    case JSON_ABSENT:
        return BERTH_OK;
    default:
        return query_parse_error(query, "[sort] is a field, an object or an array of these");
    }
}

static int32_t read_after(struct query *query, struct json_value after, struct sort *out) {
    if (!json_present(after)) {
        return BERTH_OK;
    }
    if (out->count == 0) {
        return query_argument_error(query, "[search_after] needs a [sort]");
    }
    if (!json_is(after, JSON_ARRAY) || json_count(after) != out->count) {
        return query_argument_error(
            query, "[search_after] is an array of %u values, as many as [sort] has", out->count);
    }
    for (uint32_t i = 0; i < out->count; i++) {
        struct json_value value = json_at(after, i);
        if (json_is(value, JSON_ARRAY) || json_is(value, JSON_OBJECT)) {
            return query_parse_error(query, "[search_after] holds the values of a hit's [sort]");
        }
        out->keys[i].after = value;
    }
    out->has_after = true;
    return BERTH_OK;
}

int32_t sort_read(struct query *query, struct json_value sort, struct json_value after,
                  struct sort *out) {
    *out = (struct sort){0};
    out->keys = base_arena_array(&query->arena, SORT_KEYS_MAX, sizeof *out->keys);
    if (!out->keys) {
        return base_error_memory(query->error);
    }
    int32_t code = read_keys(query, sort, out);
    code = code ? code : read_after(query, after, out);
    bool by_score = out->count == 1 && out->keys[0].kind == KEY_SCORE && out->keys[0].descending;
    if (by_score && !out->has_after) {
        out->count = 0;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        out->has_score |= out->keys[i].kind == KEY_SCORE;
    }
    return code;
}

/* ---- SQL ---- */

static int32_t put_field_column(struct query *query, const struct sort_key *key,
                                struct base_buf *sql) {
    if (key->field.kind == QUERY_FIELD_ID) {
        base_buf_cstr(sql, "d.id");
        return BERTH_OK;
    }
    bool number = is_number(key);
    base_buf_format(sql, "coalesce((SELECT %s(v.%s) FROM field v WHERE v.doc = d.row AND v.name = ",
                    key->function, number ? "number" : "text");
    int32_t code = query_put_text(query, sql, key->field.name);
    base_buf_cstr(sql, "), ");
    if (code) {
        return code;
    }
    if (number) {
        double value = key->descending != key->missing_first ? -NUMBER_LAST : NUMBER_LAST;
        (void)base_str_f64(key->missing, &value);
        code = query_put_number(query, sql, value);
    } else if (key->missing.ptr) {
        code = query_put_text(query, sql, key->missing);
    } else {
        base_buf_cstr(sql, "NULL");
    }
    base_buf_char(sql, ')');
    return code;
}

int32_t sort_put_columns(struct query *query, const struct sort *sort, struct base_buf *sql) {
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < sort->count && !code; i++) {
        const struct sort_key *key = &sort->keys[i];
        base_buf_cstr(sql, ", ");
        if (key->kind == KEY_FIELD) {
            code = put_field_column(query, key, sql);
        } else {
            base_buf_cstr(sql, key->kind == KEY_SCORE ? "f.score" : "d.row");
        }
        base_buf_format(sql, " AS k%u", i);
    }
    return code;
}

static int32_t put_after_value(struct query *query, const struct sort_key *key,
                               struct base_buf *sql) {
    struct berth_str text;
    double number = 0;
    int64_t time = 0;
    int32_t code = query_scalar(query, "search_after", key->after, &text);
    if (code || !is_number(key)) {
        return code ? code : query_put_text(query, sql, text);
    }
    if (base_str_f64(text, &number)) {
        return query_put_number(query, sql, number);
    }
    if (key->field.kind == QUERY_FIELD_DATE && date_parse(text, query->now, false, &time)) {
        return query_put_number(query, sql, (double)time);
    }
    return query_argument_error(
        query, "[search_after] has [" BASE_FMT "] where a number is sorted by", BASE_ARG(text));
}

/* "this key is the same", or "it comes later". */
static int32_t put_comparison(struct query *query, const struct sort_key *key, uint32_t number,
                              bool later, struct base_buf *sql) {
    if (json_is(key->after, JSON_NULL)) {
        base_buf_format(sql, "k%u %s", number,
                        !later               ? "IS NULL"
                        : key->missing_first ? "IS NOT NULL"
                                             : "IS NULL AND 0");
        return BERTH_OK;
    }
    base_buf_format(sql, "(k%u %s ", number, !later ? "=" : key->descending ? "<" : ">");
    int32_t code = put_after_value(query, key, sql);
    if (later && !key->missing_first) {
        base_buf_format(sql, " OR k%u IS NULL", number);
    }
    base_buf_char(sql, ')');
    return code;
}

int32_t sort_put_after(struct query *query, const struct sort *sort, struct base_buf *sql) {
    int32_t code = BERTH_OK;
    if (!sort->has_after) {
        base_buf_char(sql, '1');
        return BERTH_OK;
    }
    for (uint32_t last = 0; last < sort->count && !code; last++) {
        base_buf_cstr(sql, last ? " OR (" : "(");
        for (uint32_t i = 0; i <= last && !code; i++) {
            base_buf_cstr(sql, i ? " AND " : "");
            code = put_comparison(query, &sort->keys[i], i, i == last, sql);
        }
        base_buf_char(sql, ')');
    }
    return code;
}

void sort_put_order(const struct sort *sort, struct base_buf *sql) {
    base_buf_cstr(sql, " ORDER BY ");
    for (uint32_t i = 0; i < sort->count; i++) {
        const struct sort_key *key = &sort->keys[i];
        base_buf_format(sql, "k%u %s NULLS %s, ", i, key->descending ? "DESC" : "ASC",
                        key->missing_first ? "FIRST" : "LAST");
    }
    base_buf_cstr(sql, sort->count ? "hit" : "score DESC, hit");
}

/* ---- the answer ---- */

void sort_put_number(struct base_buf *out, double number) {
    if (number >= NUMBER_LAST) {
        json_put_i64(out, INT64_MAX);
    } else if (number <= -NUMBER_LAST) {
        json_put_i64(out, INT64_MIN);
    } else if (number >= -9e15 && number <= 9e15 && number == (double)(int64_t)number) {
        json_put_i64(out, (int64_t)number);
    } else {
        json_put_f64(out, number);
    }
}

void sort_put_values(const struct sort *sort, sqlite3_stmt *row, int first, struct base_buf *out) {
    json_key(out, "sort");
    json_open_array(out);
    for (uint32_t i = 0; i < sort->count; i++) {
        int column = first + (int)i;
        if (sqlite3_column_type(row, column) == SQLITE_NULL) {
            json_put_null(out);
        } else if (sort->keys[i].kind == KEY_SCORE) {
            json_put_f64(out, sqlite3_column_double(row, column));
        } else if (is_number(&sort->keys[i])) {
            sort_put_number(out, sqlite3_column_double(row, column));
        } else {
            json_put_string(out, database_str(row, column));
        }
    }
    json_close_array(out);
}
