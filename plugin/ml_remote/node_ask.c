/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/node_ask.h"

#include "plugin/ml_remote/node_choice.h"
#include "plugin/ml_remote/task.h"

#include <stdlib.h>

/* ---- asking ---- */

/* Questions of one call of the host, and what their nodes' numbers are. */
struct round {
    ml_node_answer_fn fn;
    void *user;
    uint32_t numbers[BERTH_PEER_QUESTIONS_MAX];
    struct berth_peer_question questions[BERTH_PEER_QUESTIONS_MAX];
    uint32_t count;
};

static void on_answer(void *user, uint32_t question, const struct berth_peer_answer *answer) {
    const struct round *round = user;
    round->fn(round->user, round->numbers[question], answer);
}

static int32_t ask_round(struct ml_plugin *plugin, struct round *round, uint64_t timeout_ms,
                         struct berth_error *error) {
    if (round->count == 0) {
        return BERTH_OK;
    }
    if (!plugin->peers) {
        return base_error(error, BERTH_E_STATE, "this host knows other nodes, but asks none");
    }
    int32_t code = plugin->peers->ask(plugin->host, round->questions, round->count, timeout_ms,
                                      on_answer, round, error);
    round->count = 0;
    return code;
}

int32_t ml_nodes_ask(struct ml_plugin *plugin, const struct ml_node_list *nodes,
                     const struct ml_node_question *question, ml_node_answer_fn fn, void *user,
                     struct berth_error *error) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    struct berth_str own_id = ml_node_id(plugin, &arena);
    struct round *round = malloc(sizeof *round);
    int32_t code = own_id.ptr && round ? BERTH_OK : base_error_memory(error);
    if (round) {
        round->fn = fn;
        round->user = user;
        round->count = 0;
    }
    for (uint32_t i = 0; i < nodes->count && !code; i++) {
        if (base_str_eq(nodes->ids[i], own_id)) {
            continue;
        }
        round->numbers[round->count] = i;
        round->questions[round->count++] =
            (struct berth_peer_question){.size = sizeof round->questions[0],
                                         .node_id = nodes->ids[i],
                                         .path = base_cstr(question->path),
                                         .body = question->body};
        if (round->count == BERTH_PEER_QUESTIONS_MAX) {
            code = ask_round(plugin, round, question->timeout_ms, error);
        }
    }
    code = code ? code : ask_round(plugin, round, question->timeout_ms, error);
    free(round);
    return code;
}

/* ---- reports ---- */

struct gathering {
    struct ml_plugin *plugin;
    struct ml_node_reports *reports;
};

static void read_report(struct ml_node_report *report) {
    if (!report->text.error && json_parse(&report->doc, base_buf_view(&report->text), 0, NULL) &&
        json_is(json_root(&report->doc), JSON_OBJECT)) {
        report->root = json_root(&report->doc);
    }
}

static void on_report(void *user, uint32_t node, const struct berth_peer_answer *answer) {
    const struct gathering *gathering = user;
    struct ml_node_report *report = &gathering->reports->list[node];
    struct ml_plugin *plugin = gathering->plugin;
    if (answer->status == 200) {
        base_buf_str(&report->text, answer->body);
        read_report(report);
    }
    if (!json_present(report->root)) {
        const struct berth_log_field fields[] = {
            {BERTH_STR_INIT("node_id"), report->node_id},
            {BERTH_STR_INIT("reason"), base_str_slice(answer->body, 0, 200)},
        };
        plugin->log->write(plugin->host, BERTH_LOG_WARN, BERTH_STR("node_not_told_of"), fields,
                           BASE_COUNT(fields));
    }
}

int32_t ml_nodes_gather(struct ml_plugin *plugin, const struct ml_node_list *nodes,
                        const struct ml_node_question *question,
                        int32_t (*put)(void *user, struct base_buf *out), void *user,
                        struct ml_node_reports *out_reports, struct berth_error *error) {
    struct gathering gathering = {plugin, out_reports};
    *out_reports = (struct ml_node_reports){calloc(nodes->count + 1u, sizeof *out_reports->list),
                                            nodes->count};
    int32_t code = out_reports->list ? BERTH_OK : base_error_memory(error);
    for (uint32_t i = 0; i < nodes->count && !code; i++) {
        struct ml_node_report *report = &out_reports->list[i];
        report->node_id = nodes->ids[i];
        base_buf_init(&report->text, BASE_BUF_MAX_DEFAULT);
        if (ml_node_see(plugin, nodes->ids[i]).is_local) {
            code = put(user, &report->text);
            code = code || !report->text.error ? code : base_error_memory(error);
            read_report(report);
        }
    }
    return code ? code : ml_nodes_ask(plugin, nodes, question, on_report, &gathering, error);
}

void ml_node_reports_deinit(struct ml_node_reports *reports) {
    for (uint32_t i = 0; reports->list && i < reports->count; i++) {
        json_doc_deinit(&reports->list[i].doc);
        base_buf_deinit(&reports->list[i].text);
    }
    free(reports->list);
    *reports = (struct ml_node_reports){NULL, 0};
}
