/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields: what a name stands for, and comparing with the rows under it.
 */
#include "host/store/date.h"
#include "host/store/query_internal.h"
#include "host/store/wildcard.h"

static int32_t find_unmapped(struct query *query, struct query_field *out) {
    sqlite3_stmt *find = database_statement(query->db, SQL_FIELD_KIND);
    database_bind_i64(find, 1, query->index);
    database_bind_str(find, 2, out->name);
    int32_t found = database_step(query->db, find, query->error);
    if (found == 1) {
        out->kind = database_i64(find, 0)                             ? QUERY_FIELD_NUMBER
                    : base_str_ends(out->name, BERTH_STR(".keyword")) ? QUERY_FIELD_KEYWORD
                                                                      : QUERY_FIELD_TEXT;
    }
    (void)sqlite3_reset(find);
    return found < 0 ? found : BERTH_OK;
}

int32_t query_find_field(struct query *query, struct berth_str name, struct query_field *out) {
    static const enum query_kind kinds[] = {
        [FIELD_UNMAPPED] = QUERY_FIELD_NONE,   [FIELD_TEXT] = QUERY_FIELD_TEXT,
        [FIELD_KEYWORD] = QUERY_FIELD_KEYWORD, [FIELD_NUMBER] = QUERY_FIELD_NUMBER,
        [FIELD_DATE] = QUERY_FIELD_DATE,       [FIELD_BOOLEAN] = QUERY_FIELD_BOOLEAN,
        [FIELD_OBJECT] = QUERY_FIELD_NONE,     [FIELD_SECRET] = QUERY_FIELD_NONE,
    };
    *out = (struct query_field){.name = name, .kind = QUERY_FIELD_ID};
    if (base_str_is(name, "_id")) {
        return BERTH_OK;
    }
    enum field_type type = mapping_type(query->mapping, name);
    out->kind = kinds[type];
    return type == FIELD_UNMAPPED ? find_unmapped(query, out) : BERTH_OK;
}

int32_t query_open_field(struct query *query, const struct query_field *field,
                         struct base_buf *sql) {
    if (field->kind == QUERY_FIELD_ID) {
        base_buf_cstr(sql, "(1");
        return BERTH_OK;
    }
    base_buf_format(sql, "d.row IN (SELECT doc FROM field WHERE idx = %lld",
                    (long long)query->index);
    if (field->kind == QUERY_FIELD_ANY) {
        return BERTH_OK;
    }
    base_buf_cstr(sql, " AND name = ");
    return query_put_text(query, sql, field->name);
}

const char *query_column(const struct query_field *field) {
    return field->kind == QUERY_FIELD_ID  ? "d.id"
           : query_field_is_number(field) ? "number"
                                          : "text";
}

static int32_t bad_value(const struct query *query, const struct query_field *field,
                         struct berth_str text, const char *wanted) {
    return query_shard_error(query, "the field [" BASE_FMT "] holds %s, not [" BASE_FMT "]",
                             BASE_ARG(field->name), wanted, BASE_ARG(text));
}

int32_t query_put_value(struct query *query, const struct query_field *field, struct berth_str text,
                        bool up, struct base_buf *sql) {
    double number = 0;
    int64_t time = 0;
    switch (field->kind) {
    case QUERY_FIELD_NUMBER:
        return base_str_f64(text, &number) ? query_put_number(query, sql, number)
                                           : bad_value(query, field, text, "numbers");
    case QUERY_FIELD_DATE:
        return date_parse(text, query->now, up, &time)
                   ? query_put_number(query, sql, (double)time)
                   : bad_value(query, field, text,
                               "dates: milliseconds since 1970, 2024-05-01T12:00:00Z or now-1d");
    case QUERY_FIELD_BOOLEAN:
        return base_str_is(text, "true") || base_str_is(text, "false")
                   ? query_put_text(query, sql, text)
                   : bad_value(query, field, text, "[true] or [false]");
    default:
        return query_put_text(query, sql, text);
    }
}

int32_t query_equals(struct query *query, const struct query_field *field,
                     const struct berth_str *texts, size_t count, struct query_clause *out) {
    *out = query_nothing;
    if (count == 0 || field->kind == QUERY_FIELD_NONE) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    int32_t code = query_open_field(query, field, &sql);
    base_buf_format(&sql, " AND %s IN (", query_column(field));
    for (size_t i = 0; i < count && !code; i++) {
        base_buf_cstr(&sql, i ? "," : "");
        code = query_put_value(query, field, texts[i], false, &sql);
    }
    base_buf_cstr(&sql, "))");
    out->score = query_everything.score;
    return code ? code : query_keep(query, &sql, &out->condition);
}

int32_t query_like(struct query *query, const struct query_field *field, struct berth_str pattern,
                   bool ignore_case, struct query_clause *out) {
    *out = query_nothing;
    if (pattern.len > WILDCARD_MAX) {
        return query_argument_error(query, "a pattern has at most %u bytes", WILDCARD_MAX);
    }
    if (query_field_is_number(field) || field->kind == QUERY_FIELD_BOOLEAN) {
        return query_shard_error(query,
                                 "[" BASE_FMT "] is no text, which patterns and prefixes are for",
                                 BASE_ARG(field->name));
    }
    if (field->kind == QUERY_FIELD_NONE) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    int32_t code = query_open_field(query, field, &sql);
    base_buf_cstr(&sql, " AND wildcard(");
    code = code ? code : query_put_text(query, &sql, pattern);
    base_buf_format(&sql, ", %s, %d))", query_column(field), ignore_case);
    out->score = query_everything.score;
    return code ? code : query_keep(query, &sql, &out->condition);
}

int32_t query_between(struct query *query, const struct query_field *field,
                      const struct query_bound *bounds, size_t count, struct query_clause *out) {
    *out = query_nothing;
    if (field->kind == QUERY_FIELD_NONE) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    int32_t code = query_open_field(query, field, &sql);
    for (size_t i = 0; i < count && !code; i++) {
        base_buf_format(&sql, " AND %s %s ", query_column(field), bounds[i].operator);
        code = query_put_value(query, field, bounds[i].text, bounds[i].up, &sql);
    }
    base_buf_char(&sql, ')');
    out->score = query_everything.score;
    return code ? code : query_keep(query, &sql, &out->condition);
}

int32_t query_has(struct query *query, struct berth_str name, struct query_clause *out) {
    if (base_str_is(name, "_id")) {
        *out = query_everything;
        return BERTH_OK;
    }
    char *below = base_arena_alloc(&query->arena, BASE_LEN(name) + 1);
    if (!below) {
        return base_error_memory(query->error);
    }
    memcpy(below, name.ptr, BASE_LEN(name));
    below[name.len] = '.';
    BASE_BUF_AUTO sql;
    BASE_BUF_AUTO prefix;
    base_buf_init(&sql, QUERY_SQL_MAX);
    base_buf_init(&prefix, QUERY_SQL_MAX);
    base_buf_format(&sql, "d.row IN (SELECT doc FROM field WHERE idx = %lld AND (name = ",
                    (long long)query->index);
    int32_t code = query_put_text(query, &sql, name);
    code = code ? code : query_put_text(query, &prefix, base_str(below, BASE_LEN(name) + 1));
    struct berth_str place = base_buf_view(&prefix);
    base_buf_format(&sql, " OR substr(name, 1, length(" BASE_FMT ")) = " BASE_FMT "))",
                    BASE_ARG(place), BASE_ARG(place));
    out->score = query_everything.score;
    return code ? code : query_keep(query, &sql, &out->condition);
}
