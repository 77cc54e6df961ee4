/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading paths; their filters are read in json_path_filter.c, evaluation is in
 * json_path_select.c.
 */
#include "plugin/ml_remote/json_path_internal.h"

#include <stdio.h>

#define EXCERPT_MAX 200u

/* ---- the reader ---- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void ml_path_skip_space(struct ml_path_reader *r) {
    while (is_space(ml_path_peek(r))) {
        r->at++;
    }
}

bool ml_path_take(struct ml_path_reader *r, char c) {
    if (r->at < r->text.len && r->text.ptr[r->at] == c) {
        r->at++;
        return true;
    }
    return false;
}

static int excerpt_length(const struct ml_path_reader *r) {
    return (int)(r->text.len < EXCERPT_MAX ? r->text.len : EXCERPT_MAX);
}

int32_t ml_path_refuse(const struct ml_path_reader *r, const char *reason) {
    return base_error(r->error, BERTH_E_INVALID, "JSONPath, character %llu: %s, in [%.*s]",
                      (unsigned long long)r->at + 1, reason, excerpt_length(r), r->text.ptr);
}

int32_t ml_path_expected(const struct ml_path_reader *r, const char *expected) {
    char found[32] = "the end";
    unsigned char c = (unsigned char)ml_path_peek(r);
    if (r->at < r->text.len) {
        (void)snprintf(found, sizeof found, c > ' ' && c < 0x7f ? "'%c'" : "byte %u", c);
    }
    return base_error(
        r->error, BERTH_E_INVALID, "JSONPath, character %llu: expected %s, found %s, in [%.*s]",
        (unsigned long long)r->at + 1, expected, found, excerpt_length(r), r->text.ptr);
}

/* ---- names ---- */

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* r stands behind a backslash; what follows must be something that json_unescape can take. */
static int32_t skip_escape(struct ml_path_reader *r) {
    if (ml_path_take(r, 'u')) {
        for (int i = 0; i < 4; i++, r->at++) {
            if (!is_hex(ml_path_peek(r))) {
                return ml_path_expected(r, "four hexadecimal digits behind \\u");
            }
        }
    } else if (r->at < r->text.len) {
        r->at++;
    }
    return BERTH_OK;
}

int32_t ml_path_read_quoted(struct ml_path_reader *r, struct berth_str *out_text) {
    char quote = r->text.ptr[r->at++];
    uint64_t start = r->at;
    bool escaped = false;
    while (r->at < r->text.len && r->text.ptr[r->at] != quote) {
        if (r->text.ptr[r->at++] == '\\') {
            escaped = true;
            int32_t code = skip_escape(r);
            if (code) {
                return code;
            }
        }
    }
    struct berth_str inner = base_str_slice(r->text, start, r->at);
    if (!ml_path_take(r, quote)) {
        return ml_path_expected(r, quote == '"' ? "a closing double quote" : "a closing quote");
    }
    if (!escaped) {
        *out_text = inner;
        return BERTH_OK;
    }
    BASE_BUF_AUTO plain;
    base_buf_init(&plain, ML_PATH_TEXT_MAX);
    json_unescape(&plain, inner);
    struct berth_str copy = base_arena_dup(r->arena, base_buf_view(&plain));
    if (plain.error || !copy.ptr) {
        return base_error_memory(r->error);
    }
    *out_text = copy;
    return BERTH_OK;
}

static bool ends_name(char c, bool in_filter) {
    return c == '.' || c == '[' || c == '(' || is_space(c) ||
           (in_filter && strchr(")],<>=!~&|", c) != NULL);
}

static int32_t set_names(struct ml_path_reader *r, struct ml_path_step *step,
                         const struct berth_str *names, uint32_t count) {
    struct berth_str *copy = base_arena_array(r->arena, count, sizeof *copy);
    if (!copy) {
        return base_error_memory(r->error);
    }
    memcpy(copy, names, count * sizeof *copy);
    step->kind = ML_STEP_NAMES;
    step->names = copy;
    step->count = count;
    return BERTH_OK;
}

static int32_t refuse_function(const struct ml_path_reader *r, struct berth_str name) {
    char reason[160];
    (void)snprintf(reason, sizeof reason,
                   "the function %.*s() is not supported; names, indices, slices, *, .. and "
                   "filters are",
                   (int)(name.len < 40 ? name.len : 40), name.ptr);
    return ml_path_refuse(r, reason);
}

/* A name behind a dot. */
static int32_t read_name(struct ml_path_reader *r, bool in_filter, struct ml_path_step *step) {
    uint64_t start = r->at;
    while (r->at < r->text.len && !ends_name(r->text.ptr[r->at], in_filter)) {
        r->at++;
    }
    struct berth_str name = base_str_slice(r->text, start, r->at);
    if (name.len == 0) {
        return ml_path_expected(r, "a name, * or [");
    }
    if (ml_path_peek(r) == '(') {
        r->at = start;
        return refuse_function(r, name);
    }
    if (!in_filter && is_space(ml_path_peek(r))) {
        return ml_path_refuse(r, "a name with a space needs brackets and quotes: ['a name']");
    }
    return set_names(r, step, &name, 1);
}

/* 'a','b'] */
static int32_t read_quoted_names(struct ml_path_reader *r, struct ml_path_step *step) {
    struct berth_str names[ML_PATH_LIST_MAX];
    uint32_t count = 0;
    do {
        ml_path_skip_space(r);
        if (count == ML_PATH_LIST_MAX) {
            return ml_path_refuse(r, "too many names between brackets");
        }
        if (ml_path_peek(r) != '\'' && ml_path_peek(r) != '"') {
            return ml_path_expected(r, "a name in quotes");
        }
        int32_t code = ml_path_read_quoted(r, &names[count++]);
        if (code) {
            return code;
        }
        ml_path_skip_space(r);
    } while (ml_path_take(r, ','));
    return set_names(r, step, names, count);
}

/* ---- indices and slices ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int32_t read_index(struct ml_path_reader *r, int32_t *out_index) {
    uint64_t start = r->at;
    int64_t value = 0;
    (void)ml_path_take(r, '-');
    if (!is_digit(ml_path_peek(r))) {
        return ml_path_expected(r, "a whole number");
    }
    while (is_digit(ml_path_peek(r))) {
        r->at++;
    }
    if (!base_str_i64(base_str_slice(r->text, start, r->at), &value) || value < INT32_MIN ||
        value > INT32_MAX) {
        r->at = start;
        return ml_path_expected(r, "a number of at most 32 bits");
    }
    *out_index = (int32_t)value;
    return BERTH_OK;
}

static int32_t set_indexes(struct ml_path_reader *r, struct ml_path_step *step,
                           enum ml_step_kind kind, const int32_t *indexes, uint32_t count) {
    int32_t *copy = base_arena_array(r->arena, count, sizeof *copy);
    if (!copy) {
        return base_error_memory(r->error);
    }
    memcpy(copy, indexes, count * sizeof *copy);
    step->kind = kind;
    step->indexes = copy;
    step->count = count;
    return BERTH_OK;
}

/* The parts between colons; each may be left out, and the third is read and has no effect. */
static int32_t read_slice(struct ml_path_reader *r, struct ml_path_step *step) {
    int32_t parts[3] = {0};
    bool has[3] = {false};
    uint32_t i = 0;
    do {
        ml_path_skip_space(r);
        if (is_digit(ml_path_peek(r)) || ml_path_peek(r) == '-') {
            int32_t code = read_index(r, &parts[i]);
            if (code) {
                return code;
            }
            has[i] = true;
        }
        ml_path_skip_space(r);
    } while (++i < BASE_COUNT(parts) && ml_path_take(r, ':'));
    if (!has[0] && !has[1]) {
        return ml_path_expected(r, "a slice with a start or an end, as in [1:] or [:3]");
    }
    step->has_from = has[0];
    step->has_to = has[1];
    return set_indexes(r, step, ML_STEP_SLICE, parts, 2);
}

/* 0,2,-1 */
static int32_t read_indexes(struct ml_path_reader *r, struct ml_path_step *step) {
    int32_t indexes[ML_PATH_LIST_MAX];
    uint32_t count = 0;
    do {
        ml_path_skip_space(r);
        if (count == ML_PATH_LIST_MAX) {
            return ml_path_refuse(r, "too many indices between brackets");
        }
        int32_t code = read_index(r, &indexes[count++]);
        if (code) {
            return code;
        }
        ml_path_skip_space(r);
    } while (ml_path_take(r, ','));
    return set_indexes(r, step, ML_STEP_INDEXES, indexes, count);
}

/* A colon before the bracket is closed tells slices from indices. */
static int32_t read_places(struct ml_path_reader *r, struct ml_path_step *step) {
    struct berth_str rest = base_str_from(r->text, r->at);
    return base_str_find(rest, ':') < base_str_find(rest, ']') ? read_slice(r, step)
                                                               : read_indexes(r, step);
}

/* ---- steps ---- */

static int32_t read_bracket(struct ml_path_reader *r, struct ml_path_step *step) {
    int32_t code = BERTH_OK;
    r->at++;
    ml_path_skip_space(r);
    char c = ml_path_peek(r);
    if (c == '\'' || c == '"') {
        code = read_quoted_names(r, step);
    } else if (is_digit(c) || c == '-' || c == ':') {
        code = read_places(r, step);
    } else if (ml_path_take(r, '*')) {
        step->kind = ML_STEP_ALL;
    } else if (ml_path_take(r, '?')) {
        step->kind = ML_STEP_FILTER;
        ml_path_skip_space(r);
        code = ml_path_read_filter(r, &step->filter);
    } else {
        return ml_path_expected(r, "a name in quotes, an index, a slice, * or ?(a filter)");
    }
    if (code) {
        return code;
    }
    ml_path_skip_space(r);
    return ml_path_take(r, ']') ? BERTH_OK : ml_path_expected(r, "]");
}

static int32_t read_step(struct ml_path_reader *r, bool in_filter, struct ml_path_step *step) {
    if (ml_path_peek(r) == '[') {
        return read_bracket(r, step);
    }
    if (!ml_path_take(r, '.')) {
        return ml_path_expected(r, ". or [");
    }
    step->deep = ml_path_take(r, '.');
    if (ml_path_peek(r) == '[') {
        return read_bracket(r, step);
    }
    if (ml_path_take(r, '*')) {
        step->kind = ML_STEP_ALL;
        return BERTH_OK;
    }
    return read_name(r, in_filter, step);
}

static bool is_definite(const struct ml_path_step *step) {
    return !step->deep && ((step->kind == ML_STEP_NAMES && (step->count == 1 || step->last)) ||
                           (step->kind == ML_STEP_INDEXES && step->count == 1));
}

int32_t ml_path_read(struct ml_path_reader *r, bool in_filter, struct ml_path *out_path) {
    struct ml_path_step steps[ML_PATH_STEPS_MAX];
    struct ml_path path = {.definite = true, .relative = ml_path_peek(r) == '@'};
    r->at++;
    while (r->at < r->text.len && (!in_filter || strchr(".[", r->text.ptr[r->at]))) {
        if (path.count == ML_PATH_STEPS_MAX) {
            return ml_path_refuse(r, "too many steps");
        }
        struct ml_path_step *step = &steps[path.count++];
        *step = (struct ml_path_step){0};
        int32_t code = read_step(r, in_filter, step);
        if (code) {
            return code;
        }
    }
    for (uint32_t i = 0; i < path.count; i++) {
        steps[i].last = i + 1 == path.count;
        steps[i].settled = path.definite && !steps[i].deep;
        path.definite = path.definite && is_definite(&steps[i]);
    }
    struct ml_path_step *copy = base_arena_array(r->arena, path.count + 1u, sizeof *copy);
    if (!copy) {
        return base_error_memory(r->error);
    }
    memcpy(copy, steps, path.count * sizeof *copy);
    path.steps = copy;
    *out_path = path;
    return BERTH_OK;
}

int32_t ml_path_compile(struct berth_str text, struct base_arena *arena, struct ml_path *out_path,
                        struct berth_error *error) {
    text = base_str_trim(text);
    if (text.len == 0 || text.len > ML_PATH_TEXT_MAX) {
        return base_error(error, BERTH_E_INVALID, "a JSONPath has 1 to %u bytes, this one has %llu",
                          ML_PATH_TEXT_MAX, (unsigned long long)text.len);
    }
    bool bare = text.ptr[0] != '$' && text.ptr[0] != '@';
    BASE_BUF_AUTO whole;
    base_buf_init(&whole, ML_PATH_TEXT_MAX + 2);
    if (bare) {
        base_buf_cstr(&whole, text.ptr[0] == '[' ? "$" : "$.");
    }
    base_buf_str(&whole, text);
    struct ml_path_reader r = {.arena = arena, .error = error};
    r.text = base_arena_dup(arena, base_buf_view(&whole));
    if (whole.error || !r.text.ptr) {
        return base_error_memory(error);
    }
    return ml_path_read(&r, false, out_path);
}

bool ml_path_is_definite(const struct ml_path *path) {
    return path->definite;
}
