/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins put together of their figures, in Prometheus' text format.
 */
#include "host/plugins/capabilities.h"

#include <math.h>

struct berth_metrics_sink {
    struct generation *generation;
    struct base_buf *out;
    char name[128]; /* of the metric that was begun last; "": none */
    uint32_t type;
};

static const struct {
    uint32_t type;
    const char *name;
} types[] = {{BERTH_METRIC_COUNTER, "counter"},
             {BERTH_METRIC_GAUGE, "gauge"},
             {BERTH_METRIC_HISTOGRAM, "histogram"}};

static const char *type_name(uint32_t type) {
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        if (types[i].type == type) {
            return types[i].name;
        }
    }
    return NULL;
}

static int32_t collect(const struct berth_host *host, berth_metrics_fn fn, void *user,
                       struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(CREATED), "metrics.collect", error);
    if (code) {
        return code;
    }
    if (!fn) {
        return base_error(error, BERTH_E_INVALID, "metrics.collect is given no function");
    }
    if (g->metrics) {
        return base_error(error, BERTH_E_EXISTS, "the plugin has named its metrics before");
    }
    g->metrics = fn;
    g->metrics_user = user;
    return BERTH_OK;
}

/* ---- writing ---- */

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

/* A backslash, a line's end and a quotation mark are escaped. */
static void put_escaped(struct base_buf *out, struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            base_buf_cstr(out, "\\n");
            continue;
        }
        if (text.ptr[i] == '\\' || text.ptr[i] == '"') {
            base_buf_char(out, '\\');
        }
        base_buf_char(out, text.ptr[i]);
    }
}

static void put_number(struct base_buf *out, double value) {
    if (isinf(value)) {
        base_buf_cstr(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        base_buf_format(out, "%.17g", value);
    }
}

/* suffix: behind the name; bound: of a bucket, NULL: it is none. */
static void put_sample(const struct berth_metrics_sink *sink, const char *suffix,
                       const struct berth_label *labels, uint32_t count, const double *bound,
                       double value) {
    struct base_buf *out = sink->out;
    base_buf_format(out, "%s%s", sink->name, suffix);
    for (uint32_t i = 0; i < count; i++) {
        base_buf_format(out, "%c" BASE_FMT "=\"", i ? ',' : '{', BASE_ARG(labels[i].name));
        put_escaped(out, labels[i].value);
        base_buf_char(out, '"');
    }
    if (bound) {
        base_buf_format(out, "%cle=\"", count ? ',' : '{');
        put_number(out, *bound);
        base_buf_char(out, '"');
    }
    base_buf_cstr(out, count || bound ? "} " : " ");
    put_number(out, value);
    base_buf_char(out, '\n');
}

/* A plugin's name may hold -, which a metric's cannot: it is _ there. */
static bool starts_with_owner(const struct generation *g, struct berth_str name) {
    struct berth_str own = g->manifest.name;
    if (name.len < own.len + 2 || name.ptr[own.len] != '_') {
        return false;
    }
    for (uint64_t i = 0; i < own.len; i++) {
        if (name.ptr[i] != (own.ptr[i] == '-' ? '_' : own.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* Counted among the refused calls, with the reason in the log. */
static int32_t refuse(struct berth_metrics_sink *sink, const char *call, const char *why) {
    struct generation *g = sink->generation;
    atomic_fetch_add(&g->refused_calls, 1);
    LOG(g->services->log, BERTH_LOG_WARN, "plugin_call_refused",
        LOG_FIELD("plugin", base_cstr(g->owner)), LOG_FIELD("call", base_cstr(call)),
        LOG_FIELD("reason", base_cstr(why)));
    return BERTH_E_INVALID;
}

static int32_t family(struct berth_metrics_sink *sink, const struct berth_metric *metric) {
    sink->name[0] = '\0';
    if (metric->size < sizeof *metric || !type_name(metric->type)) {
        return refuse(sink, "metrics.family", "the metric has no known type, or is too small");
    }
    if (!is_name(metric->name) || metric->name.len >= sizeof sink->name ||
        !starts_with_owner(sink->generation, metric->name)) {
        return refuse(sink, "metrics.family",
                      "a metric's name is [a-z0-9_], up to 127 characters, and begins with the "
                      "plugin's name and an underscore");
    }
    (void)snprintf(sink->name, sizeof sink->name, BASE_FMT, BASE_ARG(metric->name));
    sink->type = metric->type;
    base_buf_format(sink->out, "# HELP %s ", sink->name);
    put_escaped(sink->out, metric->help);
    base_buf_format(sink->out, "\n# TYPE %s %s\n", sink->name, type_name(metric->type));
    return sink->out->error ? BERTH_E_NO_MEMORY : BERTH_OK;
}

static const char *why_not(const struct berth_metrics_sink *sink, bool is_histogram,
                           const struct berth_label *labels, uint32_t count) {
    if (!sink->name[0]) {
        return "no metric was begun, or it was refused";
    }
    if ((sink->type == BERTH_METRIC_HISTOGRAM) != is_histogram) {
        return "the sample is not of its metric's type";
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!is_name(labels[i].name) || base_str_is(labels[i].name, "le")) {
            return "a label's name is [a-z0-9_], and not le";
        }
    }
    return NULL;
}

static int32_t sample(struct berth_metrics_sink *sink, const struct berth_label *labels,
                      uint32_t label_count, double value) {
    const char *why = why_not(sink, false, labels, label_count);
    if (why) {
        return refuse(sink, "metrics.sample", why);
    }
    put_sample(sink, "", labels, label_count, NULL, value);
    return sink->out->error ? BERTH_E_NO_MEMORY : BERTH_OK;
}

static int32_t distribution(struct berth_metrics_sink *sink, const struct berth_label *labels,
                            uint32_t label_count, const struct berth_histogram *histogram) {
    const char *why = why_not(sink, true, labels, label_count);
    why = why || histogram->size >= sizeof *histogram ? why : "the histogram is too small";
    for (uint32_t i = 1; !why && i < histogram->bound_count; i++) {
        why = histogram->bounds[i] > histogram->bounds[i - 1] ? NULL : "bounds do not grow";
    }
    if (why) {
        return refuse(sink, "metrics.distribution", why);
    }
    const double unbounded = INFINITY;
    uint64_t total = 0;
    for (uint32_t i = 0; i <= histogram->bound_count; i++) {
        total += histogram->counts[i];
        put_sample(sink, "_bucket", labels, label_count,
                   i < histogram->bound_count ? &histogram->bounds[i] : &unbounded, (double)total);
    }
    put_sample(sink, "_sum", labels, label_count, NULL, histogram->sum);
    put_sample(sink, "_count", labels, label_count, NULL, (double)total);
    return sink->out->error ? BERTH_E_NO_MEMORY : BERTH_OK;
}

const struct berth_metrics_v1 cap_metrics = {
    .size = sizeof cap_metrics,
    .collect = collect,
    .family = family,
    .sample = sample,
    .distribution = distribution,
};

void capabilities_put_metrics(struct generation *g, struct base_buf *out) {
    struct berth_metrics_sink sink = {.generation = g, .out = out};
    if (g->metrics) {
        g->metrics(g->metrics_user, &sink);
    }
}
