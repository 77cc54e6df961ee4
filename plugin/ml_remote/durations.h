/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the latest predictions of a model took: a ring that forgets the oldest.
 *
 * It grows with what is put in, up to the bound that the caller names, and belongs to one thread.
 */
#ifndef ML_REMOTE_DURATIONS_H
#define ML_REMOTE_DURATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ml_duration {
    uint64_t ended_ns;     /* monotonic clock */
    uint32_t request_us;   /* from the client's request to its answer */
    uint32_t inference_us; /* of that, the remote service's part */
};

struct ml_durations {
    struct ml_duration *list;
    uint32_t count;
    uint32_t cap;
    uint32_t oldest; /* where the next one goes once the ring is full */
};

void ml_durations_deinit(struct ml_durations *durations);

/* Adds one, and forgets the oldest beyond limit; 0 forgets all. Without memory it is not kept. */
void ml_durations_add(struct ml_durations *durations, struct ml_duration duration, uint32_t limit);

/* Keeps the newest, limit of them. Without memory none are kept. */
void ml_durations_limit(struct ml_durations *durations, uint32_t limit);

/* What is said of some durations, in milliseconds. */
struct ml_duration_summary {
    uint32_t count;
    double max;
    double min;
    double average;
    double p50;
    double p90;
    double p99;
};

/* Sorts them. All zero for none. */
void ml_durations_summarise(uint32_t *microseconds, uint32_t count,
                            struct ml_duration_summary *out_summary);

#endif
