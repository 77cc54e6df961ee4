/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling and reading struct berth_error (berth/error.h).
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <berth/error.h>

#include "base/str.h"

/* An error object ready to be passed to a function that may fill it. */
#define BASE_ERROR_INIT {.size = sizeof(struct berth_error)}

/*
 * Fills *error, if there is one, and returns code, so that a failing function can return it in one
 * statement. The message is cut, at a character's border, where it does not fit.
 */
__attribute__((format(printf, 3, 4))) int32_t base_error(struct berth_error *error, int32_t code,
                                                         const char *format, ...);

/* The same with a REST status and type of its own instead of those of the code. */
__attribute__((format(printf, 5, 6))) int32_t base_error_rest(struct berth_error *error,
                                                              int32_t code, uint32_t status,
                                                              const char *type, const char *format,
                                                              ...);

/* BERTH_E_NO_MEMORY with its message, which needs no memory. */
int32_t base_error_memory(struct berth_error *error);

/* What is known of a code; an unknown one counts as BERTH_E_INTERNAL. */
uint32_t base_error_status(const struct berth_error *error);
const char *base_error_type(const struct berth_error *error);
const char *base_error_name(int32_t code);

#endif
