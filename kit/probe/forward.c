/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that another node answers:
 * POST /_plugins/_abi_probe/forward/a%2Fb/{user}/{node}?loud=a%20b with {"a":1} and the header
 * X-Probe: yes. The node is the one that is to answer it, and - is none; the user is the one who
 * asks, and - is nobody.
 */
#include "kit/probe/probe.h"

#define SENT_BODY "{\"a\":1}"

/* A forwarded request. It is kept to the end: an end that is told twice finds it. */
struct passing {
    struct probe *probe;
    struct berth_request *request;
    struct loop *loop;
    uint32_t told;
    uint32_t is_to_nobody;
};

/* ---- which nodes there are ---- */

static void read_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    struct node_list *list = user;
    for (uint32_t i = 0; i < count && list->count < PROBE_OTHERS_MAX; i++) {
        struct berth_str id = nodes[i].id;
        char *to = nodes[i].is_local ? list->own : list->others[list->count];
        if (id.len > 0 && id.len < PROBE_ID_MAX) {
            memcpy(to, id.ptr, (size_t)id.len);
            list->count += nodes[i].is_local ? 0 : 1;
        }
    }
}

void probe_read_nodes(struct probe *p, struct node_list *out_list) {
    memset(out_list, 0, sizeof *out_list);
    if (p->nodes) {
        (void)p->nodes->read(p->host, read_nodes, out_list);
    }
}

/* ---- where it arrives ---- */

/* Whether the user of a request is the one of that name. */
static int is_user(struct probe *p, struct berth_request *request, struct berth_str name) {
    const struct berth_user *user = NULL;
    int32_t code = p->identity ? p->identity->user(request, &user) : BERTH_E_NOT_FOUND;
    if (!p->identity) {
        return 1;
    }
    return probe_is_text(name, "-") ? code == BERTH_E_NOT_FOUND
                                    : !code && user->name.len == name.len &&
                                          memcmp(user->name.ptr, name.ptr, (size_t)name.len) == 0;
}

static int has_arrived_whole(const struct berth_request_view *view) {
    static const char begin[] = PROBE_BASE "/forward/a%2Fb/";
    return probe_is_text(view->method, "POST") && view->path.len > strlen(begin) &&
           memcmp(view->path.ptr, begin, strlen(begin)) == 0 &&
           probe_is_text(view->params[0], "a/b") && probe_is_text(view->body, SENT_BODY);
}

/* Whether it has its query and its headers. */
static int has_the_rest(struct probe *p, struct berth_request *request) {
    struct berth_str loud = {NULL, 0};
    struct berth_str header = {NULL, 0};
    return !p->routes->query(request, BERTH_STR("loud"), &loud) && probe_is_text(loud, "a b") &&
           !p->routes->header(request, BERTH_STR("x-probe"), &header) &&
           probe_is_text(header, "yes");
}

static void never(void *user, const struct berth_forward_end *end) {
    (void)user, (void)end;
}

static void arrive(struct probe *p, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct loop *loop = probe_own_loop(p);
    probe_expect(p, CHECK_FORWARD_SAME, has_arrived_whole(view),
                 "its method, path or body is not what was sent");
    probe_expect(p, CHECK_FORWARD_SAME, has_the_rest(p, request),
                 "its query or its header X-Probe is not what was sent");
    probe_expect(p, CHECK_FORWARD_SAME, is_user(p, request, view->params[1]),
                 "its user is not the one who sent it");
    probe_expect(p, CHECK_LOOP_THREAD, loop && view->loop_context == loop,
                 "a request that another node forwards runs elsewhere, or with another context");
    int32_t code = p->peers->forward(request, PROBE_NOBODY, never, NULL);
    probe_expect(p, CHECK_FORWARD_ONCE, code == BERTH_E_STATE,
                 "forwarding what another node forwards gives %" PRId32, code);
    if (code) {
        probe_answer(p, request, "{\"forwarded\":true}");
    }
}

/* ---- where it comes from ---- */

static void answer_here(struct probe *p, struct berth_request *request) {
    const struct berth_str body = BERTH_STR("{\"forwarded\":false}");
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    int32_t code = p->routes->reply(request, &reply);
    probe_expect(p, CHECK_FORWARD_NOBODY, !code,
                 "a reply to a request that could not be forwarded gives %" PRId32, code);
}

static void on_end(void *user, const struct berth_forward_end *end) {
    struct passing *passing = user;
    struct probe *p = passing->probe;
    passing->told++;
    probe_expect(p, CHECK_FORWARD_END, passing->told == 1, "it is told %" PRIu32 " times",
                 passing->told);
    probe_expect(p, CHECK_FORWARD_END, probe_own_loop(p) == passing->loop,
                 "it is told on another thread");
    probe_expect(p, CHECK_FORWARD_END, probe_rest_is_zero(end, sizeof *end),
                 "it has %" PRIu32 " bytes, or a tail", end->size);
    probe_expect(p, CHECK_FORWARD_END, passing->is_to_nobody || end->code == BERTH_OK,
                 "of a request that was answered it is %" PRId32, end->code);
    if (end->code == BERTH_E_UNAVAILABLE && passing->told == 1) {
        answer_here(p, passing->request);
    }
}

/* Whether the request is still the plugin's. */
static int try_nobody(struct probe *p, struct passing *passing) {
    static const struct berth_str ids[] = {BERTH_STR_INIT("abi_probe_nobody"), {NULL, 0}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        passing->is_to_nobody = 1;
        int32_t code = p->peers->forward(passing->request, ids[i], on_end, passing);
        probe_expect(p, CHECK_FORWARD_NOBODY, code == BERTH_E_NOT_FOUND,
                     "forwarding to a node that does not exist gives %" PRId32, code);
        if (!code) {
            return 0;
        }
    }
    passing->is_to_nobody = 0;
    return 1;
}

static void pass_on(struct probe *p, struct passing *passing, struct berth_str node_id) {
    int32_t code = p->peers->forward(passing->request, node_id, on_end, passing);
    probe_expect(p, CHECK_FORWARD_END, !code, "forwarding to another node gives %" PRId32, code);
    if (code) {
        answer_here(p, passing->request);
        return;
    }
    code = p->peers->forward(passing->request, node_id, on_end, passing);
    probe_expect(p, CHECK_FORWARD_TWICE, code == BERTH_E_STATE,
                 "forwarding a request that is forwarded already gives %" PRId32, code);
}

void probe_post_forward(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    struct probe *p = user;
    struct node_list nodes;
    struct passing *passing = probe_keep(p, sizeof *passing);
    if (!p->peers || !passing || view->param_count != 3) {
        probe_answer(p, request, "{}");
        return;
    }
    *passing = (struct passing){.probe = p, .request = request, .loop = probe_own_loop(p)};
    probe_read_nodes(p, &nodes);
    if (nodes.own[0] && probe_is_text(view->params[2], nodes.own)) {
        arrive(p, request, view);
        return;
    }
    if (!try_nobody(p, passing)) {
        return;
    }
    for (uint32_t i = 0; i < nodes.count; i++) {
        if (probe_is_text(view->params[2], nodes.others[i])) {
            pass_on(p, passing, view->params[2]);
            return;
        }
    }
    answer_here(p, request);
}

void probe_forward_refused(struct probe *p, struct berth_request *request) {
    if (p->peers) {
        int32_t code = p->peers->forward(request, PROBE_NOBODY, never, NULL);
        probe_expect(p, CHECK_FORWARD_THREAD, code == BERTH_E_STATE,
                     "forward gives %" PRId32 " on a worker", code);
    }
}
