/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_string and simple_query_string: a small language in one text.
 *
 *     list  := item { [AND | OR] item }
 *     item  := { NOT | + | - } one
 *     one   := ( list ) | [field:] value [^boost]
 *     value := "phrase" | word | wor* | * | >=1 | [a TO b] | {a TO b} | ( list )
 *
 * As in Lucene, AND makes the items on both sides required, and the others are optional, or
 * required where default_operator says so. The simple form has +, | and - for AND, OR and NOT, has
 * no fields and no ranges, and passes over what it cannot read.
 */
#include "host/store/query_internal.h"
#include "host/store/wildcard.h"

enum token_kind {
    TOKEN_END,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_MUST,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_WORD,
};

struct string_query {
    struct query *query;
    const char *name;
    struct berth_str text;
    uint64_t at;
    bool simple;
    bool all; /* a space is AND */
};

/* A clause whose condition is NULL stands for nothing at all. */
static int32_t compile_list(struct string_query *s, const struct query_targets *targets,
                            struct query_clause *out);

static int32_t syntax_error(const struct string_query *s, const char *what) {
    return query_shard_error(s->query, "[%s] cannot be read at character %llu: %s", s->name,
                             (unsigned long long)s->at + 1, what);
}

/* ---- tokens ---- */

static char peek_char(const struct string_query *s, uint64_t ahead) {
    return s->at + ahead < s->text.len ? s->text.ptr[s->at + ahead] : '\0';
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct string_query *s) {
    while (s->at < s->text.len && is_blank(s->text.ptr[s->at])) {
        s->at++;
    }
}

/* Operators that are words end where a word does. */
static const struct {
    const char *text;
    enum token_kind kind;
    bool is_word;
    bool in_full;
    bool in_simple;
} operators[] = {
    {"AND", TOKEN_AND, true, true, false}, {"OR", TOKEN_OR, true, true, false},
    {"NOT", TOKEN_NOT, true, true, false}, {"&&", TOKEN_AND, false, true, false},
    {"||", TOKEN_OR, false, true, false},  {"!", TOKEN_NOT, false, true, false},
    {"+", TOKEN_MUST, false, true, false}, {"+", TOKEN_AND, false, false, true},
    {"|", TOKEN_OR, false, false, true},   {"-", TOKEN_NOT, false, true, true},
    {"(", TOKEN_OPEN, false, true, true},  {")", TOKEN_CLOSE, false, true, true},
};

/* What comes next, and how many bytes of it are not the value itself. */
static enum token_kind peek(struct string_query *s, uint64_t *out_len) {
    skip_blanks(s);
    struct berth_str rest = base_str_from(s->text, s->at);
    *out_len = 0;
    for (size_t i = 0; i < BASE_COUNT(operators) && rest.len; i++) {
        size_t len = strlen(operators[i].text);
        if (!(s->simple ? operators[i].in_simple : operators[i].in_full) ||
            !base_str_starts(rest, base_cstr(operators[i].text))) {
            continue;
        }
        char behind = rest.len > len ? rest.ptr[len] : ' ';
        if (!operators[i].is_word || is_blank(behind) || behind == '(' || behind == ')') {
            *out_len = len;
            return operators[i].kind;
        }
    }
    return rest.len ? TOKEN_WORD : TOKEN_END;
}

static bool take_token(struct string_query *s, enum token_kind kind) {
    uint64_t len = 0;
    bool found = peek(s, &len) == kind;
    s->at += found ? len : 0;
    return found;
}

/* ---- values ---- */

struct value {
    struct berth_str text;    /* escapes resolved */
    struct berth_str pattern; /* the same as a wildcard's pattern */
    bool is_pattern;
    bool is_quoted;
};

static bool ends_word(const struct string_query *s, char c) {
    return is_blank(c) || (c && strchr(s->simple ? "()\"|+" : "()\"^:[]{}", c));
}

static int32_t read_quoted(struct string_query *s, struct value *out) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, QUERY_SQL_MAX);
    s->at++;
    while (s->at < s->text.len && s->text.ptr[s->at] != '"') {
        s->at += s->text.ptr[s->at] == '\\' && s->at + 1 < s->text.len;
        base_buf_char(&text, s->text.ptr[s->at++]);
    }
    if (s->at == s->text.len && !s->simple) {
        return syntax_error(s, "a quote is not closed");
    }
    s->at += s->at < s->text.len;
    *out = (struct value){.is_quoted = true};
    return query_keep(s->query, &text, &out->text);
}

static int32_t read_word(struct string_query *s, struct value *out) {
    BASE_BUF_AUTO text;
    BASE_BUF_AUTO pattern;
    base_buf_init(&text, QUERY_SQL_MAX);
    base_buf_init(&pattern, QUERY_SQL_MAX);
    *out = (struct value){0};
    while (s->at < s->text.len && !ends_word(s, s->text.ptr[s->at])) {
        bool escaped = s->text.ptr[s->at] == '\\' && s->at + 1 < s->text.len;
        s->at += escaped;
        char c = s->text.ptr[s->at++];
        bool special = !escaped && (c == '*' || (c == '?' && !s->simple));
        if (!special && strchr("*?\\", c) && c) {
            base_buf_char(&pattern, '\\');
        }
        out->is_pattern |= special;
        base_buf_char(&text, c);
        base_buf_char(&pattern, c);
    }
    int32_t code = query_keep(s->query, &text, &out->text);
    return code ? code : query_keep(s->query, &pattern, &out->pattern);
}

static int32_t read_value(struct string_query *s, struct value *out) {
    return peek_char(s, 0) == '"' ? read_quoted(s, out) : read_word(s, out);
}

static bool is_anything(const struct value *value) {
    return value->is_pattern && base_str_is(value->pattern, "*");
}

/* ---- one value over the fields ---- */

static int32_t value_in_field(struct string_query *s, const struct query_field *field,
                              const struct value *value, struct query_clause *out) {
    if (is_anything(value)) {
        if (field->kind == QUERY_FIELD_ANY) {
            *out = query_everything;
            return BERTH_OK;
        }
        return query_has(s->query, field->name, out);
    }
    if (value->is_pattern) {
        bool folds = field->kind == QUERY_FIELD_TEXT || field->kind == QUERY_FIELD_ANY;
        return query_like(s->query, field, value->pattern, folds, out);
    }
    struct query_match match = {
        .text = value->text, .form = value->is_quoted ? QUERY_PHRASE : QUERY_WORDS, .all = s->all};
    return query_match_field(s->query, field, &match, out);
}

static int32_t value_in_targets(struct string_query *s, const struct query_targets *targets,
                                const struct value *value, struct query_clause *out) {
    struct query_parts parts = {0};
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < targets->count && !code; i++) {
        struct query_clause clause;
        code = value_in_field(s, &targets->list[i].field, value, &clause);
        code = code ? code : query_boost_by(s->query, targets->list[i].boost, &clause);
        code = code ? code : query_add(s->query, &parts, QUERY_SHOULD, clause);
    }
    *out = query_nothing;
    return code || parts.count == 0 ? code : query_join_best(s->query, &parts, 0, out);
}

/* ---- ranges ---- */

static int32_t range_in_targets(struct string_query *s, const struct query_targets *targets,
                                const struct query_bound *bounds, size_t count,
                                struct query_clause *out) {
    if (targets->count != 1 || targets->list[0].field.kind == QUERY_FIELD_ANY) {
        return syntax_error(s, "a range needs a field before it");
    }
    const struct query_field *field = &targets->list[0].field;
    return count ? query_between(s->query, field, bounds, count, out)
                 : query_has(s->query, field->name, out);
}

/* [a TO b}, where * is no bound. */
static int32_t read_interval(struct string_query *s, const struct query_targets *targets,
                             struct query_clause *out) {
    struct query_bound bounds[2];
    size_t count = 0;
    struct value low;
    struct value high;
    struct value to;
    bool closed_low = s->text.ptr[s->at++] == '[';
    skip_blanks(s);
    int32_t code = read_value(s, &low);
    skip_blanks(s);
    code = code ? code : read_word(s, &to);
    skip_blanks(s);
    code = code ? code : read_value(s, &high);
    skip_blanks(s);
    char end = peek_char(s, 0);
    if (code) {
        return code;
    }
    if (!base_str_is(to.text, "TO") || (end != ']' && end != '}')) {
        return syntax_error(s, "a range is [a TO b] or {a TO b}");
    }
    s->at++;
    bool closed_high = end == ']';
    if (!is_anything(&low)) {
        bounds[count++] = (struct query_bound){closed_low ? ">=" : ">", low.text, !closed_low};
    }
    if (!is_anything(&high)) {
        bounds[count++] = (struct query_bound){closed_high ? "<=" : "<", high.text, closed_high};
    }
    return range_in_targets(s, targets, bounds, count, out);
}

/* >=1, <5 */
static int32_t read_comparison(struct string_query *s, const struct query_targets *targets,
                               struct query_clause *out) {
    bool greater = peek_char(s, 0) == '>';
    bool equal = peek_char(s, 1) == '=';
    struct value value;
    s->at += equal ? 2 : 1;
    int32_t code = read_value(s, &value);
    struct query_bound bound = {.operator= greater ? (equal ? ">=" : ">") : (equal ? "<=" : "<"),
                                .text = value.text,
                                .up = greater != equal};
    return code ? code : range_in_targets(s, targets, &bound, 1, out);
}

/* ---- the grammar ---- */

static int32_t read_boost(struct string_query *s, struct query_clause *clause) {
    struct value value;
    double boost = 1;
    if (s->simple || peek_char(s, 0) != '^') {
        return BERTH_OK;
    }
    s->at++;
    int32_t code = read_word(s, &value);
    if (!code && !base_str_f64(value.text, &boost)) {
        return syntax_error(s, "^ is followed by a number");
    }
    return code ? code : query_boost_by(s->query, boost, clause);
}

static int32_t compile_group(struct string_query *s, const struct query_targets *targets,
                             struct query_clause *out) {
    if (s->query->depth == QUERY_DEPTH_MAX) {
        return query_parse_error(s->query, "queries are nested more than %u deep", QUERY_DEPTH_MAX);
    }
    s->query->depth++;
    int32_t code = compile_list(s, targets, out);
    s->query->depth--;
    if (!code && !take_token(s, TOKEN_CLOSE) && !s->simple) {
        return syntax_error(s, "a bracket is not closed");
    }
    return code;
}

/* What stands where a value does, once its field is known. */
static int32_t compile_value(struct string_query *s, const struct query_targets *targets,
                             struct query_clause *out) {
    uint64_t len = 0;
    struct value value;
    if (peek(s, &len) == TOKEN_OPEN) {
        s->at += len;
        return compile_group(s, targets, out);
    }
    char c = peek_char(s, 0);
    if (!s->simple && (c == '[' || c == '{')) {
        return read_interval(s, targets, out);
    }
    if (!s->simple && (c == '>' || c == '<')) {
        return read_comparison(s, targets, out);
    }
    uint64_t before = s->at;
    int32_t code = read_value(s, &value);
    if (!code && s->at == before) {
        if (!s->simple) {
            return syntax_error(s, "a word, a \"phrase\" or a bracket is missing");
        }
        *out = (struct query_clause){0};
        return BERTH_OK;
    }
    return code ? code : value_in_targets(s, targets, &value, out);
}

/* "field:" before a value; _exists_ asks for the field that the value names. */
static int32_t compile_in_field(struct string_query *s, struct berth_str name,
                                struct query_clause *out) {
    struct query_targets one = {.count = 1, .list = {{.boost = 1}}};
    struct value value;
    if (base_str_is(name, "_exists_")) {
        int32_t code = read_value(s, &value);
        return code ? code : query_has(s->query, value.text, out);
    }
    if (base_str_is(name, "*")) {
        one.list[0].field.kind = QUERY_FIELD_ANY;
        return compile_value(s, &one, out);
    }
    int32_t code = query_find_field(s->query, name, &one.list[0].field);
    return code ? code : compile_value(s, &one, out);
}

static int32_t compile_one(struct string_query *s, const struct query_targets *targets,
                           struct query_clause *out) {
    uint64_t start = s->at;
    struct value name;
    int32_t code = BERTH_OK;
    uint64_t len = 0;
    if (!s->simple && peek(s, &len) == TOKEN_WORD && peek_char(s, 0) != '"') {
        start = s->at;
        code = read_word(s, &name);
        if (!code && name.text.len && peek_char(s, 0) == ':') {
            s->at++;
            skip_blanks(s);
            code = compile_in_field(s, name.text, out);
            return code ? code : read_boost(s, out);
        }
        s->at = start;
    }
    code = code ? code : compile_value(s, targets, out);
    return code ? code : read_boost(s, out);
}

/* What comes before an item: how it is joined to the one before, and what it is itself. */
struct prefix {
    enum token_kind joint; /* TOKEN_AND, TOKEN_OR, or TOKEN_END for none */
    enum token_kind sign;  /* TOKEN_NOT, TOKEN_MUST, or TOKEN_END for none */
};

static struct prefix read_prefix(struct string_query *s, bool first) {
    struct prefix prefix = {TOKEN_END, TOKEN_END};
    if (!first || s->simple) {
        while (take_token(s, TOKEN_AND) || take_token(s, TOKEN_OR)) {
            prefix.joint = s->text.ptr[s->at - 1] == '|' || s->text.ptr[s->at - 1] == 'R'
                               ? TOKEN_OR
                               : TOKEN_AND;
            if (!s->simple) {
                break;
            }
        }
    }
    for (;;) {
        if (take_token(s, TOKEN_NOT)) {
            prefix.sign = TOKEN_NOT;
        } else if (take_token(s, TOKEN_MUST)) {
            prefix.sign = TOKEN_MUST;
        } else {
            return prefix;
        }
    }
}

struct item {
    struct query_clause clause;
    enum query_occur occur;
};

static enum query_occur occur_of(const struct string_query *s, const struct prefix *prefix) {
    bool required = s->all ? prefix->joint != TOKEN_OR
                           : prefix->sign == TOKEN_MUST || prefix->joint == TOKEN_AND;
    return prefix->sign == TOKEN_NOT ? QUERY_MUST_NOT : required ? QUERY_MUST : QUERY_SHOULD;
}

static int32_t compile_list(struct string_query *s, const struct query_targets *targets,
                            struct query_clause *out) {
    struct query_parts parts = {0};
    struct item last = {0};
    uint64_t len = 0;
    int32_t code = BERTH_OK;
    do {
        struct item item;
        struct prefix prefix = read_prefix(s, !last.clause.condition.ptr);
        code = compile_one(s, targets, &item.clause);
        if (code || !item.clause.condition.ptr) {
            continue;
        }
        item.occur = occur_of(s, &prefix);
        if (last.clause.condition.ptr) {
            if (last.occur != QUERY_MUST_NOT && prefix.joint != TOKEN_END) {
                bool required = prefix.joint == TOKEN_AND;
                last.occur = required ? QUERY_MUST : s->all ? QUERY_SHOULD : last.occur;
            }
            code = query_add(s->query, &parts, last.occur, last.clause);
        }
        last = item;
    } while (!code && peek(s, &len) != TOKEN_END && peek(s, &len) != TOKEN_CLOSE);
    *out = last.clause;
    if (code || (parts.count == 0 && last.occur != QUERY_MUST_NOT)) {
        return code;
    }
    code = query_add(s->query, &parts, last.occur, last.clause);
    return code ? code : query_join(s->query, &parts, query_minimum_default(&parts), out);
}

/* The whole text; what the simple form cannot read parts it into several. */
static int32_t compile_lists(struct string_query *s, const struct query_targets *targets,
                             struct query_clause *out) {
    struct query_parts parts = {0};
    uint64_t len = 0;
    int32_t code = BERTH_OK;
    while (!code && peek(s, &len) != TOKEN_END) {
        struct query_clause clause;
        code = compile_list(s, targets, &clause);
        if (!code && clause.condition.ptr) {
            code = query_add(s->query, &parts, s->all ? QUERY_MUST : QUERY_SHOULD, clause);
        }
        if (!code && take_token(s, TOKEN_CLOSE) && !s->simple) {
            return syntax_error(s, "a bracket is closed that was not opened");
        }
    }
    *out = query_nothing;
    return code || parts.count == 0
               ? code
               : query_join(s->query, &parts, query_minimum_default(&parts), out);
}

static int32_t compile_string(struct string_query *s, struct json_value body,
                              struct query_clause *out) {
    struct query_targets targets;
    struct json_value fields = json_get(body, "fields");
    struct json_value operator= json_get(body, "default_operator");
    struct berth_str text = BERTH_STR("or");
    fields = json_present(fields) ? fields : json_get(body, "default_field");
    int32_t code = query_scalar(s->query, s->name, json_get(body, "query"), &s->text);
    code = code ? code : query_read_targets(s->query, s->name, fields, &targets);
    if (!code && json_present(operator)) {
        code = query_scalar(s->query, "default_operator", operator, & text);
    }
    if (!code && !base_str_eq_nocase(text, BERTH_STR("or")) &&
        !base_str_eq_nocase(text, BERTH_STR("and"))) {
        code = query_parse_error(
            s->query, "[default_operator] is [or] or [and], not [" BASE_FMT "]", BASE_ARG(text));
    }
    s->all = base_str_eq_nocase(text, BERTH_STR("and"));
    code = code ? code : compile_lists(s, &targets, out);
    return code ? code : query_boost(s->query, json_get(body, "boost"), out);
}

int32_t query_of_query_string(struct query *query, struct json_value body,
                              struct query_clause *out) {
    static const char *const known[] = {
        "query", "fields", "default_field",          "default_operator", "analyze_wildcard",
        "boost", "_name",  "allow_leading_wildcard", "time_zone",        NULL};
    struct string_query s = {.query = query, .name = "query_string"};
    int32_t code = query_check_names(query, s.name, body, known);
    return code ? code : compile_string(&s, body, out);
}

int32_t query_of_simple_query_string(struct query *query, struct json_value body,
                                     struct query_clause *out) {
    static const char *const known[] = {
        "query", "fields", "default_operator", "analyze_wildcard", "boost", "_name", "flags", NULL};
    struct string_query s = {.query = query, .name = "simple_query_string", .simple = true};
    int32_t code = query_check_names(query, s.name, body, known);
    return code ? code : compile_string(&s, body, out);
}
