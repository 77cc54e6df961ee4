/* SPDX-License-Identifier: Apache-2.0 */
#include "mini_host.h"

#include <berth/identity.h>
#include <berth/nodes.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    int is_inside; /* a route that is for nodes alone is running */
    berth_peer_answer_fn late;
    void *late_user;
} state;

static struct berth_str text_of(const char *text) {
    return (struct berth_str){text, strlen(text)};
}

/* ---- berth.nodes/1, berth.identity/1 ---- */

static int32_t read_nodes(const struct berth_host *host, berth_nodes_fn fn, void *user) {
    int is_second = mini_current() == &mini_loops[1];
    const struct berth_node nodes[] = {
        {.size = sizeof nodes[0],
         .is_local = 1,
         .id = text_of(is_second ? SECOND_NODE : FIRST_NODE)},
        {.size = sizeof nodes[0], .id = text_of(is_second ? FIRST_NODE : SECOND_NODE)}};
    (void)host;
    fn(user, nodes, mini_has("alone") ? 1 : 2);
    return BERTH_OK;
}

static int32_t watch_nodes(const struct berth_host *host, berth_nodes_fn fn, void *user) {
    (void)host, (void)fn, (void)user;
    return BERTH_OK; /* they do not change */
}

static const struct berth_nodes_v1 nodes_v1 = {
    .size = sizeof nodes_v1, .read = read_nodes, .watch = watch_nodes};

static int32_t user_of(struct berth_request *request, const struct berth_user **out_user) {
    static struct berth_user user = {.size = sizeof user};
    if (!request->user) {
        return BERTH_E_NOT_FOUND;
    }
    user.name = text_of(request->user);
    *out_user = &user;
    return BERTH_OK;
}

static int32_t may(struct berth_request *request, struct berth_str permission) {
    (void)request, (void)permission;
    return BERTH_OK;
}

static const struct berth_identity_v1 identity_v1 = {
    .size = sizeof identity_v1, .user = user_of, .may = may};

/* ---- asking ---- */

static int is_whole(const struct berth_peer_question *question) {
    return question->size == sizeof *question && question->node_id.len && question->path.len &&
           question->path.ptr[0] == '/';
}

struct telling {
    berth_peer_answer_fn fn;
    void *user;
    uint32_t number;
    struct berth_peer_answer answer;
};

static void tell(void *arg) {
    const struct telling *telling = arg;
    telling->fn(telling->user, telling->number, &telling->answer);
}

static void tell_as_it_should(struct telling *telling) {
    if (mini_has("answers_late")) {
        state.late = telling->fn;
        state.late_user = telling->user;
    } else if (mini_has("answers_on_loop")) {
        mini_on_loop(&mini_loops[0], tell, telling);
    } else if (!mini_has("answers_none")) {
        tell(telling);
    }
    if (mini_has("answers_twice")) {
        tell(telling);
    }
}

static void leave(void *arg) {
    struct berth_request *request = arg;
    if (request->on_cancel) {
        request->on_cancel(request->cancel_user);
    }
}

/* Who does not answer at once never does: the time-out is waited for. */
static void wait_in_vain(uint64_t timeout_ms) {
    const struct timespec time = {.tv_sec = (time_t)(timeout_ms / 1000),
                                  .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    if (!mini_has("impatient")) {
        (void)nanosleep(&time, NULL);
    }
}

/* Has the second node's plugin answer. */
static void ask_second(const struct berth_peer_question *question, uint64_t timeout_ms,
                       struct berth_request *request, struct berth_peer_answer *out_answer) {
    char path[256] = "";
    memcpy(path, question->path.ptr, question->path.len < sizeof path ? question->path.len : 0);
    *request = (struct berth_request){.is_from_node = 1, .loop = 1};
    request->call =
        (struct mini_call){.pattern = path, .method = "POST", .path = path, .body = question->body};
    state.is_inside = 1;
    int is_route = mini_handle(request);
    state.is_inside = 0;
    if (!is_route) {
        out_answer->status = 404;
        out_answer->body = BERTH_STR("{}");
    } else if (request->status) {
        out_answer->status = request->status;
        out_answer->body =
            mini_has("wrong_answer") ? BERTH_STR("{\"probe\":7}") : text_of(request->text);
    } else {
        wait_in_vain(timeout_ms);
        mini_on_loop(&mini_loops[1], leave, request);
        out_answer->body = BERTH_STR("it did not answer in time");
    }
    if (mini_has("overflows") && timeout_ms > UINT64_MAX / 1000000u) {
        out_answer->status = 0;
    }
    if (mini_has("hides_status") && out_answer->status) {
        out_answer->status = 200;
    }
}

static int32_t check_call(const struct berth_peer_question *questions, uint32_t count,
                          berth_peer_answer_fn fn) {
    if ((mini_current() && !mini_has("asks_on_loop")) ||
        (!mini_is_started() && !mini_has("asks_early")) ||
        (state.is_inside && !mini_has("asks_in_circle"))) {
        return BERTH_E_STATE;
    }
    if (!fn || (count > BERTH_PEER_QUESTIONS_MAX && !mini_has("takes_too_many"))) {
        return BERTH_E_INVALID;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!is_whole(&questions[i]) && !mini_has("takes_any_question")) {
            return BERTH_E_INVALID;
        }
    }
    return BERTH_OK;
}

static int32_t ask(const struct berth_host *host, const struct berth_peer_question *questions,
                   uint32_t count, uint64_t timeout_ms, berth_peer_answer_fn fn, void *user,
                   struct berth_error *error) {
    int32_t code = check_call(questions, count, fn);
    struct berth_request *request = code ? NULL : calloc(1, sizeof *request);
    (void)host, (void)error;
    for (uint32_t i = 0; i < count && request; i++) {
        struct telling telling = {.fn = fn,
                                  .user = user,
                                  .number = mini_has("wrong_number") ? count - i : i,
                                  .answer = {.size = sizeof telling.answer}};
        if (mini_same(questions[i].node_id, SECOND_NODE)) {
            ask_second(&questions[i], timeout_ms, request, &telling.answer);
        } else {
            telling.answer.status = mini_has("answers_for_nobody") ? 200 : 0;
            telling.answer.body = text_of(mini_has("no_reason") ? "" : "there is no such node");
        }
        tell_as_it_should(&telling);
    }
    free(request);
    return code;
}

/* ---- forwarding ---- */

static int32_t forward(struct berth_request *request, struct berth_str node_id, berth_forward_fn fn,
                       void *user) {
    if ((mini_current() != &mini_loops[request->loop] && !mini_has("forwards_anywhere")) ||
        (request->is_from_node && !mini_has("forwards_on")) ||
        (request->forwarded && !mini_has("forwards_twice"))) {
        return BERTH_E_STATE;
    }
    int is_node = mini_same(node_id, SECOND_NODE);
    if (!is_node && !mini_has("forwards_to_nobody")) {
        request->status = mini_has("keeps_request") ? 503 : request->status;
        return BERTH_E_NOT_FOUND;
    }
    request->forwarded = fn;
    request->forward_user = user;
    request->is_to_nobody = !is_node;
    return BERTH_OK;
}

static void tell_end(void *arg) {
    struct berth_request *request = arg;
    int32_t code = mini_has("ends_badly") ? BERTH_E_INTERNAL : BERTH_OK;
    const struct berth_forward_end end = {
        .size = sizeof end, .code = request->is_to_nobody ? BERTH_E_UNAVAILABLE : code, .load = 1};
    berth_forward_fn fn = request->forwarded;
    request->forwarded = NULL;
    fn(request->forward_user, &end);
    if (mini_has("ends_twice")) {
        fn(request->forward_user, &end);
    }
}

static void run_forward(struct berth_request *request) {
    struct berth_request *there = calloc(1, sizeof *there);
    if (!there) {
        abort();
    }
    there->call = request->call;
    there->user = mini_has("forgets_user") ? NULL : request->user;
    there->is_from_node = 1;
    there->loop = 1;
    if (mini_has("changes_body")) {
        there->call.body = BERTH_STR("{\"a\":2}");
    }
    if (mini_has("changes_path")) {
        there->call.path = "/_plugins/_abi_probe/forward/a/b/alice/" SECOND_NODE;
    }
    (void)mini_handle(there);
    memcpy(request->text, there->text, sizeof request->text);
    request->status = there->status;
    free(there);
}

void mini_peers_finish(struct berth_request *request) {
    if (request->forwarded && !request->is_to_nobody) {
        run_forward(request);
    }
    if (request->forwarded && mini_has("ends_elsewhere")) {
        tell_end(request);
    } else if (request->forwarded) {
        mini_on_loop(&mini_loops[0], tell_end, request);
    }
    if (state.late) {
        const struct berth_peer_answer answer = {.size = sizeof answer, .status = 200};
        state.late(state.late_user, 0, &answer);
        state.late = NULL;
    }
}

static const struct berth_peers_v1 peers_v1 = {
    .size = sizeof peers_v1, .ask = ask, .forward = forward};

const void *mini_peers_table(struct berth_str id) {
    return mini_same(id, BERTH_NODES_ID)      ? (const void *)&nodes_v1
           : mini_same(id, BERTH_IDENTITY_ID) ? (const void *)&identity_v1
           : mini_same(id, BERTH_PEERS_ID) && !mini_has("without_peers") ? (const void *)&peers_v1
                                                                         : NULL;
}
