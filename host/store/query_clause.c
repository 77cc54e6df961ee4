/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining clauses, and reading what the bodies of queries have in common.
 */
#include "host/store/query_internal.h"

/* Arguments of SQLite's max(). */
#define BEST_MAX 100u

const struct query_clause query_everything = {BERTH_STR_INIT("1"), BERTH_STR_INIT("1.0"), 0};
const struct query_clause query_nothing = {BERTH_STR_INIT("0"), BERTH_STR_INIT("0"), 0};

struct query_part {
    struct query_part *next;
    struct query_clause clause;
    enum query_occur occur;
};

int32_t query_add(struct query *query, struct query_parts *parts, enum query_occur occur,
                  struct query_clause clause) {
    if (++query->clauses > QUERY_CLAUSES_MAX) {
        return query_argument_error(query, "a search joins at most %u queries and words",
                                    QUERY_CLAUSES_MAX);
    }
    struct query_part *part = base_arena_alloc(&query->arena, sizeof *part);
    if (!part) {
        return base_error_memory(query->error);
    }
    *part = (struct query_part){.clause = clause, .occur = occur};
    if (parts->last) {
        parts->last->next = part;
    } else {
        parts->first = part;
    }
    parts->last = part;
    parts->count++;
    parts->should_count += occur == QUERY_SHOULD;
    parts->has_required |= occur == QUERY_MUST || occur == QUERY_FILTER;
    return BERTH_OK;
}

static void put_shoulds(const struct query_parts *parts, int64_t minimum, struct base_buf *sql) {
    const char *joint = minimum == 1 ? " OR " : " + ";
    size_t count = 0;
    base_buf_cstr(sql, " AND (");
    for (const struct query_part *p = parts->first; p; p = p->next) {
        if (p->occur == QUERY_SHOULD) {
            base_buf_format(sql, "%s(", count++ ? joint : "");
            base_buf_str(sql, p->clause.condition);
            base_buf_char(sql, ')');
        }
    }
    base_buf_char(sql, ')');
    if (minimum > 1) {
        base_buf_format(sql, " >= %lld", (long long)minimum);
    }
}

static bool has_score(const struct query_clause *clause) {
    return !base_str_is(clause->score, "0");
}

/* What a should clause adds: its score where it matches. */
static void put_guarded(const struct query_clause *clause, struct base_buf *sql) {
    base_buf_cstr(sql, "CASE WHEN ");
    base_buf_str(sql, clause->condition);
    base_buf_cstr(sql, " THEN ");
    base_buf_str(sql, clause->score);
    base_buf_cstr(sql, " ELSE 0 END");
}

static int32_t join_scores(struct query *query, const struct query_parts *parts,
                           struct berth_str *out) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    size_t count = 0;
    for (const struct query_part *p = parts->first; p && query->is_scored; p = p->next) {
        bool adds = (p->occur == QUERY_MUST || p->occur == QUERY_SHOULD) && has_score(&p->clause);
        if (adds) {
            base_buf_cstr(&sql, count++ ? " + " : "(");
            if (p->occur == QUERY_SHOULD) {
                put_guarded(&p->clause, &sql);
            } else {
                base_buf_str(&sql, p->clause.score);
            }
        }
    }
    base_buf_cstr(&sql, count ? ")" : "0");
    return query_keep(query, &sql, out);
}

/* Sets the height of a clause that has just been made; a high one becomes a step of its own. */
static int32_t settle(struct query *query, uint32_t height, struct query_clause *clause) {
    clause->height = height;
    if (height <= QUERY_HEIGHT_MAX) {
        return BERTH_OK;
    }
    bool scores = has_score(clause);
    int32_t code = query_add_step(query, (struct query_step){.clause = *clause}, clause);
    clause->score = scores ? clause->score : BERTH_STR("0");
    return code;
}

static int32_t join(struct query *query, const struct query_parts *parts, int64_t minimum,
                    struct query_clause *out) {
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    if (minimum > parts->should_count) {
        *out = query_nothing;
        return BERTH_OK;
    }
    base_buf_cstr(&sql, "(1");
    for (const struct query_part *p = parts->first; p; p = p->next) {
        if (p->occur != QUERY_SHOULD) {
            base_buf_cstr(&sql, p->occur == QUERY_MUST_NOT ? " AND NOT (" : " AND (");
            base_buf_str(&sql, p->clause.condition);
            base_buf_char(&sql, ')');
        }
    }
    if (minimum > 0) {
        put_shoulds(parts, minimum, &sql);
    }
    base_buf_char(&sql, ')');
    int32_t code = query_keep(query, &sql, &out->condition);
    return code ? code : join_scores(query, parts, &out->score);
}

static uint32_t height_over(const struct query_parts *parts) {
    uint32_t height = 0;
    for (const struct query_part *p = parts->first; p; p = p->next) {
        height = p->clause.height > height ? p->clause.height : height;
    }
    return height + 1;
}

int32_t query_join(struct query *query, const struct query_parts *parts, int64_t minimum,
                   struct query_clause *out) {
    int32_t code = join(query, parts, minimum, out);
    return code ? code : settle(query, height_over(parts), out);
}

int32_t query_join_best(struct query *query, const struct query_parts *parts, double tie,
                        struct query_clause *out) {
    int32_t code = join(query, parts, 1, out);
    if (code || parts->count < 2 || !query->is_scored) {
        return code ? code : settle(query, height_over(parts), out);
    }
    if (parts->count > BEST_MAX) {
        return query_argument_error(query, "a search takes the best of at most %u", BEST_MAX);
    }
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    base_buf_cstr(&sql, "(max(");
    for (const struct query_part *p = parts->first; p; p = p->next) {
        put_guarded(&p->clause, &sql);
        base_buf_char(&sql, p->next ? ',' : ')');
    }
    if (tie > 0) {
        /* The sum of all counts the best too: best + tie * (sum - best). */
        base_buf_cstr(&sql, " * (1 - ");
        code = query_put_number(query, &sql, tie);
        base_buf_cstr(&sql, ") + ");
        code = code ? code : query_put_number(query, &sql, tie);
        base_buf_cstr(&sql, " * ");
        base_buf_str(&sql, out->score);
    }
    base_buf_char(&sql, ')');
    code = code ? code : query_keep(query, &sql, &out->score);
    return code ? code : settle(query, height_over(parts), out);
}

/* ---- minimum_should_match ---- */

/* "2", "-1", "75%", "-25%". */
static bool read_amount(struct berth_str text, int64_t count, int64_t *out) {
    int64_t value = 0;
    bool percent = base_str_ends(text, BERTH_STR("%"));
    if (!base_str_i64(base_str(text.ptr, BASE_LEN(text) - percent), &value) || value > INT32_MAX ||
        value < INT32_MIN) {
        return false;
    }
    value = percent ? count * value / 100 : value;
    value = value < 0 ? count + value : value;
    *out = value < 0 ? 0 : value;
    return true;
}

/* "3<90% 9<-2": the last whose number is less than count; all where none is. */
static bool read_conditional(struct berth_str text, int64_t count, int64_t *out) {
    struct berth_str piece;
    *out = count;
    while (base_str_split(&text, ' ', &piece)) {
        struct berth_str limit_text;
        int64_t limit = 0;
        int64_t amount = 0;
        if (piece.len == 0) {
            continue;
        }
        if (!base_str_split(&piece, '<', &limit_text) || !piece.ptr ||
            !base_str_i64(limit_text, &limit) || !read_amount(piece, count, &amount)) {
            return false;
        }
        *out = count > limit ? amount : *out;
    }
    return true;
}

int32_t query_minimum(struct query *query, struct json_value value, int64_t count, int64_t fallback,
                      int64_t *out) {
    struct berth_str text;
    *out = fallback;
    if (!json_present(value) || json_is(value, JSON_NULL)) {
        return BERTH_OK;
    }
    int32_t code = query_scalar(query, "minimum_should_match", value, &text);
    if (code) {
        return code;
    }
    text = base_str_trim(text);
    bool conditional = base_str_find(text, '<') < text.len;
    if (text.len == 0 ||
        !(conditional ? read_conditional(text, count, out) : read_amount(text, count, out))) {
        return query_parse_error(
            query, "[minimum_should_match] is 2, -1, 75%% or 3<90%%, not [" BASE_FMT "]",
            BASE_ARG(text));
    }
    return BERTH_OK;
}

/* ---- boost ---- */

int32_t query_boost_by(struct query *query, double boost, struct query_clause *clause) {
    if (boost < 0) {
        return query_parse_error(query, "[boost] cannot be negative: %g", boost);
    }
    if (boost == 1 || !query->is_scored || !has_score(clause)) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO sql;
    base_buf_init(&sql, QUERY_SQL_MAX);
    base_buf_char(&sql, '(');
    base_buf_str(&sql, clause->score);
    base_buf_cstr(&sql, " * ");
    int32_t code = query_put_number(query, &sql, boost);
    base_buf_char(&sql, ')');
    code = code ? code : query_keep(query, &sql, &clause->score);
    return code ? code : settle(query, clause->height + 1, clause);
}

int32_t query_boost(struct query *query, struct json_value boost, struct query_clause *clause) {
    struct berth_str text;
    double value = 1;
    if (!json_present(boost)) {
        return BERTH_OK;
    }
    int32_t code = query_scalar(query, "boost", boost, &text);
    if (!code && !base_str_f64(text, &value)) {
        code = query_parse_error(query, "[boost] is a number, not [" BASE_FMT "]", BASE_ARG(text));
    }
    return code ? code : query_boost_by(query, value, clause);
}

/* ---- bodies ---- */

int32_t query_check_names(struct query *query, const char *name, struct json_value body,
                          const char *const *known) {
    for (struct json_value k = json_first(body); json_present(k);
         k = json_next(body, json_next(body, k))) {
        size_t i = 0;
        while (known[i] && !json_string_is(k, base_cstr(known[i]))) {
            i++;
        }
        if (!known[i]) {
            BASE_BUF_AUTO names;
            base_buf_init(&names, BERTH_ERROR_MESSAGE_MAX);
            for (i = 0; known[i]; i++) {
                base_buf_format(&names, "%s%s", i ? ", " : "", known[i]);
            }
            struct berth_str key = json_inner(k);
            return query_parse_error(query, "[%s] does not know [%.*s]; it knows [" BASE_FMT "]",
                                     name, (int)(key.len > 128 ? 128 : key.len), key.ptr,
                                     BASE_ARG(base_buf_view(&names)));
        }
    }
    return BERTH_OK;
}

int32_t query_single_field(struct query *query, const char *name, struct json_value body,
                           struct berth_str *out_field, struct json_value *out_value) {
    struct json_value found = JSON_NONE;
    for (struct json_value k = json_first(body); json_present(k);
         k = json_next(body, json_next(body, k))) {
        if (json_string_is(k, BERTH_STR("boost")) || json_string_is(k, BERTH_STR("_name"))) {
            continue;
        }
        if (json_present(found)) {
            return query_parse_error(query,
                                     "[%s] has one field, not [" BASE_FMT "] and [" BASE_FMT "]",
                                     name, BASE_ARG(json_inner(found)), BASE_ARG(json_inner(k)));
        }
        found = k;
    }
    if (!json_present(found) || json_inner(found).len == 0) {
        return base_error(query->error, BERTH_E_INVALID,
                          "[%s] needs a field: {\"%s\": {\"field\": …}}", name, name);
    }
    *out_value = json_next(body, found);
    return json_string(found, &query->arena, out_field) ? BERTH_OK
                                                        : base_error_memory(query->error);
}

int32_t query_scalar(struct query *query, const char *name, struct json_value value,
                     struct berth_str *out) {
    switch (json_type(value)) {
    case JSON_STRING:
        return json_string(value, &query->arena, out) ? BERTH_OK : base_error_memory(query->error);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        *out = json_raw(value);
        return BERTH_OK;
    case JSON_ABSENT:
        return query_parse_error(query, "[%s] lacks a value", name);
    default:
        return query_parse_error(query, "[%s] takes text, a number or a boolean, not %s", name,
                                 json_is(value, JSON_ARRAY)    ? "an array"
                                 : json_is(value, JSON_OBJECT) ? "an object"
                                                               : "null");
    }
}

int32_t query_bool(struct query *query, const char *name, struct json_value value, bool *out) {
    bool yes = json_is(value, JSON_TRUE) || json_string_is(value, BERTH_STR("true"));
    if (json_present(value) && !yes && !json_is(value, JSON_FALSE) &&
        !json_string_is(value, BERTH_STR("false"))) {
        return query_parse_error(query, "[%s] is true or false", name);
    }
    *out = json_present(value) ? yes : *out;
    return BERTH_OK;
}
