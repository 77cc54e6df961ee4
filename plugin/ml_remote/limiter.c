/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/limiter.h"

#include "base/clock.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * A bucket as one number, after the generic cell rate algorithm: the time at which it will be full
 * again. Each token moves that time on by an interval; there are none left when it would lie
 * further ahead than a full bucket's worth.
 */
struct ml_limiter {
    _Atomic uint32_t references;
    double limit;
    uint64_t unit_ns;
    uint64_t interval_ns;
    uint64_t burst_ns; /* 0: no token at all */
    _Atomic uint64_t full_at_ns;
    uint64_t told_ns; /* full_at_ns as ml_limiter_spent noted it, or the time then */
};

/* Longer than any process lives: about 292 years. */
#define INTERVAL_MAX_NS 9.2e18

const struct ml_limiter_unit ml_limiter_units[] = {
    {"NANOSECONDS", 1},
    {"MICROSECONDS", 1000},
    {"MILLISECONDS", BASE_NS_PER_MS},
    {"SECONDS", 1000ull * BASE_NS_PER_MS},
    {"MINUTES", 60ull * 1000 * BASE_NS_PER_MS},
    {"HOURS", 3600ull * 1000 * BASE_NS_PER_MS},
    {"DAYS", 86400ull * 1000 * BASE_NS_PER_MS},
    {NULL, 0},
};

bool ml_limiter_read(struct json_value rate_limiter, double *out_limit, uint64_t *out_unit_ns) {
    struct json_value limit = json_get(rate_limiter, "limit");
    struct json_value unit = json_get(rate_limiter, "unit");
    struct berth_str text = json_is(limit, JSON_STRING) ? json_inner(limit) : json_raw(limit);
    if (!json_present(limit) || !base_str_f64(text, out_limit)) {
        return false;
    }
    for (const struct ml_limiter_unit *u = ml_limiter_units; u->name; u++) {
        if (json_string_is(unit, base_cstr(u->name))) {
            *out_unit_ns = u->nanoseconds;
            return true;
        }
    }
    return false;
}

struct ml_limiter *ml_limiter_create(double limit, uint64_t unit_ns) {
    struct ml_limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter) {
        limiter->references = 1;
        limiter->limit = limit;
        limiter->unit_ns = unit_ns;
        double interval = limit > 0 ? (double)unit_ns / limit : 0;
        double burst = interval * fmax(limit, 1);
        limiter->interval_ns = (uint64_t)fmin(interval, INTERVAL_MAX_NS);
        limiter->burst_ns = (uint64_t)fmin(burst, INTERVAL_MAX_NS);
    }
    return limiter;
}

struct ml_limiter *ml_limiter_ref(struct ml_limiter *limiter) {
    limiter->references++;
    return limiter;
}

void ml_limiter_unref(struct ml_limiter *limiter) {
    if (limiter && --limiter->references == 0) {
        free(limiter);
    }
}

bool ml_limiter_is(const struct ml_limiter *limiter, double limit, uint64_t unit_ns) {
    return limiter && limiter->limit == limit && limiter->unit_ns == unit_ns;
}

bool ml_limiter_take(struct ml_limiter *limiter, uint32_t tokens, uint64_t now_ns, uint64_t most_ns,
                     uint64_t *out_wait_ns) {
    uint64_t cost;
    uint64_t full_at = atomic_load_explicit(&limiter->full_at_ns, memory_order_relaxed);
    uint64_t next;
    *out_wait_ns = UINT64_MAX;
    if (limiter->limit <= 0 ||
        __builtin_mul_overflow(limiter->interval_ns, (uint64_t)tokens, &cost) ||
        cost > limiter->burst_ns) {
        return false;
    }
    do {
        uint64_t from = full_at > now_ns ? full_at : now_ns;
        if (__builtin_add_overflow(from, cost, &next)) {
            return false;
        }
        uint64_t ahead = next - now_ns;
        *out_wait_ns = ahead > limiter->burst_ns ? ahead - limiter->burst_ns : 0;
        if (*out_wait_ns > most_ns) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&limiter->full_at_ns, &full_at, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

uint64_t ml_limiter_spent(struct ml_limiter *limiter, uint64_t now_ns, bool all) {
    uint64_t full_at = atomic_load_explicit(&limiter->full_at_ns, memory_order_relaxed);
    uint64_t from = all || !limiter->told_ns ? now_ns : limiter->told_ns;
    if (all) {
        limiter->told_ns = full_at > now_ns ? full_at : now_ns;
    }
    return full_at > from ? full_at - from : 0;
}

void ml_limiter_spend(struct ml_limiter *limiter, uint64_t spent_ns, uint64_t now_ns) {
    uint64_t full_at = atomic_load_explicit(&limiter->full_at_ns, memory_order_relaxed);
    uint64_t next;
    do {
        uint64_t ahead = full_at > now_ns ? full_at - now_ns : 0;
        uint64_t room = ahead < limiter->burst_ns ? limiter->burst_ns - ahead : 0;
        next = now_ns + ahead + (spent_ns < room ? spent_ns : room);
    } while (!atomic_compare_exchange_weak_explicit(&limiter->full_at_ns, &full_at, next,
                                                    memory_order_relaxed, memory_order_relaxed));
}
