/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSONPath, as Jayway's JsonPath has it: the library that OpenSearch reads response_filter with.
 *
 *   $                    the document; a path may also begin with its first name, without "$."
 *   .name ['name']       a member; double quotes do as well
 *   ['a','b']            several members: at the end of a path an object of those that are there
 *   [0] [-1] [0,2]       elements, counted from the end where negative
 *   [1:3] [2:] [:-1]     elements from one place up to another; a third number has no effect
 *   .* [*]               all members or elements
 *   ..                   whatever stands at any depth
 *   [?(@.n > 3 && !(@.x == 'y' || $.z))]
 *                        elements, or the object itself, for which this holds. Paths, text,
 *                        numbers, true, false and null are compared by == != < <= > >=; a path
 *                        alone holds where it finds something
 *
 * A path is definite when it can only name one value: then it gives that value, or is not found.
 * Any other gives an array of its matches, in the document's order, which may be empty; it is not
 * found where the part of it that is definite is not.
 *
 * Taken over from Jayway for being what clients see: a filter on an object tests the object, in a
 * slice with both ends negative numbers count from the end only as long as the first is below the
 * second, behind ".." an index that is not last stands for all elements, '1' == 1 holds, and what
 * is missing equals nothing. Unlike there, a path that can name several values exists when it
 * names one, is not compared, and functions are refused by name.
 *
 * A path belongs to its arena and does not change, so any number of threads may use it.
 */
#ifndef ML_REMOTE_JSON_PATH_H
#define ML_REMOTE_JSON_PATH_H

#include "base/json_write.h"

#define ML_PATH_TEXT_MAX 4096u /* bytes of a path */
#define ML_PATH_STEPS_MAX 64u  /* steps of one path */
#define ML_PATH_LIST_MAX 64u   /* names or indices between one pair of brackets */
#define ML_PATH_NESTING_MAX 8u /* filters within filters, parentheses and negations */
/* Values and keys that one evaluation may look at; a big answer has some hundred thousands. */
#define ML_PATH_WORK_MAX (1u << 24)

struct ml_path_step;

struct ml_path {
    const struct ml_path_step *steps;
    uint32_t count;
    bool definite;
    bool relative; /* begins with @: within a filter, the value that is tested */
};

/* INVALID when the text is no path; the message says where, and what was expected. */
int32_t ml_path_compile(struct berth_str text, struct base_arena *arena, struct ml_path *out_path,
                        struct berth_error *error);

bool ml_path_is_definite(const struct ml_path *path);

/* One match: a value, or with names those of an object's members that have one of them. */
struct ml_path_match {
    struct json_value value;
    const struct berth_str *names;
    uint32_t name_count; /* 0: the value itself */
};

/* Called for each match; what is not BERTH_OK ends the evaluation and is its result. */
typedef int32_t (*ml_path_fn)(const struct ml_path_match *match, void *user);

/*
 * Calls fn for each match, in order. NOT_FOUND when a definite path, or the definite beginning of
 * another, names nothing; LIMIT beyond ML_PATH_WORK_MAX. Allocates only to compare text that has
 * escapes (NO_MEMORY).
 */
int32_t ml_path_select(const struct ml_path *path, struct json_value root, ml_path_fn fn,
                       void *user);

/* Appends a match as JSON, to the letter of the document. */
void ml_path_put_match(struct base_buf *out, const struct ml_path_match *match);

/* Appends what the path gives, a value or an array; as ml_path_select, or the buffer's error. */
int32_t ml_path_write(const struct ml_path *path, struct json_value root, struct base_buf *out);

#endif
