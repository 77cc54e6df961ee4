/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading filters: or, and, not, and what they join.
 */
#include "plugin/ml_remote/json_path_internal.h"

static const struct {
    const char *text;
    enum ml_operator op;
} operators[] = {
    {"==", ML_EQ}, {"!=", ML_NE}, {"<=", ML_LE}, {">=", ML_GE}, {"<", ML_LT}, {">", ML_GT},
};

#define OPERATORS "one of == != < <= > >="

static int32_t read_or(struct ml_path_reader *r, const struct ml_test **out_test);

static bool at_text(const struct ml_path_reader *r, const char *text) {
    return base_str_starts(base_str_from(r->text, r->at), base_cstr(text));
}

static int32_t make(struct ml_path_reader *r, struct ml_test test, const struct ml_test **out) {
    struct ml_test *made = base_arena_alloc(r->arena, sizeof *made);
    if (!made) {
        return base_error_memory(r->error);
    }
    *made = test;
    *out = made;
    return BERTH_OK;
}

/* ---- operands ---- */

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int32_t read_word(struct ml_path_reader *r, struct ml_operand *out) {
    static const struct {
        const char *text;
        enum json_type type;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};
    uint64_t end = r->at;
    while (end < r->text.len && is_word(r->text.ptr[end])) {
        end++;
    }
    for (size_t i = 0; i < BASE_COUNT(words); i++) {
        if (base_str_is(base_str_slice(r->text, r->at, end), words[i].text)) {
            r->at = end;
            out->type = words[i].type;
            return BERTH_OK;
        }
    }
    return ml_path_expected(r, "a path from @ or $, text in quotes, a number, true, false or null");
}

static int32_t read_number(struct ml_path_reader *r, struct ml_operand *out) {
    uint64_t start = r->at;
    while (r->at < r->text.len && strchr("+-.eE0123456789", r->text.ptr[r->at])) {
        r->at++;
    }
    out->type = JSON_NUMBER;
    out->text = base_str_slice(r->text, start, r->at);
    if (!json_check(out->text, 0, NULL)) {
        r->at = start;
        return ml_path_expected(r, "a number as JSON has it");
    }
    return BERTH_OK;
}

static int32_t read_operand(struct ml_path_reader *r, struct ml_operand *out) {
    ml_path_skip_space(r);
    char c = ml_path_peek(r);
    *out = (struct ml_operand){0};
    if (c == '@' || c == '$') {
        struct ml_path *path = base_arena_alloc(r->arena, sizeof *path);
        out->path = path;
        return path ? ml_path_read(r, true, path) : base_error_memory(r->error);
    }
    if (c == '\'' || c == '"') {
        out->type = JSON_STRING;
        return ml_path_read_quoted(r, &out->text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_number(r, out);
    }
    return read_word(r, out);
}

/* ---- comparisons ---- */

static int32_t read_operator(struct ml_path_reader *r, enum ml_operator *out_op) {
    if (at_text(r, "===") || at_text(r, "!==")) {
        return ml_path_expected(r, OPERATORS);
    }
    for (size_t i = 0; i < BASE_COUNT(operators); i++) {
        if (at_text(r, operators[i].text)) {
            r->at += strlen(operators[i].text);
            *out_op = operators[i].op;
            return BERTH_OK;
        }
    }
    return ml_path_expected(r, OPERATORS);
}

static bool names_one_value(const struct ml_operand *operand) {
    const struct ml_path *path = operand->path;
    return !path || path->count == 0 || (path->definite && path->steps[path->count - 1].count == 1);
}

static bool is_closed(const struct ml_path_reader *r) {
    return r->at == r->text.len || strchr(")&|", r->text.ptr[r->at]) != NULL;
}

static int32_t read_comparison(struct ml_path_reader *r, const struct ml_test **out_test) {
    struct ml_test test = {.kind = ML_TEST_COMPARE};
    ml_path_skip_space(r);
    uint64_t start = r->at;
    int32_t code = read_operand(r, &test.a);
    if (code) {
        return code;
    }
    ml_path_skip_space(r);
    if (test.a.path && is_closed(r)) {
        test.kind = ML_TEST_EXISTS;
        return make(r, test, out_test);
    }
    if ((code = read_operator(r, &test.op)) || (code = read_operand(r, &test.b))) {
        return code;
    }
    if (!names_one_value(&test.a) || !names_one_value(&test.b)) {
        r->at = start;
        return ml_path_refuse(r, "a path that can name several values cannot be compared, only "
                                 "tested for being there");
    }
    return make(r, test, out_test);
}

/* ---- not, and, or ---- */

static int32_t read_unary(struct ml_path_reader *r, const struct ml_test **out_test) {
    int32_t code = BERTH_OK;
    ml_path_skip_space(r);
    if (ml_path_peek(r) != '!' && ml_path_peek(r) != '(') {
        return read_comparison(r, out_test);
    }
    if (++r->depth > ML_PATH_NESTING_MAX) {
        return ml_path_refuse(r, "nested too deeply");
    }
    if (ml_path_take(r, '!')) {
        struct ml_test not = {.kind = ML_TEST_NOT};
        code = read_unary(r, &not.left);
        if (!code && not.left->kind == ML_TEST_COMPARE && r->text.ptr[r->at - 1] != ')') {
            code = ml_path_refuse(r, "what ! negates is a path, or stands in parentheses");
        }
        code = code ? code : make(r, not, out_test);
    } else {
        code = ml_path_read_filter(r, out_test);
    }
    r->depth--;
    return code;
}

static int32_t read_chain(struct ml_path_reader *r, enum ml_test_kind kind, const char *text,
                          int32_t (*read)(struct ml_path_reader *, const struct ml_test **),
                          const struct ml_test **out_test) {
    int32_t code = read(r, out_test);
    for (;;) {
        ml_path_skip_space(r);
        if (code || !at_text(r, text)) {
            return code;
        }
        r->at += strlen(text);
        struct ml_test join = {.kind = kind, .left = *out_test};
        code = read(r, &join.right);
        code = code ? code : make(r, join, out_test);
    }
}

static int32_t read_and(struct ml_path_reader *r, const struct ml_test **out_test) {
    return read_chain(r, ML_TEST_AND, "&&", read_unary, out_test);
}

static int32_t read_or(struct ml_path_reader *r, const struct ml_test **out_test) {
    return read_chain(r, ML_TEST_OR, "||", read_and, out_test);
}

int32_t ml_path_read_filter(struct ml_path_reader *r, const struct ml_test **out_test) {
    if (!ml_path_take(r, '(')) {
        return ml_path_expected(r, "(");
    }
    if (++r->depth > ML_PATH_NESTING_MAX) {
        return ml_path_refuse(r, "nested too deeply");
    }
    int32_t code = read_or(r, out_test);
    r->depth--;
    if (code) {
        return code;
    }
    return ml_path_take(r, ')') ? BERTH_OK : ml_path_expected(r, "), && or ||");
}
