/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time of predictions goes, as histograms. The bounds are powers of two, so that a bucket
 * is found without a search.
 */
#ifndef ML_REMOTE_LATENCY_H
#define ML_REMOTE_LATENCY_H

#include <stdint.h>

/* The parts of a prediction's time. */
enum ml_latency_part {
    ML_LATENCY_QUEUE,   /* waiting where a limit was reached */
    ML_LATENCY_CONNECT, /* until there was a connection to the service, where a new one was made */
    ML_LATENCY_REMOTE,  /* from asking the service to its answer, tries and pauses between them */
    ML_LATENCY_OWN,     /* the rest */
    ML_LATENCY_PARTS,
};

/* The bounds: 16 microseconds, twice that, ... 33.6 seconds. */
#define ML_LATENCY_BOUNDS 22u
#define ML_LATENCY_FIRST_US 16u

/* When the parts of a prediction ended, base_monotonic_ns, and how long two of them took. */
struct ml_spans {
    uint64_t began_ns;
    uint64_t asked_ns;    /* 0: the service was not asked */
    uint64_t answered_ns; /* 0: and did not answer, or fail */
    uint64_t ended_ns;
    uint64_t queue_ns;       /* before it was asked */
    uint64_t asked_queue_ns; /* after that, between tries */
    uint64_t connect_ns;
};

struct ml_latency {
    uint64_t counts[ML_LATENCY_PARTS][ML_LATENCY_BOUNDS + 1];
    uint64_t sum_ns[ML_LATENCY_PARTS];
};

/* As metrics name it: "queue", ... */
const char *ml_latency_part_name(enum ml_latency_part part);
/* In seconds. */
double ml_latency_bound(uint32_t i);

void ml_latency_note(struct ml_latency *latency, const struct ml_spans *spans);
void ml_latency_add(struct ml_latency *latency, const struct ml_latency *more);

#endif
