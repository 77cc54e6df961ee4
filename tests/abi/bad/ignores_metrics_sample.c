/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.metrics_sample: It crashes where metrics.sample fails. */
#include "skeleton.h"

static void figures(struct good *good, struct berth_metrics_sink *sink) {
    struct berth_metric metric = {.size = sizeof metric,
                                  .type = BERTH_METRIC_GAUGE,
                                  .name = BERTH_STR("good_requests_now"),
                                  .help = BERTH_STR("Requests.")};
    if (!good->metrics->family(sink, &metric) && good->metrics->sample(sink, NULL, 0, 1)) {
        abort();
    }
}

GOOD_PLUGIN(.collect = figures);
