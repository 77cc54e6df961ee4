/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.peers_ask: It crashes where peers.ask fails. */
#include "skeleton.h"

static void heard(void *user, uint32_t question, const struct berth_peer_answer *answer) {
    (void)user;
    (void)question;
    (void)answer;
}

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    struct berth_peer_question question = {.size = sizeof question,
                                           .node_id = BERTH_STR("other"),
                                           .path = BERTH_STR("/_plugins/_good/1")};
    struct berth_error error;
    if (good->peers && good->peers->ask(good->host, &question, 1, 1, heard, good, &error)) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
