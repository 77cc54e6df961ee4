/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.metrics: A metric does not begin with its name. */
#include "skeleton.h"

static void figures(struct good *good, struct berth_metrics_sink *sink) {
    struct berth_metric metric = {.size = sizeof metric,
                                  .type = BERTH_METRIC_GAUGE,
                                  .name = BERTH_STR("requests_now"),
                                  .help = BERTH_STR("Requests.")};
    (void)good->metrics->family(sink, &metric);
}

GOOD_PLUGIN(.collect = figures);
