/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.metrics/1: figures of a plugin, for whoever watches the node.
 *
 * A plugin counts in its own way, at no cost to the host, and puts its figures together when they
 * are asked for. The host writes them down in the form that the one who asks wants.
 */
#ifndef BERTH_METRICS_H
#define BERTH_METRICS_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_METRICS_ID "berth.metrics/1"

struct berth_host;

/* berth_metric.type: what only grows, what goes up and down, how values are distributed. */
#define BERTH_METRIC_COUNTER 1u
#define BERTH_METRIC_GAUGE 2u
#define BERTH_METRIC_HISTOGRAM 3u

/*
 * A metric, whose samples follow. The name is lower case letters, digits and underscores, and
 * begins with the plugin's name, whose - are _ here, and an underscore, so that no two plugins have
 * the same; the unit stands at its end, and _total behind it for a counter. help is one line.
 */
struct berth_metric {
    uint32_t size;
    uint32_t type;
    struct berth_str name;
    struct berth_str help;
};
BERTH_ASSERT_SIZE(struct berth_metric, 40);
BERTH_ASSERT_OFFSET(struct berth_metric, type, 4);
BERTH_ASSERT_OFFSET(struct berth_metric, name, 8);
BERTH_ASSERT_OFFSET(struct berth_metric, help, 24);

/* What tells the samples of a metric from one another. The name is as that of a metric. */
struct berth_label {
    struct berth_str name;
    struct berth_str value;
};
BERTH_ASSERT_SIZE(struct berth_label, 32);
BERTH_ASSERT_OFFSET(struct berth_label, value, 16);

/* Values by their size: bounds grow, and counts has one more, for what lies above them all. */
struct berth_histogram {
    uint32_t size;
    uint32_t bound_count;
    /* The largest value that each bucket takes. */
    const double *bounds;
    /* Values of each bucket alone. */
    const uint64_t *counts;
    /* Of all values. */
    double sum;
};
BERTH_ASSERT_SIZE(struct berth_histogram, 32);
BERTH_ASSERT_OFFSET(struct berth_histogram, bound_count, 4);
BERTH_ASSERT_OFFSET(struct berth_histogram, bounds, 8);
BERTH_ASSERT_OFFSET(struct berth_histogram, counts, 16);
BERTH_ASSERT_OFFSET(struct berth_histogram, sum, 24);

/* Where figures are put; it is the host's. */
struct berth_metrics_sink;

/*
 * Puts the figures together. It may block.
 * @thread worker
 * @state SERVING DRAINING
 * @owner borrows the sink until return
 * @errors none
 */
typedef void (*berth_metrics_fn)(void *user, struct berth_metrics_sink *sink);

struct berth_metrics_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Names who is asked for the plugin's figures. A plugin has one such function.
     * @thread control
     * @state CREATED
     * @owner borrows user until stop has returned
     * @errors INVALID EXISTS STATE
     */
    int32_t (*collect)(const struct berth_host *host, berth_metrics_fn fn, void *user,
                       struct berth_error *error);

    /*
     * Begins a metric. A refused one takes its samples with it.
     * @thread worker
     * @state SERVING DRAINING
     * @owner the host copies the metric
     * @errors INVALID NO_MEMORY
     */
    int32_t (*family)(struct berth_metrics_sink *sink, const struct berth_metric *metric);

    /*
     * Adds a sample of the counter or gauge that was begun last.
     * @thread worker
     * @state SERVING DRAINING
     * @owner the host copies the labels
     * @errors INVALID NO_MEMORY
     */
    int32_t (*sample)(struct berth_metrics_sink *sink, const struct berth_label *labels,
                      uint32_t label_count, double value);

    /*
     * Adds a sample of the histogram that was begun last.
     * @thread worker
     * @state SERVING DRAINING
     * @owner the host copies labels and histogram
     * @errors INVALID NO_MEMORY
     */
    int32_t (*distribution)(struct berth_metrics_sink *sink, const struct berth_label *labels,
                            uint32_t label_count, const struct berth_histogram *histogram);
};
BERTH_ASSERT_SIZE(struct berth_metrics_v1, 40);
BERTH_ASSERT_OFFSET(struct berth_metrics_v1, collect, 8);
BERTH_ASSERT_OFFSET(struct berth_metrics_v1, family, 16);
BERTH_ASSERT_OFFSET(struct berth_metrics_v1, sample, 24);
BERTH_ASSERT_OFFSET(struct berth_metrics_v1, distribution, 32);

BERTH_EXTERN_C_END

#endif
