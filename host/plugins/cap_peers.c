/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

static int32_t ask(const struct berth_host *host, const struct berth_peer_question *questions,
                   uint32_t count, uint64_t timeout_ms, berth_peer_answer_fn fn, void *user,
                   struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_RUNNING, "peers.ask", error);
    if (code) {
        return code;
    }
    if (g->services->peers && worker_pool_current() == g->services->peer_workers) {
        return base_error(error, BERTH_E_STATE,
                          "what another node asks is answered without asking others: nodes could "
                          "wait for each other");
    }
    return peers_ask(g->services->peers, questions, count, timeout_ms, fn, user, error);
}

static int32_t forward(struct berth_request *request, struct berth_str node_id, berth_forward_fn fn,
                       void *user) {
    const struct generation *g =
        (const struct generation *)(const void *)((const char *)router_owner(request) -
                                                  offsetof(struct generation, route_owner));
    return peers_forward(g->services->peers, request, node_id, fn, user);
}

const struct berth_peers_v1 cap_peers = {
    .size = sizeof cap_peers,
    .ask = ask,
    .forward = forward,
};
