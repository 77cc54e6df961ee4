/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

static void check_load(struct kit_run *run) {
    kit_host_close(kit_host_open(run, &KIT_USUAL));
}

/* choice: what is looked for after a life in which nothing is asked of it. */
static void check_idle(struct kit_run *run) {
    (void)kit_live_idle(run, &KIT_USUAL);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

static void check_life(struct kit_run *run) {
    (void)kit_live(run, &KIT_USUAL);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* choice: how many loops there are. */
static void check_loops(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.loops = run->check->choice;
    (void)kit_live(run, &config);
    kit_judge(run, KIT_BLAME_FAILED);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

/* ---- lives that are cut short ---- */

enum cut { CUT_AFTER_CREATE, CUT_AFTER_START, CUT_AFTER_ONE_LOOP, CUT_BEFORE_SERVE };

/* choice: an enum cut. */
static void check_cut(struct kit_run *run) {
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    enum cut cut = (enum cut)run->check->choice;
    int32_t code = kit_host_create(host);
    if (!code && cut >= CUT_AFTER_START) {
        code = kit_host_start(host);
    }
    if (!code && cut >= CUT_AFTER_ONE_LOOP) {
        (void)kit_host_start_loops(host, cut == CUT_BEFORE_SERVE ? host->loop_count : 1);
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_FAILED);
}

#define CUT(name, cut, text, fix) {name, 10, text, fix, KIT_LIVES, check_cut, cut}

const struct kit_check kit_lifecycle_checks[] = {
    {"lifecycle.load", 1, "it can be loaded and unloaded",
     "do nothing in constructors and destructors of the file",
     "binary.elf binary.machine binary.libraries binary.undefined descriptor.symbol "
     "descriptor.size descriptor.tail descriptor.major descriptor.floor descriptor.capabilities "
     "descriptor.capability_known descriptor.capability_drafts descriptor.lifecycle "
     "descriptor.lifecycle_size descriptor.lifecycle_tail descriptor.calls descriptor.code",
     check_load, 0},
    {"lifecycle.cycle", 8, "create, start and loop_start succeed where nothing is refused",
     "find out from the reason that it gives why it fails", "lifecycle.load", check_idle,
     KIT_BLAME_FAILED},
    {"lifecycle.codes", 8, "its calls return BERTH_OK or a code of the closed list",
     "return a BERTH_E_ code of berth/error.h", "lifecycle.load", check_idle, KIT_BLAME_CODE},
    {"lifecycle.error_object", 8,
     "a call that fails fills its error and keeps its size; one that succeeds does not touch it",
     "write code and message, cut and terminated, and only where it fails", "lifecycle.load",
     check_idle, KIT_BLAME_ERROR_OBJECT},
    {"lifecycle.states", 7, "it calls the host in the states that @state of each function names",
     "register in start, use in between; see the comment of the function", KIT_REPLIES, check_life,
     KIT_BLAME_STATE},
    {"lifecycle.after_stop", 10, "once stop has returned it calls nothing of the host",
     "end in stop what is to be ended; destroy frees memory and nothing else", KIT_REPLIES,
     check_life, KIT_BLAME_AFTER_STOP},
    {"lifecycle.threads", 7, "it calls the host on the threads that @thread of each function names",
     "use worker.submit for what blocks, loop.post for what belongs to a loop", KIT_REPLIES,
     check_life, KIT_BLAME_THREAD},
    CUT("lifecycle.never_started", CUT_AFTER_CREATE, "it can be destroyed without having started",
        "let destroy free what create made, whatever start would have made"),
    CUT("lifecycle.no_loops", CUT_AFTER_START, "it can be stopped before any loop has started",
        "let stop and destroy take contexts of loops for absent"),
    CUT("lifecycle.some_loops", CUT_AFTER_ONE_LOOP,
        "it can be stopped when one loop has started and the next has not",
        "let loop_stop end one loop's context, and nothing else"),
    CUT("lifecycle.never_served", CUT_BEFORE_SERVE, "it can be stopped without having served",
        "let serve make nothing that stop or destroy cannot do without"),
    {"lifecycle.one_loop", 10, "it works on a host with one loop",
     "ask loop.count, and use the loops that there are", KIT_REPLIES, check_loops, 1},
    {"lifecycle.many_loops", 10, "it works on a host with many loops",
     "allocate what is kept for each loop", KIT_REPLIES, check_loops, 16},
};
const uint32_t kit_lifecycle_count = BASE_COUNT(kit_lifecycle_checks);
