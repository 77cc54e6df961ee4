/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _berth/plugins and _berth/metrics: what OpenSearch has no route for.
 */
#include "host/base/process.h"
#include "host/rest/rest.h"
#include "host/version.h"

static void get_plugins(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_cstr(&body, "berth", BERTH_VERSION);
    json_key(&body, "plugins");
    plugins_describe(context->plugins, &body);
    json_close_object(&body);
    router_reply_json(request, 200, &body);
}

/* A sample in Prometheus' text format, with the lines that describe it. */
static void metric(struct base_buf *out, const char *name, const char *type, const char *help,
                   double value) {
    base_buf_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name,
                    value);
}

static void put_process(struct base_buf *out, const struct rest_context *context) {
    struct process_info process;
    process_read(&process);
    metric(out, "process_cpu_seconds_total", "counter", "CPU time, user and system.",
           process.cpu_seconds);
    metric(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
           (double)process.rss_bytes);
    metric(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.",
           (double)process.virtual_bytes);
    metric(out, "process_open_fds", "gauge", "Open file descriptors.", process.open_fds);
    metric(out, "process_max_fds", "gauge", "Most file descriptors.", process.max_fds);
    metric(out, "process_threads", "gauge", "Threads.", process.threads);
    metric(out, "process_start_time_seconds", "gauge", "When the process started, since 1970.",
           (double)context->started_ms / 1000);
}

static void put_http(struct base_buf *out, const struct rest_context *context) {
    struct http_stats http;
    http_server_stats(context->server, &http);
    metric(out, "berth_http_connections", "gauge", "Open connections.",
           (double)http.connections_open);
    metric(out, "berth_http_connections_opened_total", "counter", "Connections that were opened.",
           (double)http.connections_opened);
    metric(out, "berth_http_connections_refused_total", "counter",
           "Connections that were refused, for their number or for want of memory.",
           (double)http.connections_refused);
    metric(out, "berth_http_requests_total", "counter", "Requests.", (double)http.requests);
    metric(out, "berth_http_requests_in_flight", "gauge", "Requests that are not answered.",
           (double)http.in_flight);
    metric(out, "berth_http_bad_requests_total", "counter",
           "Bytes that were refused before they were a request.", (double)http.bad_requests);
    metric(out, "berth_http_clients_gone_total", "counter",
           "Clients that left before their answer.", (double)http.clients_gone);
    metric(out, "berth_http_received_bytes_total", "counter", "Bytes received.",
           (double)http.bytes_in);
    metric(out, "berth_http_sent_bytes_total", "counter", "Bytes sent.", (double)http.bytes_out);
    base_buf_cstr(out, "# HELP berth_http_replies_total Answers by class of status.\n"
                       "# TYPE berth_http_replies_total counter\n");
    for (unsigned class = 2; class < BASE_COUNT(http.replies_by_class); class ++) {
        base_buf_format(out, "berth_http_replies_total{class=\"%uxx\"} %llu\n", class,
                        (unsigned long long)http.replies_by_class[class]);
    }
}

static void put_pool(struct base_buf *out, const struct rest_context *context) {
    struct worker_stats workers;
    worker_pool_stats(context->workers, &workers);
    metric(out, "berth_worker_threads", "gauge", "Threads of the worker pool.", workers.threads);
    metric(out, "berth_worker_active", "gauge", "Threads that are at work.", workers.active);
    metric(out, "berth_worker_queued", "gauge", "Jobs that wait.", workers.queued);
    metric(out, "berth_worker_completed_total", "counter", "Jobs that were done.",
           (double)workers.completed);
    metric(out, "berth_worker_rejected_total", "counter", "Jobs that the full queue refused.",
           (double)workers.rejected);
}

static void put_store(struct base_buf *out, const struct rest_context *context) {
    struct store_stats store;
    store_stats(context->store, &store);
    metric(out, "berth_store_writes_total", "counter", "Writes of documents.",
           (double)store.writes);
    metric(out, "berth_store_reads_total", "counter", "Reads of documents.", (double)store.reads);
    metric(out, "berth_store_searches_total", "counter", "Searches.", (double)store.searches);
    metric(out, "berth_store_sequence_number", "gauge", "Sequence numbers that were given.",
           (double)store.last_seq_no);
}

static void put_reloads(struct base_buf *out, const struct rest_context *context) {
    struct plugins_stats stats;
    plugins_stats(context->plugins, &stats);
    metric(out, "berth_plugin_reloads_total", "counter", "Plugins that were replaced.",
           (double)stats.reloads);
    metric(out, "berth_plugin_reloads_refused_total", "counter",
           "Replacements after which the old generation served on.", (double)stats.refused);
    metric(out, "berth_plugins_quarantined", "gauge",
           "Replaced generations that have requests left.", stats.quarantined);
}

static void put_plugin(void *user, const struct plugin_info *info) {
    base_buf_format(user, "berth_plugin_info{name=\"" BASE_FMT "\",version=\"" BASE_FMT "\"} 1\n",
                    BASE_ARG(info->name), BASE_ARG(info->version));
}

static void get_metrics(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    base_buf_cstr(&out, "# HELP berth_info The program.\n# TYPE berth_info gauge\n"
                        "berth_info{version=\"" BERTH_VERSION "\"} 1\n");
    put_process(&out, context);
    put_http(&out, context);
    put_pool(&out, context);
    put_store(&out, context);
    put_reloads(&out, context);
    base_buf_cstr(&out, "# HELP berth_plugin_info The plugins that serve.\n"
                        "# TYPE berth_plugin_info gauge\n");
    plugins_each(context->plugins, put_plugin, &out);
    plugins_put_metrics(context->plugins, &out);
    if (out.error) {
        router_reply_json(request, 200, &out);
        return;
    }
    struct berth_str part = base_buf_view(&out);
    (void)router_reply(
        request,
        &(struct berth_reply){.size = sizeof(struct berth_reply),
                              .status = 200,
                              .content_type = BERTH_STR("text/plain; version=0.0.4; charset=utf-8"),
                              .parts = &part,
                              .part_count = 1});
}

int32_t rest_add_berth(struct route_set *set, struct rest_context *context,
                       struct berth_error *error) {
    static const struct rest_route routes[] = {
        {"GET", "/_berth/plugins", BERTH_ROUTE_WORKER, BERTH_BODY_NONE,
         "cluster:monitor/berth/plugins", get_plugins, NULL},
        {"GET", "/_berth/metrics", BERTH_ROUTE_WORKER, BERTH_BODY_NONE,
         "cluster:monitor/berth/metrics", get_metrics, NULL},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
