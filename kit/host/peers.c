/* SPDX-License-Identifier: Apache-2.0 */
/* The other nodes, none of which answers: what a plugin does then it must be able to do. */
#include "kit/host/request.h"

#include <inttypes.h>

static bool is_whole(const struct berth_peer_question *question) {
    if (question->size < sizeof *question) {
        kit_blame(KIT_BLAME_QUESTION,
                  "its berth_peer_question says that it has %" PRIu32 " bytes, expected %zu",
                  question->size, sizeof *question);
        return false;
    }
    if (question->reserved || question->node_id.len == 0 || question->path.len == 0 ||
        question->path.ptr[0] != '/') {
        kit_blame(KIT_BLAME_QUESTION,
                  "it asks node [" BASE_FMT "] for path [" BASE_FMT "], with reserved %" PRIu32,
                  BASE_ARG(question->node_id), BASE_ARG(question->path), question->reserved);
        return false;
    }
    return true;
}

static int32_t ask(const struct berth_host *face, const struct berth_peer_question *questions,
                   uint32_t count, uint64_t timeout_ms, berth_peer_answer_fn fn, void *user,
                   struct berth_error *error) {
    int32_t code = kit_enter(kit_host_of(face), KIT_FN_berth_peers_v1_ask);
    (void)timeout_ms;
    if (!code && (!fn || count > BERTH_PEER_QUESTIONS_MAX)) {
        code = BERTH_E_INVALID;
    }
    for (uint32_t i = 0; i < count && !code; i++) {
        code = is_whole(&questions[i]) ? BERTH_OK : BERTH_E_INVALID;
    }
    if (code) {
        return base_error(error, code, "the kit asks nobody");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct berth_peer_answer answer = {.size = sizeof answer,
                                           .body = BERTH_STR("the kit's other node is away")};
        fn(user, i, &answer);
    }
    return BERTH_OK;
}

static int32_t forward(struct berth_request *request, struct berth_str node_id, berth_forward_fn fn,
                       void *user) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_peers_v1_forward, false);
    (void)node_id;
    (void)fn;
    (void)user;
    return code ? code : BERTH_E_NOT_FOUND;
}

const struct berth_peers_v1 kit_peers_v1 = {
    .size = sizeof kit_peers_v1, .ask = ask, .forward = forward};
