/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other nodes. Of what they are asked none answers. A forwarded request ends as it may end, in
 * turn: the node is gone, it has answered, the client left.
 */
#include "kit/host/request.h"

#include <inttypes.h>
#include <stdlib.h>

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

/* ---- forwarding ---- */

static void run_forward_end(struct kit_job *job) {
    static const int32_t ends[] = {BERTH_E_UNAVAILABLE, BERTH_OK, BERTH_E_CANCELLED};
    struct berth_request *r =
        (struct berth_request *)(void *)((char *)job - offsetof(struct berth_request, forward_end));
    struct kit_host *host = r->host;
    struct berth_forward_end *end = kit_object(host, sizeof *end);
    (void)pthread_mutex_lock(&host->lock);
    end->code = ends[host->forwarded++ % BASE_COUNT(ends)];
    end->load = end->code ? 0 : 1;
    r->state = KIT_REQUEST_OPEN;
    (void)pthread_mutex_unlock(&host->lock);
    if (end->code != BERTH_E_UNAVAILABLE) {
        kit_request_end(r);
    }
    r->forwarded(r->forward_user, end);
    free(end);
    kit_busy(host, -1);
}

/* Whether the plugin has let go of it. */
static bool is_free(const struct berth_request *request) {
    if (request->on_cancel) {
        kit_blame(KIT_BLAME_FORWARDED,
                  "[" BASE_FMT " " BASE_FMT "] is forwarded with its on_cancel still set",
                  BASE_ARG(request->route->route.method), BASE_ARG(request->route->route.path));
    }
    return !request->on_cancel;
}

static int32_t forward(struct berth_request *request, struct berth_str node_id, berth_forward_fn fn,
                       void *user) {
    struct kit_host *host = request->host;
    int32_t code = kit_request_enter(request, KIT_FN_berth_peers_v1_forward, false);
    if (code) {
        return code;
    }
    if (!base_str_is(node_id, KIT_OTHER_NODE)) {
        return BERTH_E_NOT_FOUND;
    }
    (void)pthread_mutex_lock(&host->lock);
    bool is_open = request->state == KIT_REQUEST_OPEN && fn && is_free(request);
    if (is_open) {
        request->state = KIT_REQUEST_FORWARDED;
        request->forwarded = fn;
        request->forward_user = user;
        request->forward_end.fn = run_forward_end;
    }
    (void)pthread_mutex_unlock(&host->lock);
    if (is_open) {
        kit_busy(host, 1);
        kit_loop_post(&host->loops[request->loop], &request->forward_end);
    }
    return is_open ? BERTH_OK : BERTH_E_STATE;
}

const struct berth_peers_v1 kit_peers_v1 = {
    .size = sizeof kit_peers_v1, .ask = ask, .forward = forward};
