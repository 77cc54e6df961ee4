/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

#define LOOPS 4u
#define ROUNDS 400u
#define CHANGES 5u

static void check_blocked(struct kit_run *run) {
    (void)kit_live(run, &KIT_USUAL);
    kit_judge(run, KIT_BLAME_BLOCKED);
}

static void send_to_all(struct kit_host *host, uint32_t loop) {
    for (const struct kit_route *r = host->routes; r; r = r->next) {
        (void)kit_request_send(host, r, &kit_plain, loop % host->loop_count);
    }
}

static void check_load(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.loops = LOOPS;
    struct kit_host *host = kit_host_open(run, &config);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        kit_phase(run, "many requests at once");
        for (uint32_t i = 0; i < ROUNDS; i++) {
            send_to_all(host, i);
            if (i % LOOPS == LOOPS - 1) {
                kit_requests_wait(host);
            }
        }
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
    kit_judge(run, KIT_BLAME_REPLY_JSON);
}

static void nothing(struct kit_loop *loop, void *arg) {
    (void)loop;
    (void)arg;
}

static void check_changes(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.loops = LOOPS;
    struct kit_host *host = kit_host_open(run, &config);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        for (uint32_t i = 0; i < CHANGES; i++) {
            send_to_all(host, i);
            if (i % 2 == 0) {
                /* Behind what was sent: handlers on the loop have returned. */
                kit_loop_call(&host->loops[i % LOOPS], nothing, NULL);
            }
            kit_phase(run, "changes of settings and nodes while requests are handled");
            kit_settings_renew(host);
            kit_nodes_change(host);
            kit_requests_wait(host);
        }
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
}

#define ONE_REPLY KIT_REPLIES " routes.reply_once routes.reply_json"

const struct kit_check kit_threads_checks[] = {
    {"threads.blocked", 7, "nothing on a loop waits for long",
     "do on a worker what blocks: worker.submit, or a worker route", KIT_REPLIES, check_blocked, 0},
    {"threads.load", 9, "many requests at once, on several loops, each have one reply",
     "keep what a request needs in memory of its own, and what a loop needs in its context",
     ONE_REPLY, check_load, 0},
    {"threads.changes", 7, "settings and nodes can change while requests are handled",
     "give each loop its own snapshot, or guard what is shared", ONE_REPLY, check_changes, 0},
};
const uint32_t kit_threads_count = BASE_COUNT(kit_threads_checks);
