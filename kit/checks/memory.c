/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

#include <inttypes.h>

/* Allocations that are made to fail, one after the other, at most. */
#define FAILURES_MAX 20000u

/* choice: what is looked for after a life in which settings are changed too. */
static void check_life(struct kit_run *run) {
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        kit_serve_routes(host, &kit_plain);
        kit_change_settings(host);
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* ---- the n-th allocation fails ---- */

static void try_create(struct kit_host *host, uint64_t nth) {
    kit_memory_fail(nth);
    (void)kit_host_create(host);
    kit_memory_fail(0);
}

static void try_start(struct kit_host *host, uint64_t nth) {
    if (!kit_host_create(host)) {
        kit_memory_fail(nth);
        (void)kit_host_start(host);
        kit_memory_fail(0);
    }
}

static void try_loops(struct kit_host *host, uint64_t nth) {
    if (!kit_host_create(host) && !kit_host_start(host)) {
        kit_memory_fail(nth);
        (void)kit_host_start_loops(host, host->loop_count);
        kit_memory_fail(0);
    }
}

typedef void try_fn(struct kit_host *host, uint64_t nth);

/* Until one is not met any more. */
static void fail_each(struct kit_run *run, try_fn *try) {
    bool met = true;
    for (uint64_t nth = 1; met && nth <= FAILURES_MAX; nth++) {
        struct kit_host *host = kit_host_open(run, &KIT_USUAL);
        if (!host) {
            return;
        }
        uint64_t before = kit_memory_failures();
        try(host, nth);
        met = kit_memory_failures() > before;
        kit_host_down(host);
        kit_host_close(host);
    }
}

static try_fn *const stages[] = {try_create, try_start, try_loops};

/* choice: an index of stages. */
static void check_failures(struct kit_run *run) {
    fail_each(run, stages[run->check->choice]);
    kit_judge(run, KIT_BLAME_CODE);
}

static void check_leaks(struct kit_run *run) {
    for (size_t i = 0; i < BASE_COUNT(stages); i++) {
        fail_each(run, stages[i]);
    }
    for (enum kit_blame kind = KIT_BLAME_LEAK_CREATE; kind <= KIT_BLAME_LEAK_STOP; kind++) {
        kit_judge(run, kind);
    }
}

static void fail_route(struct kit_host *host, const struct kit_route *route) {
    bool met = true;
    for (uint64_t nth = 1; met && nth <= FAILURES_MAX && !kit_blamed(KIT_BLAME_NO_REPLY); nth++) {
        kit_phase(host->run, "[" BASE_FMT " " BASE_FMT "] with allocation %" PRIu64 " failing",
                  BASE_ARG(route->route.method), BASE_ARG(route->route.path), nth);
        uint64_t before = kit_memory_failures();
        kit_memory_fail(nth);
        (void)kit_request_send(host, route, &kit_plain, 0);
        kit_requests_wait(host);
        kit_memory_fail(0);
        met = kit_memory_failures() > before;
    }
}

static void check_requests(struct kit_run *run) {
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        for (const struct kit_route *r = host->routes; r; r = r->next) {
            fail_route(host, r);
        }
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
}

/* Saving, and then restoring, with each allocation failing: what cannot be done says so. */
static void check_handover(struct kit_run *run) {
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        bool met = true;
        if (!host->state_hooks.save) {
            kit_skip(run, "it hands nothing over");
        }
        kit_serve_routes(host, &kit_plain);
        for (uint64_t nth = 1; met && nth <= FAILURES_MAX; nth++) {
            uint64_t before = kit_memory_failures();
            kit_memory_fail(nth);
            (void)kit_state_save(host, BERTH_HANDOVER_ALL);
            kit_memory_fail(0);
            met = kit_memory_failures() > before;
        }
        struct berth_str state = host->sink.state;
        met = true;
        for (uint64_t nth = 1; met && nth <= FAILURES_MAX; nth++) {
            uint64_t before = kit_memory_failures();
            kit_memory_fail(nth);
            (void)kit_state_restore(host, host->state_hooks.schema, BERTH_HANDOVER_REST, state);
            kit_memory_fail(0);
            met = kit_memory_failures() > before;
        }
        kit_serve_routes(host, &kit_plain);
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_CODE);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

#define LIVES KIT_REPLIES " settings.changes"
#define CUT_SHORT LIVES " " KIT_CUTS
#define LEAK(name, what, kind)                                                                     \
    {"memory." name,                                                                               \
     6,                                                                                            \
     "what it allocates in " what " is freed when it is destroyed",                                \
     "free it in the call that undoes the one that allocated it",                                  \
     LIVES,                                                                                        \
     check_life,                                                                                   \
     kind}

const struct kit_check kit_memory_checks[] = {
    LEAK("leak_create", "create", KIT_BLAME_LEAK_CREATE),
    LEAK("leak_start", "start", KIT_BLAME_LEAK_START),
    LEAK("leak_loops", "loop_start", KIT_BLAME_LEAK_LOOPS),
    LEAK("leak_requests", "serve and at requests", KIT_BLAME_LEAK_REQUESTS),
    LEAK("leak_settings", "callbacks of settings", KIT_BLAME_LEAK_SETTINGS),
    LEAK("leak_stop", "drain, loop_stop, stop and destroy", KIT_BLAME_LEAK_STOP),
    {"memory.mapped", 6, "what it maps is unmapped", "call munmap in stop or destroy", LIVES,
     check_life, KIT_BLAME_MAPPED_BYTES},
    {"memory.double_free", 6, "it frees and releases nothing twice",
     "set the pointer to NULL where it is freed", LIVES, check_life, KIT_BLAME_DOUBLE_FREE},
    {"memory.foreign_free", 6, "it does not free what the host owns",
     "call the release function of the capability that gave it", LIVES, check_life,
     KIT_BLAME_FOREIGN_FREE},
    {"memory.documents", 6, "each document that it gets is released",
     "call store.document_release on every path behind store.get", LIVES, check_life,
     KIT_BLAME_HELD_DOCUMENT},
    {"memory.texts", 6, "each answer of a search is released",
     "call store.text_release on every path behind store.search", LIVES, check_life,
     KIT_BLAME_HELD_TEXT},
    {"memory.secrets", 6, "each secret is released",
     "call secrets.release on every path behind seal and open", LIVES, check_life,
     KIT_BLAME_HELD_SECRET},
    {"memory.fail_create", 8, "it survives each failing allocation in create",
     "check what malloc returns, and return BERTH_E_NO_MEMORY", CUT_SHORT, check_failures, 0},
    {"memory.fail_start", 8, "it survives each failing allocation in start",
     "check what malloc returns, and return BERTH_E_NO_MEMORY", CUT_SHORT, check_failures, 1},
    {"memory.fail_loops", 8, "it survives each failing allocation as its loops start",
     "check what malloc returns; what settings changed then is told once more at the next change",
     CUT_SHORT, check_failures, 2},
    {"memory.fail_requests", 9, "each request has one reply, whichever allocation fails",
     "check what malloc returns, and reply with NO_MEMORY", LIVES " routes.reply_once",
     check_requests, 0},
    {"memory.fail_handover", 8,
     "it survives each failing allocation while it saves and restores its state",
     "check what malloc returns, and return BERTH_E_NO_MEMORY", LIVES " reload.handover",
     check_handover, 0},
    {"memory.fail_leaks", 6, "what was allocated before an allocation failed is freed",
     "undo in the order in which it was done, where a step fails",
     LIVES " memory.fail_create memory.fail_start memory.fail_loops memory.leak_create "
           "memory.leak_start memory.leak_loops memory.leak_settings memory.leak_stop",
     check_leaks, 0},
};
const uint32_t kit_memory_count = BASE_COUNT(kit_memory_checks);
