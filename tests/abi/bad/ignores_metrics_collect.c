/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.metrics_collect: It crashes where metrics.collect fails. */
#include "skeleton.h"

/* The one call of it is made below, not where the skeleton makes it. */
static const struct berth_metrics_v1 *metrics;

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    metrics = good->metrics;
    good->metrics = NULL;
    return BERTH_OK;
}

static int32_t started(struct good *good, struct berth_error *error) {
    good->metrics = metrics;
    if (metrics && metrics->collect(good->host, collect, good, error)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.create = created, .start = started);
