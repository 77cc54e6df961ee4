/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/aggregations.h"

#include <stdio.h>

#include "host/store/date.h"
#include "host/store/query_internal.h"
#include "host/store/search_sort.h"

#define BUCKETS_DEFAULT 10

/* What narrows the documents down on the way to a bucket: a query, or a field's value. */
struct scope {
    const struct scope *above;
    struct json_value filter;
    struct query_field field;
    struct berth_str text;
    double number;
};

struct aggregations {
    const struct query *base;
    uint32_t depth;
    uint32_t parts;
};

/* One aggregation: where it stands and what it says. */
struct aggregation {
    struct aggregations *all;
    const char *kind;
    struct berth_str name;
    struct json_value body;
    struct json_value below;
    const struct scope *scope;
};

static int32_t put_all(struct aggregations *all, struct json_value list, const struct scope *scope,
                       struct base_buf *out);

static int32_t count_part(struct aggregations *all) {
    return ++all->parts > AGGREGATIONS_PARTS_MAX
               ? base_error_rest(all->base->error, BERTH_E_INVALID, 400,
                                 "search_phase_execution_exception/too_many_buckets_exception",
                                 "the aggregations make more than %u buckets and values",
                                 AGGREGATIONS_PARTS_MAX)
               : BERTH_OK;
}

/* ---- SQL ---- */

static void init_query(const struct aggregations *all, struct query *query) {
    const struct query *base = all->base;
    query_init(query, base->db, base->mapping, base->index, base->error);
    query->now = base->now;
}

static int32_t put_scope(struct query *query, const struct scope *scope, struct base_buf *sql) {
    int32_t code = BERTH_OK;
    for (; scope && !code; scope = scope->above) {
        base_buf_cstr(sql, " AND ");
        if (json_present(scope->filter)) {
            struct query_clause clause;
            code = query_compile(query, scope->filter, &clause);
            if (!code) {
                base_buf_str(sql, clause.condition);
            }
            continue;
        }
        code = query_open_field(query, &scope->field, sql);
        base_buf_format(sql, " AND %s = ", query_column(&scope->field));
        code = code                                   ? code
               : query_field_is_number(&scope->field) ? query_put_number(query, sql, scope->number)
                                                      : query_put_text(query, sql, scope->text);
        base_buf_char(sql, ')');
    }
    return code;
}

/* " FROM (the values of a field in the documents of the scope)": doc, text, number. */
static int32_t put_values(struct query *query, const struct query_field *field,
                          const struct scope *scope, struct base_buf *sql) {
    int32_t code = BERTH_OK;
    if (field->kind == QUERY_FIELD_ID) {
        base_buf_cstr(sql, " FROM (SELECT f.row AS doc, d.id AS text, NULL AS number"
                           " FROM temp.found f JOIN doc d ON d.row = f.row WHERE 1");
    } else {
        base_buf_cstr(sql, " FROM (SELECT v.doc, v.text, v.number FROM temp.found f"
                           " JOIN doc d ON d.row = f.row"
                           " JOIN field v ON v.doc = f.row AND v.name = ");
        code = query_put_text(query, sql, field->name);
        base_buf_cstr(sql, " WHERE 1");
    }
    code = code ? code : put_scope(query, scope, sql);
    base_buf_char(sql, ')');
    return code;
}

static int32_t start(const struct query *query, const struct base_buf *sql,
                     sqlite3_stmt **out_statement) {
    if (sql->error) {
        return base_error_memory(query->error);
    }
    int32_t code = query_run_steps(query);
    return code ? code : query_prepare(query, base_buf_view(sql), out_statement);
}

/* ---- fields ---- */

static int32_t find_field(const struct aggregation *a, struct query *query, bool number,
                          struct query_field *out) {
    struct berth_str name;
    if (!json_is(json_get(a->body, "field"), JSON_STRING)) {
        return query_parse_error(query,
                                 "the aggregation [" BASE_FMT "] of type [%s] needs a"
                                 " [field]",
                                 BASE_ARG(a->name), a->kind);
    }
    int32_t code = query_scalar(query, "field", json_get(a->body, "field"), &name);
    code = code ? code : query_find_field(query, name, out);
    if (!code && out->kind == QUERY_FIELD_TEXT) {
        return query_argument_error(query,
                                    "[" BASE_FMT "] is a text of many words, which cannot be"
                                    " aggregated; take [" BASE_FMT ".keyword]",
                                    BASE_ARG(name), BASE_ARG(name));
    }
    if (!code && number && out->kind != QUERY_FIELD_NONE && !query_field_is_number(out)) {
        return query_argument_error(
            query, "[%s] is of numbers and dates, which [" BASE_FMT "] does not hold", a->kind,
            BASE_ARG(name));
    }
    return code;
}

/* A number may be any; as a date it is within what a double holds exactly. */
static void put_date(const char *name, double number, struct base_buf *out) {
    char text[DATE_TEXT_MAX];
    double limit = 9e15;
    date_format((int64_t)(number > limit ? limit : number < -limit ? -limit : number), text);
    json_member_cstr(out, name, text);
}

/* "name": value, and for a date "name_as_string" too. */
static void put_number(const struct query_field *field, const char *name, double number,
                       struct base_buf *out) {
    json_key(out, name);
    json_put_f64(out, number);
    if (field->kind == QUERY_FIELD_DATE) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s_as_string", name);
        put_date(key, number, out);
    }
}

/* ---- values ---- */

/* What a column of a metric's row means: nothing to show without values, or a number. */
struct metric_value {
    const char *name;
    const char *sql;
    bool is_count;
};

static const struct metric {
    const char *name;
    bool of_numbers;
    struct metric_value values[5];
} metrics[] = {
    {"avg", true, {{"value", "avg(number)", false}}},
    {"cardinality", false, {{"value", "count(DISTINCT text)", true}}},
    {"max", true, {{"value", "max(number)", false}}},
    {"min", true, {{"value", "min(number)", false}}},
    {"stats",
     true,
     {{"count", "count(number)", true},
      {"min", "min(number)", false},
      {"max", "max(number)", false},
      {"avg", "avg(number)", false},
      {"sum", "total(number)", false}}},
    {"sum", true, {{"value", "total(number)", false}}},
    {"value_count", false, {{"value", "count(*)", true}}},
};

static void put_metric_row(const struct metric *metric, const struct query_field *field,
                           sqlite3_stmt *row, struct base_buf *out) {
    for (int i = 0; i < (int)BASE_COUNT(metric->values) && metric->values[i].name; i++) {
        const struct metric_value *value = &metric->values[i];
        if (value->is_count) {
            json_member_i64(out, value->name, database_i64(row, i));
        } else if (sqlite3_column_type(row, i) == SQLITE_NULL) {
            json_member_raw(out, value->name, BERTH_STR("null"));
        } else {
            put_number(field, value->name, sqlite3_column_double(row, i), out);
        }
    }
}

static int32_t put_metric(const struct aggregation *a, const struct metric *metric,
                          struct base_buf *out) {
    static const char *const known[] = {"field", "precision_threshold", "format", NULL};
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    struct query query;
    struct query_field field;
    init_query(a->all, &query);
    int32_t code = query_check_names(&query, a->kind, a->body, known);
    if (!code && json_present(a->below)) {
        code = query_parse_error(&query, "[%s] gives values, and has no aggregations below it",
                                 a->kind);
    }
    code = code ? code : find_field(a, &query, metric->of_numbers, &field);
    base_buf_cstr(&sql, "SELECT ");
    for (size_t i = 0; i < BASE_COUNT(metric->values) && metric->values[i].name; i++) {
        base_buf_format(&sql, "%s%s", i ? ", " : "", metric->values[i].sql);
    }
    code = code ? code : put_values(&query, &field, a->scope, &sql);
    sqlite3_stmt *statement = NULL;
    code = code ? code : start(&query, &sql, &statement);
    code = code ? code : database_step(query.db, statement, query.error);
    if (code == 1) {
        put_metric_row(metric, &field, statement, out);
        code = BERTH_OK;
    }
    (void)sqlite3_finalize(statement);
    query_deinit(&query);
    return code;
}

/* ---- filter ---- */

static int32_t count_documents(const struct aggregation *a, const struct scope *scope,
                               int64_t *out_count) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    struct query query;
    init_query(a->all, &query);
    base_buf_cstr(&sql, "SELECT count(*) FROM temp.found f JOIN doc d ON d.row = f.row WHERE 1");
    sqlite3_stmt *statement = NULL;
    int32_t code = put_scope(&query, scope, &sql);
    code = code ? code : start(&query, &sql, &statement);
    code = code ? code : database_step(query.db, statement, query.error);
    if (code == 1) {
        *out_count = database_i64(statement, 0);
        code = BERTH_OK;
    }
    (void)sqlite3_finalize(statement);
    query_deinit(&query);
    return code;
}

static int32_t put_filter(const struct aggregation *a, struct base_buf *out) {
    struct scope scope = {.above = a->scope, .filter = a->body};
    int64_t count = 0;
    int32_t code = count_documents(a, &scope, &count);
    json_member_i64(out, "doc_count", count);
    return code ? code : put_all(a->all, a->below, &scope, out);
}

/* ---- terms ---- */

struct bucket {
    struct bucket *next;
    struct berth_str text;
    double number;
    int64_t count;
};

struct terms {
    struct query query;
    struct query_field field;
    int64_t size;
    int64_t minimum;
    struct base_buf order;
    struct bucket *buckets;
    int64_t others;
};

static int32_t add_order(struct terms *terms, struct json_value order) {
    for (struct json_value k = json_first(order); json_present(k);) {
        struct json_value v = json_next(order, k);
        bool by_count = json_string_is(k, BERTH_STR("_count"));
        bool descends = json_string_is(v, BERTH_STR("desc"));
        if ((!by_count && !json_string_is(k, BERTH_STR("_key")) &&
             !json_string_is(k, BERTH_STR("_term"))) ||
            (!descends && !json_string_is(v, BERTH_STR("asc")))) {
            return query_parse_error(&terms->query, "the [order] of buckets is by _count or _key,"
                                                    " asc or desc");
        }
        base_buf_format(&terms->order, "%s %s, ", by_count ? "n" : "key",
                        descends ? "DESC" : "ASC");
        k = json_next(order, v);
    }
    return BERTH_OK;
}

static int32_t read_terms(const struct aggregation *a, struct terms *terms) {
    static const char *const known[] = {"field",  "size",          "order", "shard_size",
                                        "format", "min_doc_count", NULL};
    struct query *query = &terms->query;
    struct json_value size = json_get(a->body, "size");
    struct json_value minimum = json_get(a->body, "min_doc_count");
    struct json_value order = json_get(a->body, "order");
    terms->size = BUCKETS_DEFAULT;
    terms->minimum = 1;
    int32_t code = query_check_names(query, "terms", a->body, known);
    code = code ? code : find_field(a, query, false, &terms->field);
    if (!code && json_present(size) &&
        (!json_i64(size, &terms->size) || terms->size < 1 ||
         terms->size > AGGREGATIONS_PARTS_MAX)) {
        code = query_parse_error(query, "the [size] of [" BASE_FMT "] is from 1 to %u",
                                 BASE_ARG(a->name), AGGREGATIONS_PARTS_MAX);
    }
    if (!code && json_present(minimum) &&
        (!json_i64(minimum, &terms->minimum) || terms->minimum < 0)) {
        code = query_parse_error(query, "[min_doc_count] is a whole number from 0");
    }
    if (json_is(order, JSON_ARRAY)) {
        for (struct json_value v = json_first(order); json_present(v) && !code;
             v = json_next(order, v)) {
            code = add_order(terms, v);
        }
        return code;
    }
    return code ? code : add_order(terms, order);
}

/* Buckets are kept before their own aggregations run: those use the same connection. */
static int32_t keep_buckets(struct aggregations *all, struct terms *terms,
                            sqlite3_stmt *statement) {
    struct query *query = &terms->query;
    struct bucket **end = &terms->buckets;
    int64_t kept = 0;
    int32_t code = 0;
    while ((code = database_step(query->db, statement, query->error)) == 1) {
        if (kept++ >= terms->size) {
            terms->others += database_i64(statement, 1);
            continue;
        }
        code = count_part(all);
        struct bucket *bucket = base_arena_alloc(&query->arena, sizeof *bucket);
        struct berth_str text = base_arena_dup(&query->arena, database_str(statement, 0));
        if (code || !bucket || !text.ptr) {
            return code ? code : base_error_memory(query->error);
        }
        *bucket = (struct bucket){.text = text,
                                  .number = sqlite3_column_double(statement, 0),
                                  .count = database_i64(statement, 1)};
        *end = bucket;
        end = &bucket->next;
    }
    return code;
}

static int32_t find_buckets(const struct aggregation *a, struct terms *terms) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    base_buf_format(&sql, "SELECT %s AS key, count(DISTINCT doc) AS n",
                    query_field_is_number(&terms->field) ? "number" : "text");
    int32_t code = put_values(&terms->query, &terms->field, a->scope, &sql);
    base_buf_format(&sql, " GROUP BY key HAVING n >= %lld ORDER BY ", (long long)terms->minimum);
    base_buf_str(&sql, base_buf_view(&terms->order));
    base_buf_cstr(&sql, "n DESC, key ASC");
    code = !code && terms->order.error ? base_error_memory(terms->query.error) : code;
    sqlite3_stmt *statement = NULL;
    code = code ? code : start(&terms->query, &sql, &statement);
    code = code ? code : keep_buckets(a->all, terms, statement);
    (void)sqlite3_finalize(statement);
    return code;
}

static void put_key(const struct query_field *field, const struct bucket *bucket,
                    struct base_buf *out) {
    switch (field->kind) {
    case QUERY_FIELD_BOOLEAN:
        json_member_i64(out, "key", base_str_is(bucket->text, "true"));
        json_member_string(out, "key_as_string", bucket->text);
        break;
    case QUERY_FIELD_NUMBER:
    case QUERY_FIELD_DATE:
        json_key(out, "key");
        sort_put_number(out, bucket->number);
        if (field->kind == QUERY_FIELD_DATE) {
            put_date("key_as_string", bucket->number, out);
        }
        break;
    default:
        json_member_string(out, "key", bucket->text);
    }
}

static int32_t put_terms(const struct aggregation *a, struct base_buf *out) {
    struct terms terms = {0};
    init_query(a->all, &terms.query);
    base_buf_init(&terms.order, QUERY_SQL_MAX);
    int32_t code = read_terms(a, &terms);
    code = code ? code : find_buckets(a, &terms);
    json_member_i64(out, "doc_count_error_upper_bound", 0);
    json_member_i64(out, "sum_other_doc_count", terms.others);
    json_key(out, "buckets");
    json_open_array(out);
    for (const struct bucket *b = terms.buckets; b && !code; b = b->next) {
        struct scope scope = {
            .above = a->scope, .field = terms.field, .text = b->text, .number = b->number};
        json_open_object(out);
        put_key(&terms.field, b, out);
        json_member_i64(out, "doc_count", b->count);
        code = put_all(a->all, a->below, &scope, out);
        json_close_object(out);
    }
    json_close_array(out);
    base_buf_deinit(&terms.order);
    query_deinit(&terms.query);
    return code;
}

/* ---- by name ---- */

static int32_t put_kind(struct aggregation *a, struct berth_str kind, struct base_buf *out) {
    for (size_t i = 0; i < BASE_COUNT(metrics); i++) {
        if (base_str_is(kind, metrics[i].name)) {
            a->kind = metrics[i].name;
            return put_metric(a, &metrics[i], out);
        }
    }
    static const struct {
        const char *name;
        int32_t (*put)(const struct aggregation *a, struct base_buf *out);
    } others[] = {{"filter", put_filter}, {"terms", put_terms}};
    for (size_t i = 0; i < BASE_COUNT(others); i++) {
        if (base_str_is(kind, others[i].name)) {
            a->kind = others[i].name;
            return others[i].put(a, out);
        }
    }
    BASE_BUF_AUTO names;
    base_buf_init(&names, 512);
    for (size_t i = 0; i < BASE_COUNT(others); i++) {
        base_buf_format(&names, "%s, ", others[i].name);
    }
    for (size_t i = 0; i < BASE_COUNT(metrics); i++) {
        base_buf_format(&names, "%s%s", i ? ", " : "", metrics[i].name);
    }
    return query_parse_error(a->all->base,
                             "unknown aggregation type [" BASE_FMT "] of [" BASE_FMT
                             "]; there are [" BASE_FMT "]",
                             BASE_ARG(kind), BASE_ARG(a->name), BASE_ARG(base_buf_view(&names)));
}

/* {"type": {…}, "aggs": {…}, "meta": {…}} */
static int32_t put_one(struct aggregations *all, struct berth_str name, struct json_value json,
                       const struct scope *scope, struct base_buf *out) {
    struct aggregation a = {.all = all, .name = name, .scope = scope};
    struct berth_str kind = {0};
    for (struct json_value k = json_first(json); json_present(k);) {
        struct json_value v = json_next(json, k);
        if (json_string_is(k, BERTH_STR("aggs")) || json_string_is(k, BERTH_STR("aggregations"))) {
            a.below = v;
        } else if (!json_string_is(k, BERTH_STR("meta"))) {
            if (kind.ptr) {
                return query_parse_error(all->base,
                                         "the aggregation [" BASE_FMT "] has two types, [" BASE_FMT
                                         "] and [" BASE_FMT "]",
                                         BASE_ARG(name), BASE_ARG(kind), BASE_ARG(json_inner(k)));
            }
            kind = json_inner(k);
            a.body = v;
        }
        k = json_next(json, v);
    }
    if (!kind.ptr || !json_is(a.body, JSON_OBJECT)) {
        return query_parse_error(all->base,
                                 "the aggregation [" BASE_FMT "] is an object with a type's name"
                                 " and what it needs",
                                 BASE_ARG(name));
    }
    json_key_str(out, name);
    json_open_object(out);
    if (json_present(json_get(json, "meta"))) {
        json_member_raw(out, "meta", json_raw(json_get(json, "meta")));
    }
    int32_t code = count_part(all);
    code = code ? code : put_kind(&a, kind, out);
    json_close_object(out);
    return code;
}

/* Appends the members of an object. */
static int32_t put_all(struct aggregations *all, struct json_value list, const struct scope *scope,
                       struct base_buf *out) {
    if (json_present(list) && !json_is(list, JSON_OBJECT)) {
        return query_parse_error(all->base, "[aggs] is an object of aggregations by name");
    }
    if (all->depth == AGGREGATIONS_DEPTH_MAX) {
        return query_parse_error(all->base, "aggregations are nested more than %u deep",
                                 AGGREGATIONS_DEPTH_MAX);
    }
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    int32_t code = BERTH_OK;
    all->depth++;
    for (struct json_value k = json_first(list); json_present(k) && !code;) {
        struct json_value v = json_next(list, k);
        struct berth_str name;
        code = json_string(k, &arena, &name) ? put_one(all, name, v, scope, out)
                                             : base_error_memory(all->base->error);
        k = json_next(list, v);
    }
    all->depth--;
    return code;
}

int32_t aggregations_put(const struct query *query, struct json_value aggregations,
                         struct base_buf *out) {
    struct aggregations all = {.base = query};
    json_open_object(out);
    int32_t code = put_all(&all, aggregations, NULL, out);
    json_close_object(out);
    return code;
}
