/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a path is made of: shared by reading, filters and evaluation.
 */
#ifndef ML_REMOTE_JSON_PATH_INTERNAL_H
#define ML_REMOTE_JSON_PATH_INTERNAL_H

#include "plugin/ml_remote/json_path.h"

enum ml_step_kind {
    ML_STEP_NAMES,
    ML_STEP_INDEXES,
    ML_STEP_SLICE,
    ML_STEP_ALL,
    ML_STEP_FILTER,
};

struct ml_path_step {
    enum ml_step_kind kind;
    bool deep;    /* behind "..": at any depth */
    bool settled; /* all before it is definite, so that what is missing here is not found */
    bool last;
    uint32_t count; /* names or indexes */
    const struct berth_str *names;
    const int32_t *indexes; /* of a slice: from, to */
    bool has_from;
    bool has_to;
    const struct ml_test *filter;
};

enum ml_test_kind {
    ML_TEST_OR,
    ML_TEST_AND,
    ML_TEST_NOT,
    ML_TEST_EXISTS,
    ML_TEST_COMPARE,
};

enum ml_operator { ML_EQ, ML_NE, ML_LE, ML_GE, ML_LT, ML_GT };

/* A side of a comparison: a path, where there is one, else a literal. */
struct ml_operand {
    const struct ml_path *path;
    enum json_type type;
    struct berth_str text; /* of a string without quotes and escapes; of a number as written */
};

struct ml_test {
    enum ml_test_kind kind;
    enum ml_operator op;
    const struct ml_test *left; /* of NOT the only one */
    const struct ml_test *right;
    struct ml_operand a; /* of EXISTS the path */
    struct ml_operand b;
};

/* The reader of a path's text. */
struct ml_path_reader {
    struct berth_str text;
    uint64_t at;
    uint32_t depth;
    struct base_arena *arena;
    struct berth_error *error;
};

/* The next byte, '\0' at the end. */
static inline char ml_path_peek(const struct ml_path_reader *r) {
    return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

void ml_path_skip_space(struct ml_path_reader *r);

/* Takes this byte if it is next. */
bool ml_path_take(struct ml_path_reader *r, char c);

/* INVALID, with the place that the reader has reached. */
int32_t ml_path_expected(const struct ml_path_reader *r, const char *expected);
int32_t ml_path_refuse(const struct ml_path_reader *r, const char *reason);

/* The text between quotes, without escapes, in the arena. */
int32_t ml_path_read_quoted(struct ml_path_reader *r, struct berth_str *out_text);

/* A path from $ or @ on. */
int32_t ml_path_read(struct ml_path_reader *r, bool in_filter, struct ml_path *out_path);

/* A filter from its opening parenthesis on, to behind the closing one. */
int32_t ml_path_read_filter(struct ml_path_reader *r, const struct ml_test **out_test);

#endif
