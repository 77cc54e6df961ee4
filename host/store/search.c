/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches: the body's parts, the SQL that they make, the answer.
 */
#include "base/clock.h"
#include "host/router/shape.h"
#include "host/store/query.h"
#include "host/store/store_internal.h"

#include <stdlib.h>

#define SIZE_DEFAULT 10
/* from + size, as OpenSearch's max_result_window. */
#define WINDOW_MAX 10000
#define SORTS_MAX 8

/* One key to sort by. */
struct sort {
    struct berth_str field;
    bool descending;
    bool number;
};

struct search {
    struct query *query;
    struct json_value body;
    int64_t from;
    int64_t size;
    bool track_total;
    struct sort sorts[SORTS_MAX];
    uint32_t sort_count;
    bool with_source;
    struct base_buf source_filter;
};

/* Keys of a search body; those without a reader are taken and have no effect. */
static const char *const known_keys[] = {
    "query",        "from",
    "size",         "sort",
    "_source",      "track_total_hits",
    "timeout",      "version",
    "explain",      "seq_no_primary_term",
    "track_scores",
};

static int32_t check_keys(struct search *s) {
    if (json_present(s->body) && !json_is(s->body, JSON_OBJECT)) {
        return query_parse_error(s->query, "a search body is an object");
    }
    for (struct json_value k = json_first(s->body); json_present(k);
         k = json_next(s->body, json_next(s->body, k))) {
        bool known = false;
        for (size_t i = 0; i < BASE_COUNT(known_keys); i++) {
            known |= json_string_is(k, base_cstr(known_keys[i]));
        }
        if (!known) {
            return query_parse_error(s->query, "a search body does not know the key [" BASE_FMT "]",
                                     BASE_ARG(json_inner(k)));
        }
    }
    return BERTH_OK;
}

static int32_t read_count(struct search *s, const char *name, int64_t *out_value) {
    struct json_value value = json_get(s->body, name);
    if (!json_present(value)) {
        return BERTH_OK;
    }
    struct berth_str text = json_is(value, JSON_STRING) ? json_inner(value) : json_raw(value);
    if (!base_str_i64(text, out_value)) {
        return base_error_rest(s->query->error, BERTH_E_INVALID, 400, "number_format_exception",
                               "[%s] is a whole number, not [" BASE_FMT "]", name, BASE_ARG(text));
    }
    if (*out_value < 0) {
        return base_error(s->query->error, BERTH_E_INVALID, "[%s] cannot be negative: %lld", name,
                          (long long)*out_value);
    }
    return BERTH_OK;
}

static int32_t read_window(struct search *s) {
    s->size = SIZE_DEFAULT;
    int32_t code = read_count(s, "from", &s->from);
    code = code ? code : read_count(s, "size", &s->size);
    int64_t end = 0;
    if (!code && __builtin_add_overflow(s->from, s->size, &end)) {
        end = INT64_MAX;
    }
    if (end > WINDOW_MAX) {
        code = base_error(s->query->error, BERTH_E_INVALID,
                          "[from] and [size] together are %lld, allowed is %d", (long long)end,
                          WINDOW_MAX);
    }
    struct json_value track = json_get(s->body, "track_total_hits");
    s->track_total = !json_is(track, JSON_FALSE);
    return code;
}

static int32_t add_sort(struct search *s, struct berth_str field, struct json_value order) {
    if (json_is(order, JSON_OBJECT)) {
        order = json_get(order, "order");
    }
    if (s->sort_count == SORTS_MAX) {
        return query_parse_error(s->query, "more than %d keys to sort by", SORTS_MAX);
    }
    if (json_present(order) && !json_string_is(order, BERTH_STR("asc")) &&
        !json_string_is(order, BERTH_STR("desc"))) {
        return query_parse_error(s->query, "the order of [" BASE_FMT "] is [asc] or [desc]",
                                 BASE_ARG(field));
    }
    if (mapping_type(s->query->mapping, field) == FIELD_TEXT) {
        return base_error(s->query->error, BERTH_E_INVALID,
                          "[" BASE_FMT
                          "] is a text of many words, which has no order; sort by [" BASE_FMT
                          ".keyword]",
                          BASE_ARG(field), BASE_ARG(field));
    }
    s->sorts[s->sort_count++] =
        (struct sort){.field = field,
                      .descending = json_string_is(order, BERTH_STR("desc")),
                      .number = mapping_type(s->query->mapping, field) == FIELD_NUMBER};
    return BERTH_OK;
}

/* "field", {"field": "asc"}, {"field": {"order": "asc"}}, or an array of these. */
static int32_t read_sort(struct search *s, struct json_value sort) {
    struct berth_str field;
    int32_t code = BERTH_OK;
    switch (json_type(sort)) {
    case JSON_STRING:
        return json_string(sort, &s->query->arena, &field) ? add_sort(s, field, JSON_NONE)
                                                           : base_error_memory(s->query->error);
    case JSON_OBJECT:
        for (struct json_value k = json_first(sort); json_present(k) && !code;) {
            struct json_value v = json_next(sort, k);
            code = json_string(k, &s->query->arena, &field) ? add_sort(s, field, v)
                                                            : base_error_memory(s->query->error);
            k = json_next(sort, v);
        }
        return code;
    case JSON_ARRAY:
        for (struct json_value v = json_first(sort); json_present(v) && !code;
             v = json_next(sort, v)) {
            code = json_is(v, JSON_ARRAY) ? query_parse_error(s->query, "[sort] is not nested")
                                          : read_sort(s, v);
        }
        return code;
    case JSON_ABSENT:
        return BERTH_OK;
    default:
        return query_parse_error(s->query, "[sort] is a field, an object or an array of these");
    }
}

static void add_filter(struct search *s, const char *sign, struct json_value patterns) {
    bool list = json_is(patterns, JSON_ARRAY);
    struct json_value one = list ? json_first(patterns) : patterns;
    for (; json_present(one); one = list ? json_next(patterns, one) : JSON_NONE) {
        base_buf_format(&s->source_filter, "%s%s", s->source_filter.len ? "," : "", sign);
        json_unescape(&s->source_filter, json_inner(one));
    }
}

static int32_t read_source(struct search *s) {
    struct json_value source = json_get(s->body, "_source");
    s->with_source = !json_is(source, JSON_FALSE);
    base_buf_str(&s->source_filter, mapping_secret_filter(s->query->mapping));
    if (json_is(source, JSON_OBJECT)) {
        struct json_value includes = json_get(source, "includes");
        struct json_value excludes = json_get(source, "excludes");
        add_filter(s, "", json_present(includes) ? includes : json_get(source, "include"));
        add_filter(s, "-", json_present(excludes) ? excludes : json_get(source, "exclude"));
    } else if (json_is(source, JSON_STRING) || json_is(source, JSON_ARRAY)) {
        add_filter(s, "", source);
    }
    return s->source_filter.error ? base_error_memory(s->query->error) : BERTH_OK;
}

/* ---- SQL ---- */

static int32_t make_condition(struct search *s, struct berth_str filter) {
    struct query *query = s->query;
    struct json_value wanted = json_get(s->body, "query");
    JSON_DOC_AUTO filter_doc = {0};
    base_buf_format(&query->sql, " FROM doc d WHERE d.idx = %lld", (long long)query->index);
    int32_t code = BERTH_OK;
    if (json_present(wanted)) {
        base_buf_cstr(&query->sql, " AND ");
        code = query_condition(query, wanted);
    }
    if (!code && filter.len) {
        struct json_error fault;
        if (!json_parse(&filter_doc, filter, 0, &fault)) {
            return json_refuse(&fault, BERTH_E_INVALID, "the filter", query->error);
        }
        base_buf_cstr(&query->sql, " AND ");
        code = query_condition(query, json_root(&filter_doc));
    }
    return code;
}

static int32_t prepare(struct database *db, const struct query *query, struct berth_str sql,
                       sqlite3_stmt **out_statement) {
    if (sqlite3_prepare_v2(db->handle, sql.ptr, (int)sql.len, out_statement, NULL) != SQLITE_OK) {
        return database_error(db, query->error);
    }
    query_bind(query, *out_statement);
    return BERTH_OK;
}

static int32_t count_hits(struct search *s, struct database *db, int64_t *out_total) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, BASE_BUF_MAX_DEFAULT);
    base_buf_cstr(&sql, "SELECT count(*)");
    base_buf_str(&sql, base_buf_view(&s->query->sql));
    sqlite3_stmt *statement = NULL;
    int32_t code = sql.error ? base_error_memory(s->query->error)
                             : prepare(db, s->query, base_buf_view(&sql), &statement);
    code = code ? code : database_step(db, statement, s->query->error);
    if (code == 1) {
        *out_total = database_i64(statement, 0);
        code = BERTH_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* The column that a key sorts by: the least of a document's values, or the greatest. */
static int32_t put_sort_column(struct search *s, const struct sort *sort) {
    struct base_buf *sql = &s->query->sql;
    if (base_str_is(sort->field, "_id")) {
        base_buf_cstr(sql, ", d.id");
        return BERTH_OK;
    }
    if (base_str_is(sort->field, "_doc")) {
        base_buf_cstr(sql, ", d.row");
        return BERTH_OK;
    }
    if (base_str_is(sort->field, "_score")) {
        base_buf_cstr(sql, ", 1.0");
        return BERTH_OK;
    }
    base_buf_format(sql, ", (SELECT %s(f.%s) FROM field f WHERE f.doc = d.row AND f.name = ",
                    sort->descending ? "max" : "min", sort->number ? "number" : "text");
    int32_t code = query_text(s->query, sort->field);
    base_buf_char(sql, ')');
    return code;
}

static int32_t put_hits_sql(struct search *s, struct berth_str condition) {
    struct base_buf *sql = &s->query->sql;
    base_buf_cstr(sql, "SELECT d.id, coalesce(d.seen_source, d.source),"
                       " coalesce(d.seen_version, d.version), coalesce(d.seen_seq_no, d.seq_no)");
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < s->sort_count && !code; i++) {
        code = put_sort_column(s, &s->sorts[i]);
    }
    base_buf_str(sql, condition);
    base_buf_cstr(sql, " ORDER BY ");
    for (uint32_t i = 0; i < s->sort_count; i++) {
        base_buf_format(sql, "%u %s NULLS LAST, ", i + 5, s->sorts[i].descending ? "DESC" : "ASC");
    }
    base_buf_format(sql, "d.row LIMIT %lld OFFSET %lld", (long long)s->size, (long long)s->from);
    return code ? code : sql->error ? base_error_memory(s->query->error) : BERTH_OK;
}

/* ---- the answer ---- */

static void put_shards(struct base_buf *out, int count) {
    json_key(out, "_shards");
    json_open_object(out);
    json_member_i64(out, "total", count);
    json_member_i64(out, "successful", count);
    json_member_i64(out, "skipped", 0);
    json_member_i64(out, "failed", 0);
    json_close_object(out);
}

static int32_t put_source(struct search *s, struct berth_str source, struct base_buf *out) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (!json_parse(&doc, source, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_CORRUPT, "a stored document", s->query->error);
    }
    BASE_BUF_AUTO filtered;
    base_buf_init(&filtered, BASE_BUF_MAX_DEFAULT);
    shape_filter(json_root(&doc), base_buf_view(&s->source_filter), &filtered);
    json_member_raw(out, "_source", base_buf_view(&filtered));
    return filtered.error ? base_error_memory(s->query->error) : BERTH_OK;
}

static void put_sort_values(const struct search *s, sqlite3_stmt *row, struct base_buf *out) {
    json_key(out, "sort");
    json_open_array(out);
    for (uint32_t i = 0; i < s->sort_count; i++) {
        int column = (int)i + 4;
        switch (sqlite3_column_type(row, column)) {
        case SQLITE_TEXT:
            json_put_string(out, database_str(row, column));
            break;
        case SQLITE_INTEGER:
            json_put_i64(out, database_i64(row, column));
            break;
        case SQLITE_FLOAT: {
            double number = sqlite3_column_double(row, column);
            if (number >= -9e15 && number <= 9e15 && number == (double)(int64_t)number) {
                json_put_i64(out, (int64_t)number);
            } else {
                json_put_f64(out, number);
            }
            break;
        }
        default:
            json_put_null(out);
        }
    }
    json_close_array(out);
}

static int32_t put_hit(struct search *s, struct berth_str index, sqlite3_stmt *row,
                       struct base_buf *out) {
    json_open_object(out);
    json_member_string(out, "_index", index);
    json_member_string(out, "_id", database_str(row, 0));
    json_member_i64(out, "_version", database_i64(row, 2));
    json_member_i64(out, "_seq_no", database_i64(row, 3));
    json_member_i64(out, "_primary_term", 1);
    json_member_raw(out, "_score", s->sort_count ? BERTH_STR("null") : BERTH_STR("1.0"));
    int32_t code = s->with_source ? put_source(s, database_str(row, 1), out) : BERTH_OK;
    if (s->sort_count) {
        put_sort_values(s, row, out);
    }
    json_close_object(out);
    return code;
}

static int32_t put_hits(struct search *s, struct database *db, struct berth_str index,
                        struct base_buf *out) {
    BASE_BUF_AUTO condition;
    base_buf_init(&condition, BASE_BUF_MAX_DEFAULT);
    base_buf_str(&condition, base_buf_view(&s->query->sql));
    base_buf_clear(&s->query->sql);
    sqlite3_stmt *statement = NULL;
    int32_t code = condition.error ? base_error_memory(s->query->error)
                                   : put_hits_sql(s, base_buf_view(&condition));
    code = code ? code : prepare(db, s->query, base_buf_view(&s->query->sql), &statement);
    json_key(out, "hits");
    json_open_array(out);
    while (!code && (code = database_step(db, statement, s->query->error)) == 1) {
        code = put_hit(s, index, statement, out);
    }
    json_close_array(out);
    (void)sqlite3_finalize(statement);
    return code;
}

static int32_t put_answer(struct search *s, struct database *db, const struct store_index *index,
                          struct base_buf *out) {
    uint64_t began = base_monotonic_ns();
    int64_t total = 0;
    int32_t code = count_hits(s, db, &total);
    BASE_BUF_AUTO hits;
    base_buf_init(&hits, BASE_BUF_MAX_DEFAULT);
    json_open_object(&hits);
    if (s->track_total) {
        json_key(&hits, "total");
        json_open_object(&hits);
        json_member_i64(&hits, "value", total);
        json_member_cstr(&hits, "relation", "eq");
        json_close_object(&hits);
    }
    bool scored = s->sort_count == 0 && s->size > 0 && total > 0;
    json_member_raw(&hits, "max_score",
                    !index->used ? BERTH_STR("0.0")
                    : scored     ? BERTH_STR("1.0")
                                 : BERTH_STR("null"));
    code = code ? code : put_hits(s, db, index->name, &hits);
    json_close_object(&hits);
    json_open_object(out);
    json_member_u64(out, "took", (base_monotonic_ns() - began) / BASE_NS_PER_MS);
    json_member_bool(out, "timed_out", false);
    put_shards(out, index->used ? 1 : 0);
    json_member_raw(out, "hits", base_buf_view(&hits));
    json_close_object(out);
    return code ? code : hits.error || out->error ? base_error_memory(s->query->error) : BERTH_OK;
}

int32_t store_search(struct store *store, const struct berth_search *search, struct base_buf *out,
                     struct berth_error *error) {
    struct store_index *index = store_find_index(store, search->index);
    if (!index) {
        return base_error_rest(error, BERTH_E_NOT_FOUND, 404, "index_not_found_exception",
                               "there is no index [" BASE_FMT "]", BASE_ARG(search->index));
    }
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (search->body.len &&
        !json_parse(&doc, search->body, JSON_COMMENTS | JSON_UNIQUE_KEYS, &fault)) {
        return json_report(&fault, "the search body", error);
    }
    struct query query;
    query_init(&query, index->mapping, index->id, error);
    struct search s = {.query = &query, .body = json_root(&doc)};
    base_buf_init(&s.source_filter, BASE_BUF_MAX_DEFAULT);
    int32_t code = check_keys(&s);
    code = code ? code : read_window(&s);
    code = code ? code : read_sort(&s, json_get(s.body, "sort"));
    code = code ? code : read_source(&s);
    code = code ? code : make_condition(&s, search->filter);
    uint64_t due = search->flags & BERTH_SEARCH_REFRESH ? UINT64_MAX : base_monotonic_ns();
    code = code ? code : store_refresh(store, index, due, error);
    if (!code) {
        struct database *db = store_take_reader(store);
        code = put_answer(&s, db, index, out);
        store_give_reader(store, db);
    }
    base_buf_deinit(&s.source_filter);
    query_deinit(&query);
    store->searches++;
    return code;
}
