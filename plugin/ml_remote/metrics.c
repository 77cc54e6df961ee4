/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/metrics.h"

#include <stdio.h>

#include "base/clock.h"
#include "plugin/ml_remote/http_client.h"
#include "plugin/ml_remote/usage_report.h"

#define PREFIX "ml_remote_"
#define ARENA_CHUNK 4096u

struct collecting {
    struct ml_plugin *plugin;
    struct berth_metrics_sink *sink;
};

static void begin(const struct collecting *c, uint32_t type, const char *name, const char *help) {
    const struct berth_metric metric = {
        .size = sizeof metric, .type = type, .name = base_cstr(name), .help = base_cstr(help)};
    (void)c->plugin->metrics->family(c->sink, &metric);
}

static void put(const struct collecting *c, const char *label, struct berth_str value,
                double number) {
    const struct berth_label labels[] = {{base_cstr(label), value}};
    (void)c->plugin->metrics->sample(c->sink, labels, BASE_COUNT(labels), number);
}

/* ---- models ---- */

static double requests_of(const struct ml_model_report *m) {
    return (double)m->counts[ML_STAT_PREDICT].requests;
}

static double failures_of(const struct ml_model_report *m) {
    return (double)m->counts[ML_STAT_PREDICT].failures;
}

static double running_of(const struct ml_model_report *m) {
    return m->running;
}

static const struct {
    const char *name;
    uint32_t type;
    const char *help;
    double (*read)(const struct ml_model_report *model);
} model_metrics[] = {
    {PREFIX "predictions_total", BERTH_METRIC_COUNTER, "Predictions that were begun, by model.",
     requests_of},
    {PREFIX "prediction_failures_total", BERTH_METRIC_COUNTER,
     "Predictions that failed by the node or the remote service, by model.", failures_of},
    {PREFIX "predictions_in_flight", BERTH_METRIC_GAUGE, "Predictions under way, by model.",
     running_of},
};

static void put_latency(const struct collecting *c, const struct ml_model_report *model) {
    double bounds[ML_LATENCY_BOUNDS];
    for (uint32_t i = 0; i < ML_LATENCY_BOUNDS; i++) {
        bounds[i] = ml_latency_bound(i);
    }
    for (int part = 0; model->latency && part < ML_LATENCY_PARTS; part++) {
        const struct berth_label labels[] = {
            {BERTH_STR_INIT("model"), model->id},
            {BERTH_STR_INIT("part"), base_cstr(ml_latency_part_name((enum ml_latency_part)part))}};
        const struct berth_histogram histogram = {
            .size = sizeof histogram,
            .bound_count = ML_LATENCY_BOUNDS,
            .bounds = bounds,
            .counts = model->latency->counts[part],
            .sum = (double)model->latency->sum_ns[part] / 1e9,
        };
        (void)c->plugin->metrics->distribution(c->sink, labels, BASE_COUNT(labels), &histogram);
    }
}

static void put_models(const struct collecting *c) {
    struct ml_usage_report report;
    if (!ml_usage_report_make(c->plugin, ML_REPORT_LATENCY, 0, &report, NULL)) {
        for (size_t i = 0; i < BASE_COUNT(model_metrics); i++) {
            begin(c, model_metrics[i].type, model_metrics[i].name, model_metrics[i].help);
            for (uint32_t k = 0; k < report.model_count; k++) {
                put(c, "model", report.models[k].id, model_metrics[i].read(&report.models[k]));
            }
        }
        begin(c, BERTH_METRIC_HISTOGRAM, PREFIX "prediction_seconds",
              "Where the time of predictions went, by model: queue (limits), connect, remote (the "
              "service), own (all else).");
        for (uint32_t k = 0; k < report.model_count; k++) {
            put_latency(c, &report.models[k]);
        }
    }
    ml_usage_report_deinit(&report);
}

/* ---- services ---- */

static double in_flight_of(const struct ml_upstream_figures *f) {
    return f->in_flight;
}

static double waiting_of(const struct ml_upstream_figures *f) {
    return f->waiting;
}

static double openness_of(const struct ml_upstream_figures *f) {
    return f->is_open;
}

static double exchanges_of(const struct ml_upstream_figures *f) {
    return (double)f->exchanges;
}

static double service_failures_of(const struct ml_upstream_figures *f) {
    return (double)f->failures;
}

static double retries_of(const struct ml_upstream_figures *f) {
    return (double)f->retries;
}

static double retries_refused_of(const struct ml_upstream_figures *f) {
    return (double)f->retries_refused;
}

static double openings_of(const struct ml_upstream_figures *f) {
    return (double)f->openings;
}

static double refused_of(const struct ml_upstream_figures *f) {
    return (double)f->refused;
}

static const struct service_metric {
    const char *name;
    uint32_t type;
    const char *help;
    double (*read)(const struct ml_upstream_figures *figures);
} service_metrics[] = {
    {PREFIX "service_in_flight", BERTH_METRIC_GAUGE, "Exchanges under way with a remote service.",
     in_flight_of},
    {PREFIX "service_waiting", BERTH_METRIC_GAUGE,
     "Exchanges that wait since the service has as many as it may.", waiting_of},
    {PREFIX "service_circuit_open", BERTH_METRIC_GAUGE,
     "1 while a remote service is not asked, since too many exchanges failed.", openness_of},
    {PREFIX "service_exchanges_total", BERTH_METRIC_COUNTER, "Exchanges that ended.", exchanges_of},
    {PREFIX "service_failures_total", BERTH_METRIC_COUNTER,
     "Of these: no connection, no answer in time, 502, 503, 504.", service_failures_of},
    {PREFIX "service_retries_total", BERTH_METRIC_COUNTER, "Exchanges that were tried again.",
     retries_of},
    {PREFIX "service_retries_refused_total", BERTH_METRIC_COUNTER,
     "Retries that the budget did not allow.", retries_refused_of},
    {PREFIX "service_circuit_openings_total", BERTH_METRIC_COUNTER,
     "How often the circuit to a remote service opened.", openings_of},
    {PREFIX "service_refused_total", BERTH_METRIC_COUNTER,
     "Exchanges that were refused while the circuit was open.", refused_of},
};

struct putting_service {
    const struct collecting *c;
    const struct service_metric *metric;
    uint64_t now_ns;
};

static void put_service(void *user, const struct ml_upstream *upstream) {
    const struct putting_service *p = user;
    struct ml_upstream_figures figures;
    ml_upstream_read(upstream, p->now_ns, &figures);
    put(p->c, "service", ml_upstream_name(upstream), p->metric->read(&figures));
}

static void put_services(const struct collecting *c) {
    struct putting_service p = {.c = c, .now_ns = base_monotonic_ns()};
    for (size_t i = 0; i < BASE_COUNT(service_metrics); i++) {
        p.metric = &service_metrics[i];
        begin(c, p.metric->type, p.metric->name, p.metric->help);
        ml_upstreams_each(c->plugin->upstreams, put_service, &p);
    }
}

/* ---- connections: each loop has its own ---- */

struct connections {
    struct berth_str service;
    uint32_t open;
    uint32_t idle;
};

/* Loops may be at it at the same time. */
struct counting {
    struct base_arena arena;
    struct base_map by_service;
    pthread_mutex_t lock;
};

static void count_service(void *user, const struct ml_http_service *service) {
    struct counting *counting = user;
    char text[512];
    bool is_address = strchr(service->host, ':') != NULL;
    int len = snprintf(text, sizeof text, "%s://%s%s%s:%s", service->scheme, is_address ? "[" : "",
                       service->host, is_address ? "]" : "", service->port);
    struct berth_str name =
        base_str(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    struct connections *found = base_map_get(&counting->by_service, name);
    if (!found) {
        found = base_arena_array(&counting->arena, 1, sizeof *found);
        if (!found) {
            return;
        }
        found->service = base_arena_dup(&counting->arena, name);
        if (!found->service.ptr || !base_map_set(&counting->by_service, found->service, found)) {
            return;
        }
    }
    found->open += service->connections;
    found->idle += service->idle;
}

static void count_loop(void *user, uint32_t index, void *context) {
    struct counting *counting = user;
    const struct ml_loop *loop = context;
    (void)index;
    (void)pthread_mutex_lock(&counting->lock);
    ml_http_services(loop->client, count_service, counting);
    (void)pthread_mutex_unlock(&counting->lock);
}

static void put_connections(const struct collecting *c) {
    struct counting counting = {.by_service = {0}};
    size_t cursor = 0;
    const struct connections *one;
    base_arena_init(&counting.arena, ARENA_CHUNK);
    (void)pthread_mutex_init(&counting.lock, NULL);
    if (!c->plugin->loop->run_on_all(c->plugin->host, count_loop, &counting)) {
        begin(c, BERTH_METRIC_GAUGE, PREFIX "service_connections",
              "Open connections to a remote service.");
        while ((one = base_map_next(&counting.by_service, &cursor))) {
            put(c, "service", one->service, one->open);
        }
        cursor = 0;
        begin(c, BERTH_METRIC_GAUGE, PREFIX "service_connections_idle",
              "Of these: kept for the next exchange.");
        while ((one = base_map_next(&counting.by_service, &cursor))) {
            put(c, "service", one->service, one->idle);
        }
    }
    (void)pthread_mutex_destroy(&counting.lock);
    base_map_deinit(&counting.by_service);
    base_arena_deinit(&counting.arena);
}

static void collect(void *user, struct berth_metrics_sink *sink) {
    const struct collecting c = {.plugin = user, .sink = sink};
    put_models(&c);
    put_services(&c);
    put_connections(&c);
}

int32_t ml_metrics_add(struct ml_plugin *plugin, struct berth_error *error) {
    return plugin->metrics ? plugin->metrics->collect(plugin->host, collect, plugin, error)
                           : BERTH_OK;
}
