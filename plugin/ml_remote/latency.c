/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/latency.h"

#define NS_PER_US 1000u
/* ML_LATENCY_FIRST_US is two to this. */
#define FIRST_EXPONENT 4

const char *ml_latency_part_name(enum ml_latency_part part) {
    static const char *const names[ML_LATENCY_PARTS] = {
        [ML_LATENCY_QUEUE] = "queue",
        [ML_LATENCY_CONNECT] = "connect",
        [ML_LATENCY_REMOTE] = "remote",
        [ML_LATENCY_OWN] = "own",
    };
    return names[part];
}

double ml_latency_bound(uint32_t i) {
    return (double)((uint64_t)ML_LATENCY_FIRST_US << i) / 1e6;
}

/* The bucket whose bound is the first that is not below; a part of a microsecond counts as one. */
static uint32_t bucket_of(uint64_t ns) {
    uint64_t us = (ns + NS_PER_US - 1) / NS_PER_US;
    if (us <= ML_LATENCY_FIRST_US) {
        return 0;
    }
    uint32_t exponent = 64 - (uint32_t)__builtin_clzll(us - 1);
    uint32_t bucket = exponent - FIRST_EXPONENT;
    return bucket < ML_LATENCY_BOUNDS ? bucket : ML_LATENCY_BOUNDS;
}

static uint64_t between(uint64_t from_ns, uint64_t until_ns) {
    return until_ns > from_ns ? until_ns - from_ns : 0;
}

void ml_latency_note(struct ml_latency *latency, const struct ml_spans *spans) {
    uint64_t whole = between(spans->began_ns, spans->ended_ns);
    uint64_t remote = spans->asked_ns && spans->answered_ns
                          ? between(spans->asked_ns + spans->asked_queue_ns + spans->connect_ns,
                                    spans->answered_ns)
                          : 0;
    uint64_t queue = spans->queue_ns + spans->asked_queue_ns;
    const uint64_t parts[ML_LATENCY_PARTS] = {
        [ML_LATENCY_QUEUE] = queue,
        [ML_LATENCY_CONNECT] = spans->connect_ns,
        [ML_LATENCY_REMOTE] = remote,
        [ML_LATENCY_OWN] = between(queue + spans->connect_ns + remote, whole),
    };
    for (int i = 0; i < ML_LATENCY_PARTS; i++) {
        latency->counts[i][bucket_of(parts[i])]++;
        latency->sum_ns[i] += parts[i];
    }
}

void ml_latency_add(struct ml_latency *latency, const struct ml_latency *more) {
    for (int i = 0; i < ML_LATENCY_PARTS; i++) {
        for (uint32_t k = 0; k <= ML_LATENCY_BOUNDS; k++) {
            latency->counts[i][k] += more->counts[i][k];
        }
        latency->sum_ns[i] += more->sum_ns[i];
    }
}
