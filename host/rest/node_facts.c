/* SPDX-License-Identifier: Apache-2.0 */
#include "host/rest/node_facts.h"

#include "base/clock.h"
#include "host/base/process.h"
#include "host/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

/* How long the others may take: they read a few files of their system. */
#define TIMEOUT_MS 2000u

static const char *const kinds[] = {[NODE_INFO] = "info", [NODE_STATS] = "stats"};

/* ---- info ---- */

static void put_os(const struct rest_context *context, struct base_buf *out) {
    struct utsname name;
    struct machine_info machine;
    (void)context;
    machine_read(&machine);
    if (uname(&name) == 0) {
        json_member_cstr(out, "name", name.sysname);
        json_member_cstr(out, "version", name.release);
        json_member_cstr(out, "arch", name.machine);
    }
    json_member_u64(out, "available_processors", machine.processors);
    json_member_u64(out, "allocated_processors", machine.processors);
}

static void put_process(const struct rest_context *context, struct base_buf *out) {
    (void)context;
    json_member_i64(out, "id", getpid());
}

static void put_http(const struct rest_context *context, struct base_buf *out) {
    const struct berth_node *node = nodes_local(context->nodes);
    json_key(out, "bound_address");
    json_put_strings(out, &node->address, 1);
    json_member_string(out, "publish_address", node->address);
    json_member_u64(out, "max_content_length_in_bytes", context->max_content_length);
}

static void put_plugin(void *user, const struct plugin_info *info) {
    struct base_buf *out = user;
    json_open_object(out);
    json_member_string(out, "name", info->component);
    json_member_string(out, "version", info->component_version);
    json_member_string(out, "description", info->description);
    /* What it is of OpenSearch stands before; these are its own, which differ while nodes are
     * upgraded one by one. */
    json_member_string(out, "plugin", info->name);
    json_member_string(out, "plugin_version", info->version);
    json_close_object(out);
}

static void put_build(const struct rest_context *context, struct base_buf *out) {
    json_member_string(out, "version", context->compatibility_version);
    json_member_cstr(out, "build_type", "native");
    json_member_cstr(out, "build_hash", BERTH_BUILD_HASH);
}

/* ---- statistics ---- */

static void put_process_stats(const struct rest_context *context, struct base_buf *out) {
    struct process_info process;
    process_read(&process);
    json_member_u64(out, "timestamp", base_wall_ms());
    json_member_i64(out, "id", getpid());
    json_member_u64(out, "uptime_in_millis", base_wall_ms() - context->started_ms);
    json_member_u64(out, "open_file_descriptors", process.open_fds);
    json_member_u64(out, "max_file_descriptors", process.max_fds);
    json_member_u64(out, "threads", process.threads);
    json_key(out, "cpu");
    json_open_object(out);
    json_member_u64(out, "total_in_millis", (uint64_t)(process.cpu_seconds * 1000));
    json_close_object(out);
    json_key(out, "mem");
    json_open_object(out);
    json_member_u64(out, "resident_in_bytes", process.rss_bytes);
    json_member_u64(out, "total_virtual_in_bytes", process.virtual_bytes);
    json_close_object(out);
}

static void put_os_stats(const struct rest_context *context, struct base_buf *out) {
    static const char *const names[] = {"1m", "5m", "15m"};
    struct machine_info machine;
    (void)context;
    machine_read(&machine);
    json_member_u64(out, "timestamp", base_wall_ms());
    json_key(out, "cpu");
    json_open_object(out);
    json_key(out, "load_average");
    json_open_object(out);
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        json_key(out, names[i]);
        json_put_f64(out, machine.load[i]);
    }
    json_close_object(out);
    json_close_object(out);
    json_key(out, "mem");
    json_open_object(out);
    json_member_u64(out, "total_in_bytes", machine.memory_bytes);
    json_member_u64(out, "free_in_bytes", machine.memory_available_bytes);
    json_close_object(out);
}

static void put_http_stats(const struct rest_context *context, struct base_buf *out) {
    struct http_stats http;
    http_server_stats(context->server, &http);
    json_member_u64(out, "current_open", http.connections_open);
    json_member_u64(out, "total_opened", http.connections_opened);
    json_member_u64(out, "requests", http.requests);
    json_member_u64(out, "bad_requests", http.bad_requests);
    json_member_u64(out, "in_flight", http.in_flight);
}

static void put_pool_stats(const struct rest_context *context, struct base_buf *out) {
    struct worker_stats workers;
    worker_pool_stats(context->workers, &workers);
    json_key(out, "worker");
    json_open_object(out);
    json_member_u64(out, "threads", workers.threads);
    json_member_u64(out, "queue", workers.queued);
    json_member_u64(out, "active", workers.active);
    json_member_u64(out, "rejected", workers.rejected);
    json_member_u64(out, "completed", workers.completed);
    json_close_object(out);
}

/* ---- this node ---- */

/* In the order in which they are shown. */
static const struct {
    enum node_facts_kind kind;
    const char *metric;
    void (*put)(const struct rest_context *context, struct base_buf *out);
} facts_table[] = {
    {NODE_INFO, "os", put_os},
    {NODE_INFO, "process", put_process},
    {NODE_INFO, "http", put_http},
    {NODE_STATS, "os", put_os_stats},
    {NODE_STATS, "process", put_process_stats},
    {NODE_STATS, "thread_pool", put_pool_stats},
    {NODE_STATS, "http", put_http_stats},
};

void node_facts_put(const struct rest_context *context, enum node_facts_kind kind,
                    struct berth_str metrics, struct base_buf *out) {
    json_open_object(out);
    if (kind == NODE_INFO) {
        put_build(context, out);
    }
    for (size_t i = 0; i < BASE_COUNT(facts_table); i++) {
        if (facts_table[i].kind == kind && rest_wants(metrics, facts_table[i].metric)) {
            json_key(out, facts_table[i].metric);
            json_open_object(out);
            facts_table[i].put(context, out);
            json_close_object(out);
        }
    }
    if (kind == NODE_INFO && rest_wants(metrics, "plugins")) {
        json_key(out, "plugins");
        json_open_array(out);
        plugins_each(context->plugins, put_plugin, out);
        json_close_array(out);
    }
    json_close_object(out);
}

void node_facts_answer(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    struct berth_error error = BASE_ERROR_INIT;
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO out;
    struct json_error fault;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    if (!json_parse(&doc, view->body, 0, &fault)) {
        (void)json_report(&fault, "the body", &error);
        (void)router_reply_error(request, &error);
        return;
    }
    bool stats = json_string_is(json_get(json_root(&doc), "kind"), base_cstr(kinds[NODE_STATS]));
    node_facts_put(user, stats ? NODE_STATS : NODE_INFO,
                   json_inner(json_get(json_root(&doc), "metrics")), &out);
    router_reply_json(request, 200, &out);
}

/* ---- all nodes ---- */

static void refuse(struct node_facts *facts, const char *what, struct berth_str why) {
    (void)snprintf(facts->reason, sizeof facts->reason, "%s: " BASE_FMT, what,
                   BASE_ARG(base_str_slice(why, 0, 100)));
}

static void read_answer(struct node_facts *facts) {
    if (json_parse(&facts->doc, base_buf_view(&facts->text), 0, NULL) && !facts->text.error) {
        facts->root = json_root(&facts->doc);
    }
    if (!json_is(facts->root, JSON_OBJECT)) {
        facts->root = JSON_NONE;
        refuse(facts, "the node's answer cannot be read", base_buf_view(&facts->text));
    }
}

/* Whose answers the questions get. */
struct gathering {
    struct node_facts **asked;
};

static void on_answer(void *user, uint32_t question, const struct berth_peer_answer *answer) {
    struct node_facts *facts = ((const struct gathering *)user)->asked[question];
    if (answer->status != 200) {
        refuse(facts, answer->status ? "the node refused" : "the node has not answered",
               answer->body);
        return;
    }
    base_buf_str(&facts->text, answer->body);
    read_answer(facts);
}

static int32_t ask_others(const struct rest_context *context, struct berth_str body,
                          const struct berth_node *const *nodes, uint32_t count,
                          struct node_facts *facts) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 4096);
    struct gathering gathering = {base_arena_array(&arena, count + 1u, sizeof(void *))};
    struct berth_peer_question *questions = base_arena_array(&arena, count + 1u, sizeof *questions);
    uint32_t asked = 0;
    if (!gathering.asked || !questions) {
        return BERTH_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i]->is_local) {
            continue;
        }
        if (asked == BERTH_PEER_QUESTIONS_MAX || !context->peers) {
            refuse(&facts[i], "the node was not asked", BERTH_STR("there are too many"));
            continue;
        }
        gathering.asked[asked] = &facts[i];
        questions[asked++] = (struct berth_peer_question){.size = sizeof *questions,
                                                          .node_id = nodes[i]->id,
                                                          .path = BERTH_STR(NODE_FACTS_PATH),
                                                          .body = body};
    }
    return asked ? peers_ask(context->peers, questions, asked, TIMEOUT_MS, on_answer, &gathering,
                             NULL)
                 : BERTH_OK;
}

struct node_facts *node_facts_gather(const struct rest_context *context, enum node_facts_kind kind,
                                     struct berth_str metrics,
                                     const struct berth_node *const *nodes, uint32_t count) {
    struct node_facts *facts = calloc(count + 1u, sizeof *facts);
    BASE_BUF_AUTO body;
    base_buf_init(&body, 65536);
    json_open_object(&body);
    json_member_cstr(&body, "kind", kinds[kind]);
    json_member_string(&body, "metrics", metrics);
    json_close_object(&body);
    for (uint32_t i = 0; facts && i < count; i++) {
        base_buf_init(&facts[i].text, BASE_BUF_MAX_DEFAULT);
        if (nodes[i]->is_local) {
            node_facts_put(context, kind, metrics, &facts[i].text);
            read_answer(&facts[i]);
        }
    }
    if (facts && (body.error || ask_others(context, base_buf_view(&body), nodes, count, facts))) {
        node_facts_free(facts, count);
        return NULL;
    }
    return facts;
}

void node_facts_free(struct node_facts *facts, uint32_t count) {
    for (uint32_t i = 0; facts && i < count; i++) {
        json_doc_deinit(&facts[i].doc);
        base_buf_deinit(&facts[i].text);
    }
    free(facts);
}
