/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

#include <inttypes.h>

#define CALLS_MAX 64u

/* The code that a function fails with: of its @errors the one that is least its caller's fault. */
static int32_t code_of(const struct kit_function *f) {
    static const struct {
        const char *name;
        int32_t code;
    } codes[] = {
        {"IO", BERTH_E_IO},           {"UNAVAILABLE", BERTH_E_UNAVAILABLE},
        {"LIMIT", BERTH_E_LIMIT},     {"NO_MEMORY", BERTH_E_NO_MEMORY},
        {"CORRUPT", BERTH_E_CORRUPT}, {"NOT_FOUND", BERTH_E_NOT_FOUND},
        {"DENIED", BERTH_E_DENIED},
    };
    for (size_t i = 0; i < BASE_COUNT(codes); i++) {
        if (kit_words_have(f->errors, codes[i].name)) {
            return codes[i].code;
        }
    }
    return BERTH_E_STATE;
}

/* choice: the function whose n-th call fails, for each n. */
static void check_fault(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    const struct kit_function *f = &kit_functions[run->check->choice];
    bool met = true;
    config.fail_fn = (enum kit_fn)run->check->choice;
    config.fail_code = code_of(f);
    for (uint32_t nth = 1; met && nth <= CALLS_MAX; nth++) {
        config.fail_nth = nth;
        struct kit_host *host = kit_host_open(run, &config);
        if (!host) {
            return;
        }
        if (!kit_host_up(host)) {
            kit_serve_routes(host, &kit_plain);
            kit_settings_renew(host);
            kit_nodes_change(host);
            kit_metrics_collect(host);
            (void)kit_state_save(host, BERTH_HANDOVER_ALL);
        }
        kit_host_down(host);
        met = host->fault_met;
        kit_host_close(host);
        if (nth == 1 && !met) {
            kit_skip(run, "it does not call %s.%s", f->structure, f->name);
        }
    }
    kit_judge(run, KIT_BLAME_CODE);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
}

/* Documents that another program has left in the indices that it watches. */
static void check_documents(struct kit_run *run) {
    static const struct berth_str sources[] = {
        BERTH_STR_INIT("{}"), BERTH_STR_INIT("{\"name\":null}"),
        BERTH_STR_INIT("{\"name\":[1,2,{\"a\":\"\"}],\"state\":7,\"id\":{}}")};
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        if (!host->watches) {
            kit_skip(run, "it watches no index");
        }
        for (const struct kit_watch *w = host->watches; w; w = w->next) {
            kit_phase(run, "documents of others in [%s]", w->index);
            for (size_t i = 0; i < BASE_COUNT(sources); i++) {
                kit_store_put(host, w->index, "kit", sources[i]);
                kit_serve_routes(host, &kit_plain);
            }
            kit_store_put(host, w->index, "kit", (struct berth_str){NULL, 0});
        }
        kit_serve_routes(host, &kit_plain);
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

#define STATE_MAX 4096u

/* What is handed over, cut at each length, or with one bit turned. */
static void restore_damaged(struct kit_host *host, struct berth_str state) {
    uint64_t seed = host->run->subject->seed;
    char copy[STATE_MAX];
    size_t len = state.len < sizeof copy ? BASE_LEN(state) : sizeof copy;
    uint32_t schema = host->state_hooks.schema;
    for (size_t i = 0; i < len; i += 1 + len / 64) {
        (void)kit_state_restore(host, schema, BERTH_HANDOVER_ALL, base_str(state.ptr, i));
        memcpy(copy, state.ptr, len);
        copy[i] = (char)(copy[i] ^ (1 << ((seed + i) % 8)));
        (void)kit_state_restore(host, schema, BERTH_HANDOVER_ALL, base_str(copy, len));
    }
}

/* State of somebody else: it may be refused, or taken for what it can be taken for. */
static void check_state(struct kit_run *run) {
    static const struct berth_str others[] = {BERTH_STR_INIT(""),
                                              BERTH_STR_INIT("{}"),
                                              BERTH_STR_INIT("[]"),
                                              BERTH_STR_INIT("\0\0\0\0"),
                                              BERTH_STR_INIT("-1"),
                                              BERTH_STR_INIT("\xff\xfe"),
                                              BERTH_STR_INIT("{\"a\":[{}]}"),
                                              BERTH_STR_INIT("1e9"),
                                              BERTH_STR_INIT("null")};
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        uint32_t schema = host->state_hooks.schema;
        if (!host->state_hooks.save) {
            kit_skip(run, "it hands nothing over");
        }
        kit_serve_routes(host, &kit_plain);
        for (size_t i = 0; i < BASE_COUNT(others); i++) {
            (void)kit_state_restore(host, schema, BERTH_HANDOVER_REST, others[i]);
            (void)kit_state_restore(host, schema, BERTH_HANDOVER_REST + 1, others[i]);
        }
        (void)kit_state_save(host, BERTH_HANDOVER_ALL);
        restore_damaged(host, host->sink.state);
        kit_serve_routes(host, &kit_plain);
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_CODE);
    kit_judge(run, KIT_BLAME_ERROR_OBJECT);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

#define ONE_REPLY KIT_REPLIES " " KIT_CUTS " routes.reply_once"
#define FAULT(name, table, function)                                                               \
    {"faults." name,                                                                               \
     8,                                                                                            \
     "it survives each failing call of " #table "." #function,                                     \
     "look at the code that it returns, and pass it on or do without",                             \
     ONE_REPLY,                                                                                    \
     check_fault,                                                                                  \
     KIT_FN_berth_##table##_v1_##function}

const struct kit_check kit_faults_checks[] = {
    FAULT("routes_add", routes, add),
    FAULT("routes_on_cancel", routes, on_cancel),
    FAULT("stream_open", routes, stream_open),
    FAULT("stream_write", routes, stream_write),
    FAULT("settings_declare", settings, declare),
    FAULT("settings_observe", settings, observe),
    FAULT("nodes_read", nodes, read),
    FAULT("nodes_watch", nodes, watch),
    FAULT("store_declare_index", store, declare_index),
    FAULT("store_index_info", store, index_info),
    FAULT("store_get", store, get),
    FAULT("store_write", store, write),
    FAULT("store_scan", store, scan),
    FAULT("store_search", store, search),
    FAULT("store_watch", store, watch),
    FAULT("identity_user", identity, user),
    FAULT("identity_may", identity, may),
    FAULT("loop_post", loop, post),
    FAULT("loop_timer_create", loop, timer_create),
    FAULT("loop_fd_watch", loop, fd_watch),
    FAULT("worker_submit", worker, submit),
    FAULT("secrets_seal", secrets, seal),
    FAULT("secrets_open", secrets, open),
    FAULT("metrics_collect", metrics, collect),
    FAULT("metrics_family", metrics, family),
    FAULT("metrics_sample", metrics, sample),
    FAULT("metrics_distribution", metrics, distribution),
    FAULT("state_declare", state, declare),
    FAULT("state_append", state, append),
    FAULT("peers_ask", peers, ask),
    FAULT("peers_forward", peers, forward),
    {"faults.state", 5, "state that it did not save does no harm when it is handed over",
     "read what is handed over as input from outside, and refuse with INVALID what is wrong",
     ONE_REPLY " lifecycle.error_object reload.handover", check_state, 0},
    {"faults.documents", 5,
     "documents that it did not write, in indices that it watches, do no harm",
     "check a document's fields before they are used, in the watch too", ONE_REPLY, check_documents,
     0},
};
const uint32_t kit_faults_count = BASE_COUNT(kit_faults_checks);
