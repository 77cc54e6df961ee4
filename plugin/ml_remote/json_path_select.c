/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluating paths. Recursion goes from step to step of the path, never with the document.
 */
#include "plugin/ml_remote/json_compare.h"
#include "plugin/ml_remote/json_path_internal.h"

/* One evaluation of one path. The functions that walk return false when it is at an end. */
struct walk {
    const struct ml_path *path;
    struct json_value root;
    ml_path_fn fn;
    void *user;
    struct ml_budget *budget;
    int32_t code;
    bool found;
};

static bool go(struct walk *w, uint32_t i, struct json_value value);

static bool spend(struct walk *w, uint64_t work) {
    if (!ml_budget_spend(w->budget, work)) {
        w->code = w->budget->error;
        return false;
    }
    return true;
}

/* What the step needs is not there: where all before is definite, the path is not found. */
static bool lacks(struct walk *w, const struct ml_path_step *step) {
    if (step->settled) {
        w->code = BERTH_E_NOT_FOUND;
    }
    return !step->settled;
}

static bool report(struct walk *w, struct ml_path_match match) {
    w->found = true;
    w->code = w->fn(&match, w->user);
    return w->code == BERTH_OK;
}

/* ---- members and elements ---- */

/* As json_get_str; each key that is looked at is paid for. */
static struct json_value member(struct walk *w, struct json_value object, struct berth_str name) {
    for (struct json_value key = json_first(object); json_present(key);) {
        struct json_value value = json_next(object, key);
        if (!spend(w, 1)) {
            break;
        }
        if (json_string_is(key, name)) {
            return value;
        }
        key = json_next(object, value);
    }
    return JSON_NONE;
}

static bool go_names(struct walk *w, uint32_t i, struct json_value value) {
    const struct ml_path_step *step = &w->path->steps[i];
    if (!json_is(value, JSON_OBJECT)) {
        return lacks(w, step);
    }
    if (step->count > 1 && step->last) {
        return spend(w, json_count(value) * step->count) &&
               report(w, (struct ml_path_match){value, step->names, step->count});
    }
    for (uint32_t n = 0; n < step->count; n++) {
        struct json_value found = member(w, value, step->names[n]);
        if (w->code) {
            return false;
        }
        if (json_present(found)) {
            if (!go(w, i + 1, found)) {
                return false;
            }
        } else if (step->count == 1 && !step->last) {
            return lacks(w, step);
        }
    }
    return true;
}

/* The elements from one place up to another. */
static bool go_between(struct walk *w, uint32_t i, struct json_value array, int64_t from,
                       int64_t to) {
    int64_t place = 0;
    for (struct json_value v = json_first(array); json_present(v) && place < to;
         v = json_next(array, v)) {
        if (!spend(w, 1) || (place >= from && !go(w, i + 1, v))) {
            return false;
        }
        place++;
    }
    return true;
}

static bool go_indexes(struct walk *w, uint32_t i, struct json_value array) {
    const struct ml_path_step *step = &w->path->steps[i];
    for (uint32_t n = 0; n < step->count; n++) {
        int64_t index = step->indexes[n];
        if (index < 0) {
            int64_t count = (int64_t)json_count(array);
            if (!spend(w, (uint64_t)count)) {
                return false;
            }
            index += count;
        }
        if (index >= 0 && !go_between(w, i, array, index, index + 1)) {
            return false;
        }
    }
    return true;
}

static bool go_slice(struct walk *w, uint32_t i, struct json_value array) {
    const struct ml_path_step *step = &w->path->steps[i];
    int64_t count = (int64_t)json_count(array);
    int64_t from = step->has_from ? step->indexes[0] : 0;
    int64_t to = step->has_to ? step->indexes[1] : count;
    if (!spend(w, (uint64_t)count)) {
        return false;
    }
    if (!step->has_to) {
        return go_between(w, i, array, from < 0 ? count + from : from, count);
    }
    if (!step->has_from) {
        return go_between(w, i, array, 0, to < 0 ? count + to : to);
    }
    /* With both ends given, each number on the way from one to the other is an index. */
    if (from < 0) {
        int64_t end = to < 0 ? to : 0;
        if (!go_between(w, i, array, count + from, count + end)) {
            return false;
        }
        from = 0;
    }
    return go_between(w, i, array, from, to);
}

static bool go_all(struct walk *w, uint32_t i, struct json_value value) {
    bool object = json_is(value, JSON_OBJECT);
    for (struct json_value v = json_first(value); json_present(v); v = json_next(value, v)) {
        if (object) {
            v = json_next(value, v);
        }
        if (!go(w, i + 1, v)) {
            return false;
        }
    }
    return true;
}

/* ---- filters ---- */

/* A side of a comparison; absent, where a path finds nothing. */
struct datum {
    enum json_type type;
    struct berth_str text; /* of strings and numbers */
    struct json_value value;
};

static int32_t keep_first(const struct ml_path_match *match, void *user) {
    *(struct json_value *)user = match->value;
    return BERTH_OK;
}

/* Evaluates a path of a filter; whether it came to its end with a match. */
static bool finds(struct walk *w, const struct ml_path *path, struct json_value item, ml_path_fn fn,
                  void *user) {
    struct walk inner = {
        .path = path, .root = w->root, .fn = fn, .user = user, .budget = w->budget};
    (void)go(&inner, 0, path->relative ? item : w->root);
    if (w->budget->error) {
        w->code = w->budget->error;
        return false;
    }
    return inner.found;
}

/* A match is enough; of several names all must be there. */
static int32_t check_match(const struct ml_path_match *match, void *user) {
    bool *exists = user;
    *exists = true;
    for (uint32_t i = 0; i < match->name_count; i++) {
        *exists = *exists && json_present(json_get_str(match->value, match->names[i]));
    }
    return *exists ? BERTH_E_EXISTS : BERTH_OK;
}

static bool exists(struct walk *w, const struct ml_path *path, struct json_value item) {
    bool result = false;
    return finds(w, path, item, check_match, &result) && result;
}

static struct datum resolve(struct walk *w, const struct ml_operand *operand,
                            struct json_value item) {
    struct datum datum = {.type = operand->type, .text = operand->text};
    if (operand->path) {
        (void)finds(w, operand->path, item, keep_first, &datum.value);
        datum.type = json_type(datum.value);
        if (datum.type == JSON_NUMBER) {
            datum.text = json_raw(datum.value);
        } else if (datum.type == JSON_STRING &&
                   !ml_budget_text(w->budget, datum.value, &datum.text)) {
            w->code = w->budget->error;
        }
    }
    return datum;
}

static bool is_number(struct berth_str text) {
    return text.len && (text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9')) &&
           json_check(text, 0, NULL);
}

static int compare_numbers(struct berth_str a, struct berth_str b) {
    struct ml_decimal left = ml_decimal_read(a);
    struct ml_decimal right = ml_decimal_read(b);
    return ml_decimal_compare(&left, &right);
}

static bool is_equal(struct walk *w, const struct datum *a, const struct datum *b) {
    if (a->type == JSON_NUMBER &&
        (b->type == JSON_NUMBER || (b->type == JSON_STRING && is_number(b->text)))) {
        return compare_numbers(a->text, b->text) == 0;
    }
    if (a->type == JSON_STRING && (b->type == JSON_STRING || b->type == JSON_NUMBER)) {
        return base_str_eq(a->text, b->text);
    }
    if (a->type == JSON_ARRAY || a->type == JSON_OBJECT) {
        return ml_json_equal(w->budget, a->value, b->value);
    }
    return a->type == b->type && a->type != JSON_ABSENT;
}

static bool is_ordered(const struct datum *datum) {
    return datum->type == JSON_NUMBER || datum->type == JSON_STRING;
}

static bool compare(struct walk *w, const struct ml_test *test, struct json_value item) {
    struct datum a = resolve(w, &test->a, item);
    struct datum b = resolve(w, &test->b, item);
    bool result = false;
    if (w->code) {
        return false;
    }
    if (test->op == ML_EQ || test->op == ML_NE) {
        result = is_equal(w, &a, &b) == (test->op == ML_EQ);
    } else if (is_ordered(&a) && is_ordered(&b)) {
        int order = a.type == JSON_NUMBER && b.type == JSON_NUMBER ? compare_numbers(a.text, b.text)
                                                                   : base_str_cmp(a.text, b.text);
        result = (order < 0 && (test->op == ML_LT || test->op == ML_LE)) ||
                 (order > 0 && (test->op == ML_GT || test->op == ML_GE)) ||
                 (order == 0 && (test->op == ML_LE || test->op == ML_GE));
    }
    base_arena_reset(&w->budget->scratch);
    w->code = w->budget->error;
    return result;
}

static bool holds(struct walk *w, const struct ml_test *test, struct json_value item) {
    if (!spend(w, 1)) {
        return false;
    }
    switch (test->kind) {
    case ML_TEST_OR:
        return holds(w, test->left, item) || (!w->code && holds(w, test->right, item));
    case ML_TEST_AND:
        return holds(w, test->left, item) && holds(w, test->right, item);
    case ML_TEST_NOT:
        return !holds(w, test->left, item);
    case ML_TEST_EXISTS:
        return exists(w, test->a.path, item);
    case ML_TEST_COMPARE:
        return compare(w, test, item);
    }
    return false;
}

static bool go_filter(struct walk *w, uint32_t i, struct json_value value) {
    const struct ml_test *filter = w->path->steps[i].filter;
    if (json_is(value, JSON_OBJECT)) {
        bool passes = holds(w, filter, value);
        return !w->code && (!passes || go(w, i + 1, value));
    }
    for (struct json_value v = json_first(value); json_present(v); v = json_next(value, v)) {
        bool passes = holds(w, filter, v);
        if (w->code || (passes && !go(w, i + 1, v))) {
            return false;
        }
    }
    return true;
}

/* ---- steps ---- */

static bool apply(struct walk *w, uint32_t i, struct json_value value) {
    const struct ml_path_step *step = &w->path->steps[i];
    bool array = json_is(value, JSON_ARRAY);
    switch (step->kind) {
    case ML_STEP_NAMES:
        return go_names(w, i, value);
    case ML_STEP_INDEXES:
        return array ? go_indexes(w, i, value) : lacks(w, step);
    case ML_STEP_SLICE:
        return array ? go_slice(w, i, value) : lacks(w, step);
    case ML_STEP_ALL:
        return go_all(w, i, value);
    case ML_STEP_FILTER:
        return array || json_is(value, JSON_OBJECT) ? go_filter(w, i, value) : lacks(w, step);
    }
    return false;
}

static bool has_all(struct walk *w, const struct ml_path_step *step, struct json_value object) {
    for (uint32_t n = 0; n < step->count; n++) {
        if (!json_present(member(w, object, step->names[n]))) {
            return false;
        }
    }
    return true;
}

/* Whether a container that ".." comes by is one for the step. */
static bool accepts(struct walk *w, const struct ml_path_step *step, struct json_value value) {
    switch (step->kind) {
    case ML_STEP_NAMES:
        return json_is(value, JSON_OBJECT) &&
               (step->count == 1 || !step->last || has_all(w, step, value));
    case ML_STEP_FILTER:
        return holds(w, step->filter, value);
    case ML_STEP_ALL:
        return true;
    default:
        return json_is(value, JSON_ARRAY);
    }
}

/* Nodes stand in the document's order, each before what it contains, so none need be visited. */
static bool scan(struct walk *w, uint32_t i, struct json_value value) {
    const struct ml_path_step *step = &w->path->steps[i];
    uint32_t end = value.doc->nodes[value.at].next;
    if (!spend(w, end - value.at)) {
        return false;
    }
    for (struct json_value v = value; v.at < end; v.at++) {
        bool array = json_is(v, JSON_ARRAY);
        if (!array && !json_is(v, JSON_OBJECT)) {
            continue;
        }
        bool accepted = accepts(w, step, v);
        if (w->code) {
            return false;
        }
        /* In an array, all elements go on to the next step: so it is in Jayway's. */
        if (accepted && !(array && !step->last ? go_all(w, i, v) : apply(w, i, v))) {
            return false;
        }
    }
    return true;
}

static bool go(struct walk *w, uint32_t i, struct json_value value) {
    if (!spend(w, 1)) {
        return false;
    }
    if (i == w->path->count) {
        return report(w, (struct ml_path_match){.value = value});
    }
    return w->path->steps[i].deep ? scan(w, i, value) : apply(w, i, value);
}

int32_t ml_path_select(const struct ml_path *path, struct json_value root, ml_path_fn fn,
                       void *user) {
    if (!json_present(root)) {
        return BERTH_E_NOT_FOUND;
    }
    ML_BUDGET_AUTO budget;
    ml_budget_init(&budget, ML_PATH_WORK_MAX);
    struct walk w = {.path = path, .root = root, .fn = fn, .user = user, .budget = &budget};
    (void)go(&w, 0, root);
    if (w.code) {
        return w.code;
    }
    return path->definite && !w.found ? BERTH_E_NOT_FOUND : BERTH_OK;
}

/* ---- writing ---- */

void ml_path_put_match(struct base_buf *out, const struct ml_path_match *match) {
    if (match->name_count == 0) {
        json_put_raw(out, json_raw(match->value));
        return;
    }
    json_open_object(out);
    for (uint32_t i = 0; i < match->name_count; i++) {
        struct json_value value = json_get_str(match->value, match->names[i]);
        if (json_present(value)) {
            json_key_str(out, match->names[i]);
            json_put_raw(out, json_raw(value));
        }
    }
    json_close_object(out);
}

static int32_t write_match(const struct ml_path_match *match, void *user) {
    struct base_buf *out = user;
    ml_path_put_match(out, match);
    return out->error;
}

int32_t ml_path_write(const struct ml_path *path, struct json_value root, struct base_buf *out) {
    size_t start = out->len;
    if (!path->definite) {
        json_open_array(out);
    }
    int32_t code = ml_path_select(path, root, write_match, out);
    if (code) {
        out->len = start < out->len ? start : out->len;
        return code;
    }
    if (!path->definite) {
        json_close_array(out);
    }
    return out->error;
}
