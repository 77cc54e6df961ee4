/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trusted endpoints: regular expressions that a URL must match as a whole.
 *
 * The expressions are written for Java's matcher. They are compiled with PCRE2, anchored at both
 * ends; what Java has and PCRE2 has not, or means otherwise, is refused when the setting is set,
 * as is what can take time without bound.
 */
#ifndef ML_REMOTE_TRUST_H
#define ML_REMOTE_TRUST_H

#include "base/error.h"

struct ml_trust;

/* Bytes of one expression, and expressions of one list. */
#define ML_TRUST_PATTERN_MAX 256u
#define ML_TRUST_PATTERNS_MAX 256u

/* Compiles a list. INVALID names the expression, what is wrong with it and where. */
int32_t ml_trust_create(const struct berth_str *patterns, uint32_t count,
                        struct ml_trust **out_trust, struct berth_error *error);
/* The same for expressions that may be found anywhere in a text, whatever its case. */
int32_t ml_trust_create_search(const struct berth_str *patterns, uint32_t count,
                               struct ml_trust **out_trust, struct berth_error *error);
void ml_trust_destroy(struct ml_trust *trust);

/*
 * Whether a URL matches one of them. scratch: from ml_trust_scratch_create, one a thread.
 * An expression that reaches its match limit does not match. Any thread.
 */
bool ml_trust_matches(const struct ml_trust *trust, struct berth_str url, void *scratch);

/* The same, telling an expression that reached its limit, and so may match, from one that not. */
enum ml_match { ML_MATCH_NO, ML_MATCH_YES, ML_MATCH_UNKNOWN };
enum ml_match ml_trust_match(const struct ml_trust *trust, struct berth_str text, void *scratch);

/* The first expression that matches, as it was written; ptr NULL: none. */
struct berth_str ml_trust_find(const struct ml_trust *trust, struct berth_str text, void *scratch);

bool ml_trust_is_empty(const struct ml_trust *trust);

/* NULL without memory. */
void *ml_trust_scratch_create(void);
void ml_trust_scratch_destroy(void *scratch);

#endif
