/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many of something run at a time, against a limit that may change meanwhile. Any thread.
 */
#ifndef ML_REMOTE_SLOTS_H
#define ML_REMOTE_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ml_slots {
    _Atomic int64_t taken;
};

/* False where so many run already; with limit 0 none may. */
static inline bool ml_slots_take(struct ml_slots *slots, int64_t limit) {
    int64_t taken = slots->taken;
    do {
        if (taken >= limit) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&slots->taken, &taken, taken + 1));
    return true;
}

static inline void ml_slots_give(struct ml_slots *slots) {
    slots->taken--;
}

#endif
