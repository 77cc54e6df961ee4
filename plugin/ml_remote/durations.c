/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/durations.h"

#include <stdlib.h>
#include <string.h>

/* What a ring begins with. */
#define CAP_MIN 16u

void ml_durations_deinit(struct ml_durations *d) {
    free(d->list);
    *d = (struct ml_durations){0};
}

void ml_durations_limit(struct ml_durations *d, uint32_t limit) {
    uint32_t kept = d->count < limit ? d->count : limit;
    if (kept == d->count && d->oldest == 0) {
        return;
    }
    struct ml_duration *list = kept ? malloc(kept * sizeof *list) : NULL;
    if (!list) {
        ml_durations_deinit(d);
        return;
    }
    for (uint32_t i = 0; i < kept; i++) {
        list[i] = d->list[(d->oldest + d->count - kept + i) % d->count];
    }
    free(d->list);
    *d = (struct ml_durations){.list = list, .count = kept, .cap = kept};
}

/* Room for one more, in a ring whose oldest stands first. */
static bool grow(struct ml_durations *d, uint32_t limit) {
    if (d->count < d->cap) {
        return true;
    }
    uint32_t cap = d->cap < CAP_MIN / 2 ? CAP_MIN : d->cap > limit / 2 ? limit : d->cap * 2;
    struct ml_duration *list = realloc(d->list, cap * sizeof *list);
    if (!list) {
        return false;
    }
    d->list = list;
    d->cap = cap;
    return true;
}

void ml_durations_add(struct ml_durations *d, struct ml_duration duration, uint32_t limit) {
    if (d->count > limit || (d->count < limit && d->oldest != 0)) {
        ml_durations_limit(d, limit); /* the bound was changed */
    }
    if (limit == 0) {
        return;
    }
    if (d->count == limit) {
        d->list[d->oldest] = duration;
        d->oldest = (d->oldest + 1) % limit;
    } else if (grow(d, limit)) {
        d->list[d->count++] = duration;
    }
}

/* ---- the summary ---- */

static int compare(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static double milliseconds(double microseconds) {
    return microseconds / 1000;
}

/* Between the two nearest ranks, as the original's library has it: rank = share * (count + 1). */
static double percentile(const uint32_t *sorted, uint32_t count, double share) {
    double rank = share * ((double)count + 1);
    if (rank < 1) {
        return milliseconds(sorted[0]);
    }
    if (rank >= count) {
        return milliseconds(sorted[count - 1]);
    }
    uint32_t below = (uint32_t)rank;
    double part = rank - below;
    return milliseconds(sorted[below - 1] + part * ((double)sorted[below] - sorted[below - 1]));
}

void ml_durations_summarise(uint32_t *microseconds, uint32_t count,
                            struct ml_duration_summary *out) {
    *out = (struct ml_duration_summary){.count = count};
    if (count == 0) {
        return;
    }
    double sum = 0;
    qsort(microseconds, count, sizeof *microseconds, compare);
    for (uint32_t i = 0; i < count; i++) {
        sum += microseconds[i];
    }
    out->min = milliseconds(microseconds[0]);
    out->max = milliseconds(microseconds[count - 1]);
    out->average = milliseconds(sum / count);
    out->p50 = percentile(microseconds, count, 0.5);
    out->p90 = percentile(microseconds, count, 0.9);
    out->p99 = percentile(microseconds, count, 0.99);
}
