/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's figures, which are looked at and thrown away. */
#include "kit/host/host.h"

#include "base/error.h"
#include "kit/descriptor.h"

#include <inttypes.h>

struct berth_metrics_sink {
    struct kit_host *host;
    uint32_t type; /* of the metric that was begun last; 0: none */
};

static int32_t collect(const struct berth_host *face, berth_metrics_fn fn, void *user,
                       struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_metrics_v1_collect);
    if (!code && host->metrics_fn) {
        kit_blame(KIT_BLAME_METRICS, "it names who is asked for its figures twice");
        code = BERTH_E_EXISTS;
    }
    if (code) {
        return base_error(error, code, "the kit takes no figures");
    }
    host->metrics_fn = fn;
    host->metrics_user = user;
    return BERTH_OK;
}

static bool is_name(struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return name.len > 0;
}

/* It begins with the plugin's name, if that is one (descriptor.name): - is _ there. */
static bool is_own(struct berth_str name, struct berth_str plugin) {
    if (name.len < plugin.len + 2 || name.ptr[plugin.len] != '_') {
        return false;
    }
    for (uint64_t i = 0; i < plugin.len; i++) {
        if (name.ptr[i] != (plugin.ptr[i] == '-' ? '_' : plugin.ptr[i])) {
            return false;
        }
    }
    return true;
}

static int32_t family(struct berth_metrics_sink *sink, const struct berth_metric *metric) {
    int32_t code = kit_enter(sink->host, KIT_FN_berth_metrics_v1_family);
    struct berth_str plugin = sink->host->run->subject->descriptor.name.text;
    sink->type = 0;
    if (code) {
        return code;
    }
    if (metric->size < sizeof *metric || metric->type < BERTH_METRIC_COUNTER ||
        metric->type > BERTH_METRIC_HISTOGRAM) {
        kit_blame(KIT_BLAME_METRICS, "a metric has size %" PRIu32 " and type %" PRIu32,
                  metric->size, metric->type);
        return BERTH_E_INVALID;
    }
    if (!is_name(metric->name) || (kit_is_plugin_name(plugin) && !is_own(metric->name, plugin))) {
        kit_blame(KIT_BLAME_METRICS,
                  "the metric [" BASE_FMT "] does not begin with [" BASE_FMT
                  "_], or holds other than lower case letters, digits and _",
                  BASE_ARG(metric->name), BASE_ARG(plugin));
        return BERTH_E_INVALID;
    }
    sink->type = metric->type;
    return BERTH_OK;
}

static int32_t judge_sample(struct berth_metrics_sink *sink, bool is_histogram,
                            const struct berth_label *labels, uint32_t label_count) {
    if (sink->type == 0 || (sink->type == BERTH_METRIC_HISTOGRAM) != is_histogram) {
        kit_blame(KIT_BLAME_METRICS, "a sample is not of the type of the metric before it");
        return BERTH_E_INVALID;
    }
    for (uint32_t i = 0; i < label_count; i++) {
        if (!is_name(labels[i].name)) {
            kit_blame(KIT_BLAME_METRICS, "[" BASE_FMT "] is no name of a label",
                      BASE_ARG(labels[i].name));
            return BERTH_E_INVALID;
        }
    }
    return BERTH_OK;
}

static int32_t sample(struct berth_metrics_sink *sink, const struct berth_label *labels,
                      uint32_t label_count, double value) {
    int32_t code = kit_enter(sink->host, KIT_FN_berth_metrics_v1_sample);
    (void)value;
    return code ? code : judge_sample(sink, false, labels, label_count);
}

static int32_t distribution(struct berth_metrics_sink *sink, const struct berth_label *labels,
                            uint32_t label_count, const struct berth_histogram *histogram) {
    int32_t code = kit_enter(sink->host, KIT_FN_berth_metrics_v1_distribution);
    code = code ? code : judge_sample(sink, true, labels, label_count);
    if (code) {
        return code;
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i <= histogram->bound_count; i++) {
        total += histogram->counts[i]; /* read, so that one too few is found */
        if (i > 0 && i < histogram->bound_count &&
            histogram->bounds[i] <= histogram->bounds[i - 1]) {
            kit_blame(KIT_BLAME_METRICS, "the bounds of a histogram do not grow");
        }
    }
    return total || histogram->size >= sizeof *histogram ? BERTH_OK : BERTH_E_INVALID;
}

struct collecting {
    struct kit_job job;
    struct kit_host *host;
};

static void run_collect(struct kit_job *job) {
    struct collecting *c = (struct collecting *)(void *)job;
    struct berth_metrics_sink sink = {.host = c->host};
    c->host->metrics_fn(c->host->metrics_user, &sink);
    kit_busy(c->host, -1);
}

void kit_metrics_collect(struct kit_host *host) {
    struct collecting c = {.job.fn = run_collect, .host = host};
    if (host->metrics_fn) {
        kit_busy(host, 1);
        kit_workers_post(host, &c.job);
        kit_wait_for_work(host);
    }
}

const struct berth_metrics_v1 kit_metrics_v1 = {
    .size = sizeof kit_metrics_v1,
    .collect = collect,
    .family = family,
    .sample = sample,
    .distribution = distribution,
};
