/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits: a bucket of tokens that fills evenly. Shared by all loops without a lock.
 */
#ifndef ML_REMOTE_LIMITER_H
#define ML_REMOTE_LIMITER_H

#include "base/error.h"
#include "base/json.h"

struct ml_limiter;

/* Reads {"limit": "10", "unit": "MINUTES"}; false where it does not limit (either is missing). */
bool ml_limiter_read(struct json_value rate_limiter, double *out_limit, uint64_t *out_unit_ns);

/* The names of units, as they are written, with their lengths; NULL ends the table. */
struct ml_limiter_unit {
    const char *name;
    uint64_t nanoseconds;
};
extern const struct ml_limiter_unit ml_limiter_units[];

/* A full bucket of limit tokens (at least one, but none for 0). NULL without memory. */
struct ml_limiter *ml_limiter_create(double limit, uint64_t unit_ns);
struct ml_limiter *ml_limiter_ref(struct ml_limiter *limiter);
/* NULL is allowed. */
void ml_limiter_unref(struct ml_limiter *limiter);

bool ml_limiter_is(const struct ml_limiter *limiter, double limit, uint64_t unit_ns);

/*
 * Takes tokens, all or none. now_ns: base_monotonic_ns; most_ns: what one is ready to wait for
 * tokens that are still to come; out_wait_ns: how long they take to come, also where they are not
 * taken; UINT64_MAX: they never come. Any thread.
 */
bool ml_limiter_take(struct ml_limiter *limiter, uint32_t tokens, uint64_t now_ns, uint64_t most_ns,
                     uint64_t *out_wait_ns);

/* ---- at a reload ---- */

/*
 * How much of the bucket is not there, as the time that it takes to come; all: in all, which is
 * noted; else what was taken since that was noted. One thread at a time.
 */
uint64_t ml_limiter_spent(struct ml_limiter *limiter, uint64_t now_ns, bool all);

/* Takes as much, or what there is. Any thread. */
void ml_limiter_spend(struct ml_limiter *limiter, uint64_t spent_ns, uint64_t now_ns);

#endif
