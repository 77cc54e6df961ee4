/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that are waited for by the monotonic clock, which no change of the time of day moves.
 */
#ifndef HOST_BASE_CONDITION_H
#define HOST_BASE_CONDITION_H

#include <pthread.h>

#include "base/clock.h"

static inline void condition_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

/* For pthread_cond_timedwait: so many milliseconds from now. */
static inline struct timespec condition_in(uint64_t ms) {
    uint64_t ns = base_monotonic_ns() + ms * BASE_NS_PER_MS;
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

#endif
