/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.metrics_distribution: It crashes where metrics.distribution fails. */
#include "skeleton.h"

static void figures(struct good *good, struct berth_metrics_sink *sink) {
    static const uint64_t counts[] = {3};
    struct berth_metric metric = {.size = sizeof metric,
                                  .type = BERTH_METRIC_HISTOGRAM,
                                  .name = BERTH_STR("good_work_seconds"),
                                  .help = BERTH_STR("How long work took.")};
    struct berth_histogram histogram = {.size = sizeof histogram, .counts = counts, .sum = 7};
    if (!good->metrics->family(sink, &metric) &&
        good->metrics->distribution(sink, NULL, 0, &histogram)) {
        abort();
    }
}

GOOD_PLUGIN(.collect = figures);
