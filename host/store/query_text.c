/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries whose text is taken apart into words: match, its phrases and prefixes, multi_match.
 *
 * Which documents have a word is asked of the field rows, which documents have a phrase and what
 * each is worth of the full-text index.
 */
#include "host/store/query_internal.h"
#include "host/store/wildcard.h"
#include "host/store/words.h"

struct word_list {
    struct berth_str *list;
    size_t count;
};

static int32_t cut_words(struct query *query, struct berth_str text, struct word_list *out) {
    char word[WORD_BYTES_MAX];
    size_t len = 0;
    *out = (struct word_list){
        .list = base_arena_array(&query->arena, QUERY_CLAUSES_MAX, sizeof *out->list)};
    if (!out->list) {
        return base_error_memory(query->error);
    }
    while (words_next(&text, word, &len)) {
        if (out->count == QUERY_CLAUSES_MAX) {
            return query_argument_error(query, "a text to search for has at most %u words",
                                        QUERY_CLAUSES_MAX);
        }
        struct berth_str kept = base_arena_dup(&query->arena, base_str(word, len));
        if (!kept.ptr) {
            return base_error_memory(query->error);
        }
        out->list[out->count++] = kept;
    }
    return BERTH_OK;
}

/* ---- the full-text index ---- */

static void put_quoted(struct base_buf *out, struct berth_str word) {
    for (uint64_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '"') {
            base_buf_char(out, '"');
        }
        base_buf_char(out, word.ptr[i]);
    }
}

static void put_each(struct base_buf *out, const struct word_list *words, const char *joint) {
    for (size_t i = 0; i < words->count; i++) {
        base_buf_format(out, "%s\"", i ? joint : "");
        put_quoted(out, words->list[i]);
        base_buf_char(out, '"');
    }
}

static void put_phrase(struct base_buf *out, const struct word_list *words, int64_t slop) {
    if (slop > 0 && words->count > 1) {
        base_buf_cstr(out, "NEAR(");
        put_each(out, words, " ");
        base_buf_format(out, ", %lld)", (long long)slop);
        return;
    }
    base_buf_char(out, '"');
    for (size_t i = 0; i < words->count; i++) {
        base_buf_cstr(out, i ? " " : "");
        put_quoted(out, words->list[i]);
    }
    base_buf_char(out, '"');
}

/* The clause of what the full-text index finds. */
static int32_t add_match(struct query *query, const struct query_field *field,
                         const struct base_buf *match, struct query_clause *out) {
    struct query_step step = {0};
    if (field->kind != QUERY_FIELD_ANY) {
        step.field = field->name;
    }
    int32_t code = query_keep(query, match, &step.match);
    return code ? code : query_add_step(query, step, out);
}

/* Gives a clause the score of any of the words. */
static int32_t score_words(struct query *query, const struct query_field *field,
                           const struct word_list *words, struct query_clause *clause) {
    if (!query->is_scored || words->count == 0) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO match;
    base_buf_init(&match, QUERY_SQL_MAX);
    put_each(&match, words, " OR ");
    struct query_clause scored;
    int32_t code = add_match(query, field, &match, &scored);
    clause->score = scored.score;
    return code;
}

int32_t query_word(struct query *query, const struct query_field *field, struct berth_str word,
                   struct query_clause *out) {
    struct word_list words = {.list = &word, .count = 1};
    int32_t code = query_equals(query, field, &word, 1, out);
    return code || word.len == 0 ? code : score_words(query, field, &words, out);
}

/* ---- one field ---- */

static int32_t like_prefix(struct query *query, const struct query_field *field,
                           struct berth_str prefix, struct query_clause *out) {
    BASE_BUF_AUTO pattern;
    struct berth_str kept;
    base_buf_init(&pattern, QUERY_SQL_MAX);
    wildcard_quote(&pattern, prefix);
    base_buf_char(&pattern, '*');
    int32_t code = query_keep(query, &pattern, &kept);
    return code ? code : query_like(query, field, kept, false, out);
}

static int32_t match_words(struct query *query, const struct query_field *field,
                           const struct query_match *match, const struct word_list *words,
                           struct query_clause *out) {
    struct query_parts parts = {0};
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < words->count && !code; i++) {
        struct query_clause clause;
        bool prefix = match->form == QUERY_WORDS_PREFIX && i + 1 == words->count;
        code = prefix ? like_prefix(query, field, words->list[i], &clause)
                      : query_equals(query, field, &words->list[i], 1, &clause);
        code =
            code ? code : query_add(query, &parts, match->all ? QUERY_MUST : QUERY_SHOULD, clause);
    }
    int64_t minimum = 0;
    code = code ? code
                : query_minimum(query, match->minimum, parts.should_count,
                                query_minimum_default(&parts), &minimum);
    if (!match->all && minimum < 1) {
        minimum = 1;
    }
    code = code ? code : query_join(query, &parts, match->all ? 0 : minimum, out);
    bool by_index = match->form == QUERY_WORDS && field->kind == QUERY_FIELD_TEXT;
    return code || !by_index ? code : score_words(query, field, words, out);
}

static int32_t match_phrase(struct query *query, const struct query_field *field,
                            const struct query_match *match, const struct word_list *words,
                            struct query_clause *out) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, QUERY_SQL_MAX);
    put_phrase(&text, words, match->slop);
    if (match->form == QUERY_PHRASE_PREFIX) {
        base_buf_cstr(&text, " *");
    }
    return add_match(query, field, &text, out);
}

int32_t query_match_field(struct query *query, const struct query_field *field,
                          const struct query_match *match, struct query_clause *out) {
    bool prefix = match->form == QUERY_PHRASE_PREFIX || match->form == QUERY_WORDS_PREFIX;
    if (field->kind != QUERY_FIELD_TEXT && field->kind != QUERY_FIELD_ANY) {
        return prefix ? like_prefix(query, field, match->text, out)
                      : query_equals(query, field, &match->text, 1, out);
    }
    struct word_list words;
    int32_t code = cut_words(query, match->text, &words);
    if (code) {
        return code;
    }
    if (words.count == 0) {
        *out = match->none_is_all ? query_everything : query_nothing;
        return BERTH_OK;
    }
    bool phrase = match->form == QUERY_PHRASE || match->form == QUERY_PHRASE_PREFIX;
    code = phrase ? match_phrase(query, field, match, &words, out)
                  : match_words(query, field, match, &words, out);
    if (!code && field->kind == QUERY_FIELD_ANY) {
        /* Among all fields are keywords, which hold the text as a whole. */
        struct query_parts parts = {0};
        struct query_clause whole;
        code = query_add(query, &parts, QUERY_SHOULD, *out);
        code = code ? code : query_equals(query, field, &match->text, 1, &whole);
        code = code ? code : query_add(query, &parts, QUERY_SHOULD, whole);
        code = code ? code : query_join_best(query, &parts, 0, out);
    }
    return code;
}

/* ---- bodies ---- */

static int32_t read_match(struct query *query, struct json_value options, struct query_match *out) {
    struct json_value none = json_get(options, "zero_terms_query");
    struct json_value operator= json_get(options, "operator");
    struct berth_str text = BERTH_STR("or");
    if (json_present(json_get(options, "slop")) &&
        (!json_i64(json_get(options, "slop"), &out->slop) || out->slop < 0 ||
         out->slop > INT32_MAX)) {
        return query_parse_error(query, "[slop] is a whole number from 0");
    }
    int32_t code =
        json_present(operator) ? query_scalar(query, "operator", operator, & text) : BERTH_OK;
    if (!code && !base_str_eq_nocase(text, BERTH_STR("or")) &&
        !base_str_eq_nocase(text, BERTH_STR("and"))) {
        code = query_parse_error(query, "[operator] is [or] or [and], not [" BASE_FMT "]",
                                 BASE_ARG(text));
    }
    if (!code && json_present(none) && !json_string_is(none, BERTH_STR("none")) &&
        !json_string_is(none, BERTH_STR("all"))) {
        code = query_parse_error(query, "[zero_terms_query] is [none] or [all]");
    }
    out->none_is_all = json_string_is(none, BERTH_STR("all"));
    out->all = base_str_eq_nocase(text, BERTH_STR("and"));
    out->minimum = json_get(options, "minimum_should_match");
    return code;
}

/* {"field": "text"} or {"field": {"query": "text", …}} */
static int32_t match_query(struct query *query, const char *name, const char *const *known,
                           enum query_match_form form, struct json_value body,
                           struct query_clause *out) {
    struct query_match match = {.form = form};
    struct query_field field;
    struct berth_str field_name;
    struct json_value value;
    struct json_value options = JSON_NONE;
    int32_t code = query_single_field(query, name, body, &field_name, &value);
    if (!code && json_is(value, JSON_OBJECT)) {
        options = value;
        code = query_check_names(query, name, options, known);
        code = code ? code : read_match(query, options, &match);
        value = json_get(options, "query");
    }
    code = code ? code : query_scalar(query, name, value, &match.text);
    code = code ? code : query_find_field(query, field_name, &field);
    code = code ? code : query_match_field(query, &field, &match, out);
    return code ? code : query_boost(query, json_get(options, "boost"), out);
}

int32_t query_of_match(struct query *query, struct json_value body, struct query_clause *out) {
    static const char *const known[] = {
        "query", "operator", "minimum_should_match", "zero_terms_query", "boost", "_name", NULL};
    return match_query(query, "match", known, QUERY_WORDS, body, out);
}

int32_t query_of_match_phrase(struct query *query, struct json_value body,
                              struct query_clause *out) {
    static const char *const known[] = {"query", "slop",  "zero_terms_query",
                                        "boost", "_name", NULL};
    return match_query(query, "match_phrase", known, QUERY_PHRASE, body, out);
}

int32_t query_of_match_phrase_prefix(struct query *query, struct json_value body,
                                     struct query_clause *out) {
    static const char *const known[] = {"query", "max_expansions", "zero_terms_query",
                                        "boost", "_name",          NULL};
    return match_query(query, "match_phrase_prefix", known, QUERY_PHRASE_PREFIX, body, out);
}

int32_t query_of_match_bool_prefix(struct query *query, struct json_value body,
                                   struct query_clause *out) {
    static const char *const known[] = {"query", "operator", "minimum_should_match",
                                        "boost", "_name",    NULL};
    return match_query(query, "match_bool_prefix", known, QUERY_WORDS_PREFIX, body, out);
}

/* ---- several fields ---- */

static int32_t add_target(struct query *query, const char *name, struct berth_str field,
                          double boost, struct query_targets *out) {
    if (out->count == QUERY_FIELDS_MAX) {
        return query_argument_error(query, "[%s] looks at more than %u fields", name,
                                    QUERY_FIELDS_MAX);
    }
    struct query_target *target = &out->list[out->count++];
    target->boost = boost;
    return query_find_field(query, field, &target->field);
}

/* A pattern stands for the mapping's texts and keywords that match; "*" for any field. */
static int32_t add_targets(struct query *query, const char *name, struct berth_str pattern,
                           double boost, struct query_targets *out) {
    if (base_str_is(pattern, "*") && out->count < QUERY_FIELDS_MAX) {
        out->list[out->count++] =
            (struct query_target){.field = {.kind = QUERY_FIELD_ANY}, .boost = boost};
        return BERTH_OK;
    }
    if (base_str_find(pattern, '*') == pattern.len) {
        return add_target(query, name, pattern, boost, out);
    }
    struct berth_str path;
    enum field_type type;
    int32_t code = BERTH_OK;
    for (size_t i = 0; mapping_field(query->mapping, i, &path, &type) && !code; i++) {
        if ((type == FIELD_TEXT || type == FIELD_KEYWORD) && base_str_glob(pattern, path)) {
            code = add_target(query, name, path, boost, out);
        }
    }
    return code;
}

int32_t query_read_targets(struct query *query, const char *name, struct json_value fields,
                           struct query_targets *out) {
    out->count = 0;
    if (!json_present(fields)) {
        return add_targets(query, name, BERTH_STR("*"), 1, out);
    }
    bool list = json_is(fields, JSON_ARRAY);
    struct json_value one = list ? json_first(fields) : fields;
    for (; json_present(one); one = list ? json_next(fields, one) : JSON_NONE) {
        struct berth_str boosted;
        struct berth_str field;
        double boost = 1;
        int32_t code = query_scalar(query, name, one, &boosted);
        if (code) {
            return code;
        }
        if (!base_str_split(&boosted, '^', &field) || field.len == 0 ||
            (boosted.ptr && !base_str_f64(boosted, &boost))) {
            return query_parse_error(query, "a field of [%s] is \"name\" or \"name^2\"", name);
        }
        code = add_targets(query, name, field, boost, out);
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

static const struct {
    const char *name;
    enum query_match_form form;
    bool sums; /* scores of several fields are added up, else the best counts */
} types[] = {
    {"best_fields", QUERY_WORDS, false},           {"most_fields", QUERY_WORDS, true},
    {"cross_fields", QUERY_WORDS, false},          {"phrase", QUERY_PHRASE, false},
    {"phrase_prefix", QUERY_PHRASE_PREFIX, false}, {"bool_prefix", QUERY_WORDS_PREFIX, true},
};

static int32_t match_targets(struct query *query, const struct query_targets *targets,
                             const struct query_match *match, bool sums, double tie,
                             struct query_clause *out) {
    struct query_parts parts = {0};
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < targets->count && !code; i++) {
        struct query_clause clause;
        code = query_match_field(query, &targets->list[i].field, match, &clause);
        code = code ? code : query_boost_by(query, targets->list[i].boost, &clause);
        code = code ? code : query_add(query, &parts, QUERY_SHOULD, clause);
    }
    if (code || parts.count == 0) {
        *out = query_nothing;
        return code;
    }
    return sums ? query_join(query, &parts, 1, out) : query_join_best(query, &parts, tie, out);
}

/* Each word may be in another field. */
static int32_t match_across(struct query *query, const struct query_targets *targets,
                            const struct query_match *match, double tie, struct query_clause *out) {
    struct query_parts parts = {0};
    struct word_list words;
    int32_t code = cut_words(query, match->text, &words);
    for (size_t i = 0; !code && i < words.count; i++) {
        struct query_match one = {.text = words.list[i], .form = QUERY_WORDS};
        struct query_clause clause;
        code = match_targets(query, targets, &one, false, tie, &clause);
        code =
            code ? code : query_add(query, &parts, match->all ? QUERY_MUST : QUERY_SHOULD, clause);
    }
    int64_t minimum = 0;
    code = code ? code
                : query_minimum(query, match->minimum, parts.should_count,
                                query_minimum_default(&parts), &minimum);
    if (code || parts.count == 0) {
        *out = match->none_is_all ? query_everything : query_nothing;
        return code;
    }
    return query_join(query, &parts, match->all ? 0 : minimum, out);
}

int32_t query_of_multi_match(struct query *query, struct json_value body,
                             struct query_clause *out) {
    static const char *const known[] = {
        "query", "fields", "type",  "operator",       "minimum_should_match", "tie_breaker",
        "slop",  "boost",  "_name", "max_expansions", "zero_terms_query",     NULL};
    struct query_match match = {0};
    struct query_targets targets;
    struct berth_str type = BERTH_STR("best_fields");
    double tie = 0;
    size_t kind = 0;
    (void)json_f64(json_get(body, "tie_breaker"), &tie);
    int32_t code = query_check_names(query, "multi_match", body, known);
    code = code ? code : read_match(query, body, &match);
    code = code ? code : query_scalar(query, "multi_match", json_get(body, "query"), &match.text);
    if (!code && json_present(json_get(body, "type"))) {
        code = query_scalar(query, "type", json_get(body, "type"), &type);
    }
    while (!code && kind < BASE_COUNT(types) && !base_str_is(type, types[kind].name)) {
        kind++;
    }
    if (!code && kind == BASE_COUNT(types)) {
        code = query_parse_error(query,
                                 "[multi_match] has no type [" BASE_FMT "]; there are best_fields,"
                                 " most_fields, cross_fields, phrase, phrase_prefix, bool_prefix",
                                 BASE_ARG(type));
    }
    code =
        code ? code : query_read_targets(query, "multi_match", json_get(body, "fields"), &targets);
    if (code) {
        return code;
    }
    match.form = types[kind].form;
    code = base_str_is(type, "cross_fields")
               ? match_across(query, &targets, &match, tie, out)
               : match_targets(query, &targets, &match, types[kind].sums, tie, out);
    return code ? code : query_boost(query, json_get(body, "boost"), out);
}
