/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: the wall clock for what people read, the monotonic one for durations.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define BASE_NS_PER_MS 1000000u
#define BASE_MS_PER_S 1000u

static inline uint64_t base_clock_read(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Milliseconds since 1970. */
static inline uint64_t base_wall_ms(void) {
    return base_clock_read(CLOCK_REALTIME) / BASE_NS_PER_MS;
}

/* Nanoseconds since some moment; never goes back. */
static inline uint64_t base_monotonic_ns(void) {
    return base_clock_read(CLOCK_MONOTONIC);
}

#endif
