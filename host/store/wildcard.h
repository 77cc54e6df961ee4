/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of wildcard queries: '*' is any text, '?' any character, '\' takes the next as it is.
 */
#ifndef HOST_STORE_WILDCARD_H
#define HOST_STORE_WILDCARD_H

#include <sqlite3.h>

#include "base/buf.h"

/* A pattern's length, in bytes: what bounds the work for one value. */
#define WILDCARD_MAX 1024u

/* Whole-text match. */
bool wildcard_match(struct berth_str pattern, struct berth_str text, bool ignore_case);

/* Appends the pattern that a text alone matches. */
void wildcard_quote(struct base_buf *out, struct berth_str text);

/* Adds wildcard(pattern, text, ignore_case) to the SQL of a connection. Returns SQLite's code. */
int wildcard_register(sqlite3 *handle);

#endif
