/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.peers: It asks another node for a path without a slash. */
#include "skeleton.h"

static void heard(void *user, uint32_t question, const struct berth_peer_answer *answer) {
    (void)user;
    (void)question;
    (void)answer;
}

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    struct berth_peer_question question = {
        .size = sizeof question, .node_id = BERTH_STR("other"), .path = BERTH_STR("answer")};
    if (good->peers) {
        (void)good->peers->ask(good->host, &question, 1, 1, heard, good, NULL);
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
