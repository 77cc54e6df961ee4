/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in functions that stand before and behind a remote service: two tables.
 *
 * A pre-processing function makes parameters of documents; a post-processing function makes tensors
 * of an answer. Scripts are not run: the ones that published connectors carry are known by their
 * text and stand for a function of the tables.
 */
#ifndef ML_REMOTE_PROCESS_H
#define ML_REMOTE_PROCESS_H

#include "base/json_write.h"
#include "plugin/ml_remote/input.h"

struct ml_pre_function;
struct ml_post_function;

/* By name, or by the text of a known script. INVALID names the functions that there are. */
int32_t ml_pre_find(struct berth_str text, const struct ml_pre_function **out_function,
                    struct berth_error *error);
int32_t ml_post_find(struct berth_str text, const struct ml_post_function **out_function,
                     struct berth_error *error);

/* What stands in for a missing one with documents. */
const struct ml_pre_function *ml_pre_default(void);

/* Whether a function takes such an input; INVALID says what it takes. */
int32_t ml_pre_check(const struct ml_pre_function *function, const struct ml_input *input,
                     struct berth_error *error);

const char *ml_pre_name(const struct ml_pre_function *function);

/* Whether the function takes one document at a time. */
bool ml_pre_is_single(const struct ml_pre_function *function);

/*
 * Appends an object: the parameters that the client sent, and those made of count documents from
 * the first on. What was sent wins.
 */
void ml_pre_make(const struct ml_pre_function *function, const struct ml_input *input, size_t first,
                 size_t count, struct base_buf *out);

/* Whether it looks at arrays of numbers as wholes; NULL is allowed. */
bool ml_post_takes_vectors(const struct ml_post_function *function);

/* Whether it makes a tensor of each element of a list; NULL is allowed. */
bool ml_post_makes_list(const struct ml_post_function *function);

/*
 * Appends the tensors of an answer, as a list without its brackets; nothing where there are none.
 * filtered: what a response_filter left of the answer, in place of the function's own path; filter:
 * its text, which can name a data type. Absent and empty without one. INVALID with status 502 where
 * the answer has not the shape that is needed.
 */
int32_t ml_post_make(const struct ml_post_function *function, struct json_value answer,
                     struct json_value filtered, struct berth_str filter, struct base_buf *out,
                     struct berth_error *error);

/* Calls fn with the name of each function, for help texts and docs. */
void ml_process_each(void (*fn)(void *user, const char *name, bool is_post), void *user);

#endif
