/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/tidy.h"

#include "base/clock.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/found.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_ask.h"
#include "plugin/ml_remote/node_choice.h"

#include <stdio.h>

/* Models of one run; those come first whose documents are oldest. */
#define MODELS_MAX 10000u
#define NS_PER_MINUTE (60ull * BASE_MS_PER_S * BASE_NS_PER_MS)

static void report(struct ml_plugin *plugin, uint32_t level, const char *event, struct berth_str id,
                   const char *reason) {
    ml_tidy_report(plugin, &(struct ml_tidied){level, event, "model_id", id, reason});
}

/* ---- idle ones ---- */

static bool is_idle(struct ml_plugin *plugin, struct berth_str id) {
    struct ml_deployed *deployed = ml_catalogue_get(plugin, id);
    int64_t ttl = deployed ? deployed->ttl_minutes : -1;
    ml_deployed_unref(deployed);
    if (ttl < 0) {
        return false;
    }
    uint64_t last = ml_catalogue_last_used(plugin, id);
    return last && (base_monotonic_ns() - last) / NS_PER_MINUTE >= (uint64_t)ttl;
}

/* Where nodes ask each other whether a model is used. */
#define IDLE_PATH "/_plugins/_ml/_nodes/_idle"
#define IDLE_TIMEOUT_MS 5000u

int32_t ml_idle_model(struct ml_call *call) {
    struct berth_str model_id = {NULL, 0};
    int32_t code = ml_call_read_body(call);
    code = code ? code : ml_call_text(call, call->body, "model_id", &model_id);
    if (code) {
        return code;
    }
    bool idle = !ml_catalogue_has(call->plugin, model_id) || is_idle(call->plugin, model_id);
    json_open_object(&call->out);
    json_member_bool(&call->out, "idle", idle);
    json_close_object(&call->out);
    return BERTH_OK;
}

static void note_idle(void *user, uint32_t node, const struct berth_peer_answer *answer) {
    bool *all_idle = user;
    JSON_DOC_AUTO doc = {0};
    (void)node;
    *all_idle = *all_idle && answer->status == 200 && json_parse(&doc, answer->body, 0, NULL) &&
                json_is(json_get(json_root(&doc), "idle"), JSON_TRUE);
}

/* The nodes of its plan that are there; false where another one than this is the first of them. */
static bool list_others(struct ml_plugin *plugin, struct json_value model, struct base_arena *arena,
                        struct ml_node_list *others) {
    struct json_value planned = json_get(model, "planning_worker_nodes");
    bool is_first = true;
    bool is_ours = false;
    others->ids = base_arena_array(arena, json_count(planned) + 1, sizeof *others->ids);
    for (struct json_value v = json_first(planned); others->ids && json_present(v);
         v = json_next(planned, v)) {
        struct berth_str id;
        struct ml_node_seen seen = {0};
        if (json_string(v, arena, &id)) {
            seen = ml_node_see(plugin, id);
        }
        if (seen.is_there) {
            is_ours = is_ours || (is_first && seen.is_local);
            is_first = false;
            if (!seen.is_local) {
                others->ids[others->count++] = id;
            }
        }
    }
    return is_ours;
}

/* Of a model on several nodes the first of them asks the others whether they use it. */
static bool is_idle_everywhere(struct ml_plugin *plugin, struct berth_str id,
                               struct base_arena *arena) {
    ML_DOCUMENT_AUTO model = {0};
    BASE_BUF_AUTO body;
    struct ml_node_list others = {0};
    struct berth_error error = BASE_ERROR_INIT;
    bool all_idle = true;
    base_buf_init(&body, 4096);
    if (!is_idle(plugin, id) || ml_document_get(plugin, ML_MODEL, id, &model, &error) ||
        !list_others(plugin, model.root, arena, &others)) {
        return false;
    }
    json_open_object(&body);
    json_member_string(&body, "model_id", id);
    json_close_object(&body);
    const struct ml_node_question question = {IDLE_PATH, base_buf_view(&body), IDLE_TIMEOUT_MS};
    return !body.error && !ml_nodes_ask(plugin, &others, &question, note_idle, &all_idle, &error) &&
           all_idle;
}

void ml_tidy_idle_models(struct ml_plugin *plugin) {
    BASE_ARENA_AUTO arena;
    struct berth_str *ids = NULL;
    base_arena_init(&arena, 4096);
    size_t count = ml_catalogue_ids(plugin, &arena, &ids);
    for (size_t i = 0; i < count; i++) {
        struct ml_node_list taken;
        struct berth_error error = BASE_ERROR_INIT;
        if (is_idle_everywhere(plugin, ids[i], &arena)) {
            int32_t code = ml_undeploy(plugin, ids[i], NULL, &arena, &taken, &error);
            report(plugin, code ? BERTH_LOG_ERROR : BERTH_LOG_INFO,
                   code ? "model_not_undeployed" : "model_expired", ids[i],
                   code ? error.message : "unused for longer than its model_ttl_minutes");
        }
    }
}

/* ---- documents that say what is not ---- */

/* What a model's plan has come to. */
struct workers {
    uint32_t planned;
    uint32_t working;
    struct base_buf nodes; /* those that work, an array */
};

static bool works(struct ml_plugin *plugin, struct berth_str model_id, struct berth_str node_id) {
    struct ml_node_seen seen = ml_node_see(plugin, node_id);
    return seen.is_local ? ml_catalogue_has(plugin, model_id) : seen.is_there;
}

static void count_workers(struct ml_plugin *plugin, struct berth_str model_id,
                          struct json_value model, struct base_arena *arena,
                          struct workers *workers) {
    struct json_value planned = json_get(model, "planning_worker_nodes");
    json_open_array(&workers->nodes);
    for (struct json_value v = json_first(planned); json_present(v); v = json_next(planned, v)) {
        struct berth_str node_id;
        workers->planned++;
        if (json_string(v, arena, &node_id) && works(plugin, model_id, node_id)) {
            json_put_string(&workers->nodes, node_id);
            workers->working++;
        }
    }
    json_close_array(&workers->nodes);
}

/* What a model's document must say. */
struct verdict {
    struct workers workers;
    bool to_all;
    bool is_right; /* it does */
    struct berth_str state;
};

/* On all nodes means on all that are there; nodes that were chosen are missed when they are gone.
 */
static const char *state_of(const struct workers *workers, bool to_all) {
    return workers->working == 0                            ? "\"DEPLOY_FAILED\""
           : workers->working < workers->planned && !to_all ? "\"PARTIALLY_DEPLOYED\""
                                                            : "\"DEPLOYED\"";
}

static void judge(struct ml_plugin *plugin, struct berth_str id, struct json_value model,
                  struct base_arena *arena, struct verdict *out) {
    int64_t counted = 0;
    *out = (struct verdict){.to_all = json_is(json_get(model, "deploy_to_all_nodes"), JSON_TRUE)};
    base_buf_init(&out->workers.nodes, BASE_BUF_MAX_DEFAULT);
    count_workers(plugin, id, model, arena, &out->workers);
    out->state = base_cstr(state_of(&out->workers, out->to_all));
    (void)json_i64(json_get(model, "current_worker_node_count"), &counted);
    out->is_right = base_str_eq(json_raw(json_get(model, "model_state")), out->state) &&
                    counted == out->workers.working;
}

static int32_t write_verdict(struct ml_plugin *plugin, const struct ml_document *model,
                             const struct verdict *verdict, struct base_arena *arena,
                             struct berth_error *error) {
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    char count[16];
    (void)snprintf(count, sizeof count, "%u", verdict->workers.working);
    const struct ml_edit edits[] = {
        {"model_state", verdict->state},
        {"last_updated_time", ml_now(arena)},
        {"current_worker_node_count", base_cstr(count)},
        {"planning_worker_node_count", base_cstr(count)},
        {"planning_worker_nodes", base_buf_view(&verdict->workers.nodes)},
    };
    /* The plan itself, the last two, changes only where it is all nodes that there are. */
    bool replans = verdict->to_all && verdict->workers.working > 0;
    ml_document_edit(ML_MODEL, model->root, edits, BASE_COUNT(edits) - (replans ? 0 : 2), &source);
    if (source.error || verdict->workers.nodes.error || !edits[1].raw.ptr) {
        return base_error_memory(error);
    }
    struct berth_write write = ml_write_over(model, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, &write, 1, NULL, error);
}

/* Judged again by the document as it is now: what was found may be older. */
static int32_t correct(struct ml_plugin *plugin, struct berth_str id, struct base_arena *arena,
                       struct berth_error *error) {
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_document_get(plugin, ML_MODEL, id, &model, error);
    if (code) {
        return code;
    }
    struct verdict verdict;
    judge(plugin, id, model.root, arena, &verdict);
    code = verdict.is_right ? BERTH_OK : write_verdict(plugin, &model, &verdict, arena, error);
    base_buf_deinit(&verdict.workers.nodes);
    return code;
}

/* ---- plans that have come to other nodes ---- */

/* Whether a model that is to be on all nodes is not planned for one that may run it. */
static bool misses_a_node(struct ml_plugin *plugin, const struct ml_settings *settings,
                          struct json_value model, struct base_arena *arena) {
    struct ml_node_list eligible;
    struct json_value planned = json_get(model, "planning_worker_nodes");
    if (!json_is(json_get(model, "deploy_to_all_nodes"), JSON_TRUE) ||
        ml_nodes_eligible(plugin, settings, NULL, arena, &eligible)) {
        return false;
    }
    for (uint32_t i = 0; i < eligible.count; i++) {
        bool is_planned = false;
        for (struct json_value v = json_first(planned); json_present(v);
             v = json_next(planned, v)) {
            is_planned = is_planned || json_string_is(v, eligible.ids[i]);
        }
        if (!is_planned) {
            return true;
        }
    }
    return false;
}

static void replan_one(void *user, struct berth_str id, struct json_value source) {
    struct ml_plugin *plugin = user;
    struct ml_settings *settings = ml_settings_acquire(plugin);
    struct ml_deployment deployment;
    struct berth_error error = BASE_ERROR_INIT;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    if (misses_a_node(plugin, settings, source, &arena)) {
        const struct ml_plan plan = {.model_id = id};
        int32_t code = ml_deploy(plugin, settings, &plan, &deployment, &error);
        report(plugin, code ? BERTH_LOG_WARN : BERTH_LOG_INFO,
               code ? "model_not_redeployed" : "model_redeployed", id,
               code ? error.message : "a node has come that may run it");
    }
    ml_settings_release(settings);
}

void ml_tidy_plans(struct ml_plugin *plugin) {
    struct berth_error error = BASE_ERROR_INIT;
    uint32_t count = 0;
    const struct ml_finding finding = {
        .kind = ML_MODEL,
        .query =
            BERTH_STR("{\"bool\":{\"filter\":[{\"terms\":{\"model_state\":[\"DEPLOYED\","
                      "\"PARTIALLY_DEPLOYED\"]}},{\"term\":{\"deploy_to_all_nodes\":true}}]}}"),
        .sort = "last_updated_time",
        .max = MODELS_MAX};
    int32_t code = ml_find(plugin, &finding, replan_one, plugin, &count, &error);
    if (code) {
        report(plugin, BERTH_LOG_ERROR, "models_not_redeployed", base_str("", 0), error.message);
    }
}

static void correct_one(void *user, struct berth_str id, struct json_value source) {
    struct ml_plugin *plugin = user;
    struct verdict verdict;
    struct berth_error error = BASE_ERROR_INIT;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 512);
    judge(plugin, id, source, &arena, &verdict);
    base_buf_deinit(&verdict.workers.nodes);
    if (verdict.is_right) {
        return;
    }
    int32_t code = correct(plugin, id, &arena, &error);
    bool meanwhile = code == BERTH_E_CONFLICT || code == BERTH_E_NOT_FOUND;
    report(plugin, code && !meanwhile ? BERTH_LOG_ERROR : BERTH_LOG_WARN,
           code ? "model_not_corrected" : "model_corrected", id,
           code ? error.message : "its document said that it is deployed otherwise than it is");
}

void ml_tidy_models(struct ml_plugin *plugin) {
    BASE_BUF_AUTO query;
    struct berth_error error = BASE_ERROR_INIT;
    uint32_t count = 0;
    base_buf_init(&query, BASE_BUF_MAX_DEFAULT);
    base_buf_format(
        &query,
        "{\"bool\":{\"filter\":[{\"terms\":{\"model_state\":[\"DEPLOYING\",\"DEPLOYED\","
        "\"PARTIALLY_DEPLOYED\"]}},{\"range\":{\"last_updated_time\":{\"lt\":%llu}}}]}}",
        (unsigned long long)(base_wall_ms() - ML_TIDY_GRACE_MS));
    const struct ml_finding finding = {.kind = ML_MODEL,
                                       .query = base_buf_view(&query),
                                       .sort = "last_updated_time",
                                       .max = MODELS_MAX};
    int32_t code = query.error ? base_error_memory(&error)
                               : ml_find(plugin, &finding, correct_one, plugin, &count, &error);
    if (code) {
        report(plugin, BERTH_LOG_ERROR, "models_not_tidied", base_str("", 0), error.message);
    }
}
