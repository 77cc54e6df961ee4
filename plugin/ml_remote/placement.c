/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/placement.h"

#include "plugin/ml_remote/deployed.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_ask.h"
#include "plugin/ml_remote/node_choice.h"

/* Where nodes ask each other to try a model. */
#define TRY_PATH "/_plugins/_ml/_nodes/_try"
/* How long they may take for it: they read documents and prepare what is in them. */
#define TRY_TIMEOUT_MS 10000u

bool ml_node_list_has(const struct ml_node_list *list, struct berth_str id) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (base_str_eq(list->ids[i], id)) {
            return true;
        }
    }
    return false;
}

/* ---- who there is ---- */

struct select_call {
    const struct ml_eligibility_rules *rules; /* NULL: all */
    const struct ml_node_list *chosen;        /* NULL: all */
    struct base_arena *arena;
    struct ml_node_list *out;
    bool ok;
};

static void select_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    struct select_call *call = user;
    *call->out = (struct ml_node_list){
        .ids = base_arena_array(call->arena, count + 1u, sizeof *call->out->ids)};
    call->ok = call->out->ids != NULL;
    for (uint32_t i = 0; i < count && call->ok; i++) {
        bool fits = (!call->rules || ml_eligibility_of(call->rules, &nodes[i]) == ML_ELIGIBLE) &&
                    (!call->chosen || ml_node_list_has(call->chosen, nodes[i].id));
        if (fits) {
            struct berth_str id = base_arena_dup(call->arena, nodes[i].id);
            call->out->ids[call->out->count++] = id;
            call->ok = id.ptr != NULL;
        }
    }
}

static int32_t select_by(struct ml_plugin *plugin, struct select_call *call) {
    int32_t code = plugin->nodes->read(plugin->host, select_nodes, call);
    return code ? code : call->ok ? BERTH_OK : BERTH_E_NO_MEMORY;
}

int32_t ml_nodes_all(struct ml_plugin *plugin, struct base_arena *arena, struct ml_node_list *out) {
    struct select_call call = {.arena = arena, .out = out};
    return select_by(plugin, &call);
}

int32_t ml_nodes_eligible(struct ml_plugin *plugin, const struct ml_settings *settings,
                          const struct ml_node_list *chosen, struct base_arena *arena,
                          struct ml_node_list *out) {
    struct select_call call = {
        .rules = &settings->rules, .chosen = chosen, .arena = arena, .out = out};
    return select_by(plugin, &call);
}

static void note_elected(void *user, const struct berth_node *nodes, uint32_t count) {
    bool *is_elected = user;
    for (uint32_t i = 0; i < count; i++) {
        *is_elected = *is_elected || (nodes[i].is_local && nodes[i].is_elected);
    }
}

bool ml_node_is_elected(struct ml_plugin *plugin) {
    bool is_elected = false;
    (void)plugin->nodes->read(plugin->host, note_elected, &is_elected);
    return is_elected;
}

/* ---- trying ---- */

void ml_try_here(struct ml_plugin *plugin, const struct ml_settings *settings,
                 const struct ml_document *model, struct ml_trial *out_trial) {
    struct ml_deployed *deployed = NULL;
    *out_trial = (struct ml_trial){.reason = BASE_ERROR_INIT};
    out_trial->is_refused = !ml_slots_take(&plugin->deployments, settings->max_deploy_tasks);
    if (out_trial->is_refused) {
        out_trial->has_failed = true;
        (void)base_error(&out_trial->reason, BERTH_E_LIMIT,
                         "so many deployments run on this node as "
                         "[plugins.ml_commons.max_deploy_model_tasks_per_node] allows: %lld",
                         (long long)settings->max_deploy_tasks);
        return;
    }
    out_trial->has_failed = ml_deployed_create(plugin, model->stored->id, model->root, NULL,
                                               &deployed, &out_trial->reason) != BERTH_OK;
    ml_deployed_unref(deployed);
    ml_slots_give(&plugin->deployments);
}

static void fail_trial(struct ml_trial *trial, const char *what, struct berth_str why) {
    trial->has_failed = true;
    (void)base_error(&trial->reason, BERTH_E_UNAVAILABLE, "%s: " BASE_FMT, what, BASE_ARG(why));
}

static void on_tried(void *user, uint32_t node, const struct berth_peer_answer *answer) {
    struct ml_trial *trial = &((struct ml_trial *)user)[node];
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    struct berth_str reason = answer->body;
    base_arena_init(&arena, 512);
    if (answer->status != 200 || !json_parse(&doc, answer->body, 0, NULL)) {
        reason.len = reason.len > 300 ? 300 : reason.len;
        fail_trial(trial, answer->status ? "the node refused" : "the node does not answer", reason);
    } else if (json_string(json_get(json_root(&doc), "reason"), &arena, &reason)) {
        fail_trial(trial, "the node cannot deploy it", reason);
    }
}

int32_t ml_try_on(struct ml_plugin *plugin, const struct ml_settings *settings,
                  const struct ml_document *model, const struct ml_node_list *nodes,
                  struct ml_trial *out_trials, struct berth_error *error) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_string(&body, "model_id", model->stored->id);
    json_close_object(&body);
    for (uint32_t i = 0; i < nodes->count; i++) {
        out_trials[i] = (struct ml_trial){.reason = BASE_ERROR_INIT};
        if (ml_node_see(plugin, nodes->ids[i]).is_local) {
            ml_try_here(plugin, settings, model, &out_trials[i]);
        }
    }
    const struct ml_node_question question = {TRY_PATH, base_buf_view(&body), TRY_TIMEOUT_MS};
    return body.error ? base_error_memory(error)
                      : ml_nodes_ask(plugin, nodes, &question, on_tried, out_trials, error);
}

/* ---- for the other nodes ---- */

int32_t ml_try_model(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    struct ml_trial trial = {.reason = BASE_ERROR_INIT};
    struct berth_str model_id = {NULL, 0};
    int32_t code = ml_call_read_body(call);
    code = code ? code : ml_call_text(call, call->body, "model_id", &model_id);
    code = code ? code : ml_document_get(call->plugin, ML_MODEL, model_id, &model, &call->error);
    if (code) {
        return code;
    }
    if (!call->settings->node_is_eligible) {
        trial.has_failed = true;
        (void)ml_settings_not_eligible(call->plugin, call->settings, &trial.reason);
    } else {
        ml_try_here(call->plugin, call->settings, &model, &trial);
    }
    json_open_object(&call->out);
    json_member_bool(&call->out, "ready", !trial.has_failed);
    if (trial.has_failed) {
        json_member_cstr(&call->out, "reason", trial.reason.message);
    }
    json_close_object(&call->out);
    return BERTH_OK;
}
