/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches: the body's parts, what is found, the answer.
 *
 * What the query finds goes into a table of the reader's own, temp.found; total, hits and
 * aggregations are asked of that. The whole is one transaction that is rolled back: it sees one
 * state of the documents, and leaves the tables empty.
 */
#include "base/clock.h"
#include "host/store/aggregations.h"
#include "host/store/query_internal.h"
#include "host/store/search_sort.h"
#include "host/store/search_source.h"
#include "host/store/store_internal.h"

#define SIZE_DEFAULT 10
/* from + size, as OpenSearch's max_result_window. */
#define WINDOW_MAX 10000
/* Up to which a total is exact where nothing is said. */
#define TRACK_DEFAULT 10000
#define TRACK_OFF (-1)
/* Columns of a hit before those that it is sorted by. */
#define HIT_COLUMNS 6

struct search {
    struct store_index *index;
    struct query query;
    struct json_value body;
    int64_t from;
    int64_t size;
    int64_t track_limit;
    struct sort sort;
    struct source_filter source;
    struct json_value aggregations;
    bool has_minimum;
    double minimum_score;
    bool shows_scores; /* of sorted hits too */
    int64_t total;
    bool has_best;
    double best_score;
};

/* Keys of a search body; those without a reader are taken and have no effect. */
static const char *const known_keys[] = {
    "query",
    "from",
    "size",
    "sort",
    "search_after",
    "_source",
    "track_total_hits",
    "track_scores",
    "min_score",
    "post_filter",
    "aggs",
    "aggregations",
    "timeout",
    "terminate_after",
    "version",
    "explain",
    "seq_no_primary_term",
    "stats",
    NULL,
};

/* ---- the body ---- */

static int32_t read_count(struct search *s, const char *name, int64_t *out_value) {
    struct json_value value = json_get(s->body, name);
    if (!json_present(value)) {
        return BERTH_OK;
    }
    struct berth_str text = json_is(value, JSON_STRING) ? json_inner(value) : json_raw(value);
    if (!base_str_i64(text, out_value)) {
        return base_error_rest(s->query.error, BERTH_E_INVALID, 400, "number_format_exception",
                               "[%s] is a whole number, not [" BASE_FMT "]", name, BASE_ARG(text));
    }
    if (*out_value < 0) {
        return base_error(s->query.error, BERTH_E_INVALID, "[%s] cannot be negative: %lld", name,
                          (long long)*out_value);
    }
    return BERTH_OK;
}

static int32_t read_window(struct search *s) {
    s->size = SIZE_DEFAULT;
    int32_t code = read_count(s, "from", &s->from);
    code = code ? code : read_count(s, "size", &s->size);
    if (code) {
        return code;
    }
    if (s->from > WINDOW_MAX || s->size > WINDOW_MAX || s->from + s->size > WINDOW_MAX) {
        return query_argument_error(&s->query,
                                    "[from] %lld and [size] %lld together are more than %d; "
                                    "[search_after] goes on from the last hit",
                                    (long long)s->from, (long long)s->size, WINDOW_MAX);
    }
    if (s->from && json_present(json_get(s->body, "search_after"))) {
        return query_argument_error(&s->query, "[from] must be 0 where [search_after] is used");
    }
    return BERTH_OK;
}

static int32_t read_track(struct search *s) {
    struct json_value track = json_get(s->body, "track_total_hits");
    bool on = json_is(track, JSON_TRUE) || json_string_is(track, BERTH_STR("true"));
    bool off = json_is(track, JSON_FALSE) || json_string_is(track, BERTH_STR("false"));
    s->track_limit = on ? INT64_MAX : off ? TRACK_OFF : TRACK_DEFAULT;
    if (on || off || !json_present(track)) {
        return BERTH_OK;
    }
    if (!json_i64(track, &s->track_limit) || s->track_limit < TRACK_OFF) {
        return query_parse_error(&s->query, "[track_total_hits] is a boolean or a whole number");
    }
    return BERTH_OK;
}

static int32_t read_scores(struct search *s) {
    struct json_value minimum = json_get(s->body, "min_score");
    struct berth_str text;
    s->has_minimum = json_present(minimum);
    int32_t code = s->has_minimum ? query_scalar(&s->query, "min_score", minimum, &text) : BERTH_OK;
    if (!code && s->has_minimum && !base_str_f64(text, &s->minimum_score)) {
        code = query_parse_error(&s->query, "[min_score] is a number");
    }
    code = code ? code
                : query_bool(&s->query, "track_scores", json_get(s->body, "track_scores"),
                             &s->shows_scores);
    s->query.is_scored = s->has_minimum || s->shows_scores || s->sort.has_score ||
                         (s->sort.count == 0 && s->size > 0);
    return code;
}

static int32_t read_body(struct search *s) {
    if (json_present(s->body) && !json_is(s->body, JSON_OBJECT)) {
        return query_parse_error(&s->query, "a search body is an object");
    }
    struct json_value aggs = json_get(s->body, "aggs");
    s->aggregations = json_present(aggs) ? aggs : json_get(s->body, "aggregations");
    int32_t code = query_check_names(&s->query, "search", s->body, known_keys);
    code = code ? code : read_window(s);
    code = code ? code : read_track(s);
    code = code ? code
                : sort_read(&s->query, json_get(s->body, "sort"), json_get(s->body, "search_after"),
                            &s->sort);
    code = code ? code : source_read(&s->query, json_get(s->body, "_source"), &s->source);
    return code ? code : read_scores(s);
}

/* ---- what is found ---- */

/* The clause of the body's query, narrowed by the caller's filter. */
static int32_t make_clause(struct search *s, struct berth_str filter, struct query_clause *out) {
    struct query *query = &s->query;
    struct json_value wanted = json_get(s->body, "query");
    JSON_DOC_AUTO filter_doc = {0};
    struct query_clause narrow;
    *out = query_everything;
    int32_t code = json_present(wanted) ? query_compile(query, wanted, out) : BERTH_OK;
    if (code || filter.len == 0) {
        return code;
    }
    struct berth_str kept = base_arena_dup(&query->arena, filter);
    if (!kept.ptr) {
        return base_error_memory(query->error);
    }
    struct json_error fault;
    if (!json_parse(&filter_doc, kept, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_INVALID, "the filter", query->error);
    }
    code = query_compile(query, json_root(&filter_doc), &narrow);
    struct query_parts parts = {0};
    code = code ? code : query_add(query, &parts, QUERY_MUST, *out);
    code = code ? code : query_add(query, &parts, QUERY_FILTER, narrow);
    return code ? code : query_join(query, &parts, 0, out);
}

static int32_t find(struct search *s, const struct query_clause *clause) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX * 4);
    base_buf_cstr(&sql, "INSERT INTO temp.found SELECT * FROM (SELECT d.row, ");
    base_buf_str(&sql, s->query.is_scored ? clause->score : BERTH_STR("0"));
    base_buf_format(&sql, " AS score FROM doc d WHERE d.idx = %lld AND (",
                    (long long)s->query.index);
    base_buf_str(&sql, clause->condition);
    base_buf_cstr(&sql, "))");
    int32_t code = BERTH_OK;
    if (s->has_minimum) {
        base_buf_cstr(&sql, " WHERE score >= ");
        code = query_put_number(&s->query, &sql, s->minimum_score);
    }
    code = code ? code : query_run_steps(&s->query);
    return code ? code : query_execute(&s->query, &sql);
}

/* Aggregations are over what the query finds, hits over what the post filter leaves of it. */
static int32_t narrow_hits(struct search *s) {
    struct json_value filter = json_get(s->body, "post_filter");
    if (!json_present(filter)) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    struct query query;
    struct query_clause clause;
    query_init(&query, s->query.db, s->query.mapping, s->query.index, s->query.error);
    int32_t code = query_compile(&query, filter, &clause);
    if (!code) {
        base_buf_cstr(&sql, "DELETE FROM temp.found WHERE row NOT IN"
                            " (SELECT d.row FROM doc d WHERE ");
        base_buf_str(&sql, clause.condition);
        base_buf_char(&sql, ')');
        code = query_run_steps(&query);
    }
    code = code ? code : query_execute(&query, &sql);
    query_deinit(&query);
    return code;
}

static int32_t count_hits(struct search *s) {
    sqlite3_stmt *statement = NULL;
    int32_t code = query_prepare(
        &s->query, BERTH_STR("SELECT count(*), max(score) FROM temp.found"), &statement);
    code = code ? code : database_step(s->query.db, statement, s->query.error);
    if (code == 1) {
        s->total = database_i64(statement, 0);
        s->best_score = sqlite3_column_double(statement, 1);
        s->has_best = s->total > 0 && s->size > 0 && (s->sort.count == 0 || s->shows_scores);
        code = BERTH_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* ---- hits ---- */

/* Sorts by what is small; sources are read of the page alone. */
static int32_t put_hits_sql(struct search *s, struct base_buf *sql) {
    base_buf_cstr(sql, "WITH page AS MATERIALIZED (SELECT * FROM (SELECT f.row AS hit,"
                       " f.score AS score");
    int32_t code = sort_put_columns(&s->query, &s->sort, sql);
    base_buf_cstr(sql, " FROM temp.found f JOIN doc d ON d.row = f.row) WHERE ");
    code = code ? code : sort_put_after(&s->query, &s->sort, sql);
    sort_put_order(&s->sort, sql);
    base_buf_format(sql,
                    " LIMIT %lld OFFSET %lld) SELECT d.id, coalesce(d.seen_source, d.source),"
                    " coalesce(d.seen_version, d.version), coalesce(d.seen_seq_no, d.seq_no),"
                    " page.* FROM page JOIN doc d ON d.row = page.hit",
                    (long long)s->size, (long long)s->from);
    sort_put_order(&s->sort, sql);
    return code ? code : sql->error ? base_error_memory(s->query.error) : BERTH_OK;
}

static int32_t put_source(struct search *s, struct berth_str source, struct base_buf *out) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (!json_parse(&doc, source, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_CORRUPT, "a stored document", s->query.error);
    }
    json_key(out, "_source");
    source_put(&s->source, json_root(&doc), out);
    return BERTH_OK;
}

static int32_t put_hit(struct search *s, sqlite3_stmt *row, struct base_buf *out) {
    bool scored = s->sort.count == 0 || s->sort.has_score || s->shows_scores;
    json_open_object(out);
    json_member_string(out, "_index", s->index->name);
    json_member_string(out, "_id", database_str(row, 0));
    json_member_i64(out, "_version", database_i64(row, 2));
    json_member_i64(out, "_seq_no", database_i64(row, 3));
    json_member_i64(out, "_primary_term", 1);
    json_key(out, "_score");
    if (scored) {
        json_put_f64(out, sqlite3_column_double(row, HIT_COLUMNS - 1));
    } else {
        json_put_null(out);
    }
    int32_t code = s->source.is_hidden ? BERTH_OK : put_source(s, database_str(row, 1), out);
    if (s->sort.count) {
        sort_put_values(&s->sort, row, HIT_COLUMNS, out);
    }
    json_close_object(out);
    return code;
}

static int32_t put_hits(struct search *s, struct base_buf *out) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    sqlite3_stmt *statement = NULL;
    json_key(out, "hits");
    json_open_array(out);
    int32_t code = put_hits_sql(s, &sql);
    code = code ? code : query_prepare(&s->query, base_buf_view(&sql), &statement);
    while (!code && (code = database_step(s->query.db, statement, s->query.error)) == 1) {
        code = put_hit(s, statement, out);
    }
    json_close_array(out);
    (void)sqlite3_finalize(statement);
    return code;
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

static void put_total(const struct search *s, struct base_buf *out) {
    if (s->track_limit == TRACK_OFF) {
        return;
    }
    bool beyond = s->total > s->track_limit;
    json_key(out, "total");
    json_open_object(out);
    json_member_i64(out, "value", beyond ? s->track_limit : s->total);
    json_member_cstr(out, "relation", beyond ? "gte" : "eq");
    json_close_object(out);
}

/* As OpenSearch answers for an index that is not there yet. */
static void put_best_score(const struct search *s, struct base_buf *out) {
    json_key(out, "max_score");
    if (!s->index->used || s->has_best) {
        json_put_f64(out, s->best_score);
    } else {
        json_put_null(out);
    }
}

static int32_t put_answer(struct search *s, struct base_buf *out) {
    BASE_BUF_AUTO aggregations;
    base_buf_init(&aggregations, BASE_BUF_MAX_DEFAULT);
    uint64_t began = base_monotonic_ns();
    int32_t code = BERTH_OK;
    if (json_present(s->aggregations)) {
        code = aggregations_put(&s->query, s->aggregations, &aggregations);
    }
    code = code ? code : narrow_hits(s);
    code = code ? code : count_hits(s);
    json_open_object(out);
    json_member_u64(out, "took", (base_monotonic_ns() - began) / BASE_NS_PER_MS);
    json_member_bool(out, "timed_out", false);
    put_shards(out, s->index->used ? 1 : 0);
    json_key(out, "hits");
    json_open_object(out);
    put_total(s, out);
    put_best_score(s, out);
    code = code ? code : put_hits(s, out);
    json_close_object(out);
    if (aggregations.len) {
        json_member_raw(out, "aggregations", base_buf_view(&aggregations));
    }
    json_close_object(out);
    return code                               ? code
           : out->error || aggregations.error ? base_error_memory(s->query.error)
                                              : BERTH_OK;
}

static int32_t run(struct search *s, struct berth_str filter, struct base_buf *out) {
    struct database *db = s->query.db;
    struct query_clause clause;
    int32_t code = database_run(db, database_statement(db, SQL_BEGIN_READ), s->query.error);
    if (code) {
        return code;
    }
    code = read_body(s);
    code = code ? code : make_clause(s, filter, &clause);
    code = code ? code : find(s, &clause);
    code = code ? code : put_answer(s, out);
    int32_t ended = database_run(db, database_statement(db, SQL_ROLLBACK), NULL);
    return code || !ended ? code : database_error(db, s->query.error);
}

int32_t store_search(struct store *store, const struct berth_search *search, struct base_buf *out,
                     struct berth_error *error) {
    int32_t code = store_catch_up(store, error);
    struct store_index *index = store_find_index(store, search->index);
    if (code) {
        return code;
    }
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
    uint64_t due = search->flags & BERTH_SEARCH_REFRESH ? UINT64_MAX : base_monotonic_ns();
    code = store_refresh(store, index, due, error);
    if (code) {
        return code;
    }
    struct search s = {.index = index, .body = json_root(&doc)};
    struct database *db = store_take_reader(store);
    query_init(&s.query, db, index->mapping, index->id, error);
    code = run(&s, search->filter, out);
    query_deinit(&s.query);
    store_give_reader(store, db);
    store->searches++;
    return code;
}
