/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, replies, threads, and clients that leave.
 */
#include "kit/probe/probe.h"

/* ---- refusals, on a loop while it serves ---- */

static void try_refusals(struct probe *p) {
    struct berth_route route;
    struct berth_error error = {.size = sizeof error};
    const struct berth_document *document = NULL;
    int32_t code = p->routes->add(p->host, probe_route(p, &route), &error);
    probe_expect(p, CHECK_LATE, code == BERTH_E_STATE,
                 "routes.add gave %" PRId32 " while it serves", code);
    if (p->settings) {
        code = p->settings->observe(p->host, NULL, NULL, NULL);
        probe_expect(p, CHECK_LATE, code == BERTH_E_STATE,
                     "settings.observe gave %" PRId32 " while it serves", code);
    }
    if (p->store) {
        code = p->store->get(p->host, PROBE_INDEX, BERTH_STR("1"), &document, &error);
        probe_expect(p, CHECK_BLOCKING, code == BERTH_E_STATE,
                     "store.get gave %" PRId32 " on a loop", code);
        if (!code) {
            p->store->document_release(document);
        }
    }
    if (p->loop) {
        code = p->loop->run_on_all(p->host, NULL, NULL);
        probe_expect(p, CHECK_BLOCKING, code == BERTH_E_STATE,
                     "loop.run_on_all gave %" PRId32 " on a loop", code);
    }
    probe_ask_refused(p, CHECK_PEERS_BLOCKING, "on a loop");
}

/* ---- GET /_plugins/_abi_probe/word/{word}?loud=a%20b, with the header X-Probe: yes ---- */

static void release(void *owner) {
    struct probe *p = owner;
    (void)pthread_mutex_lock(&p->lock);
    p->released++;
    (void)pthread_mutex_unlock(&p->lock);
}

static void posted(void *user, uint32_t index, void *context) {
    struct probe *p = user;
    struct loop *loop = context;
    probe_expect(p, CHECK_POST, loop && loop->index == index && probe_own_loop(p) == loop,
                 "work that was posted to loop %" PRIu32 " runs elsewhere", index);
}

void probe_timer_fired(void *user) {
    struct loop *loop = user;
    loop->fired++;
    probe_expect(loop->probe, CHECK_TIMER, loop->fired == 1 && probe_own_loop(loop->probe) == loop,
                 "a timer fires %" PRIu32 " times, or on another loop", loop->fired);
}

void probe_get_word(void *user, struct berth_request *request,
                    const struct berth_request_view *view) {
    struct probe *p = user;
    struct loop *loop = probe_own_loop(p);
    struct berth_str text = {NULL, 0};
    probe_expect(p, CHECK_LOOP_THREAD,
                 loop && view->loop == loop->index && view->loop_context == loop,
                 "a request of loop %" PRIu32 " runs on %s, with another context", view->loop,
                 loop ? "another loop" : "no loop");
    probe_expect(p, CHECK_VIEW,
                 probe_rest_is_zero(view, sizeof *view) && probe_is_text(view->method, "GET") &&
                     probe_is_text(view->path, PROBE_BASE "/word/a%2Fb") &&
                     view->param_count == 1 && probe_is_text(view->params[0], "a/b") &&
                     !view->body.len && view->received_ns,
                 "the view of GET is not what was sent");
    int32_t code = p->routes->query(request, BERTH_STR("loud"), &text);
    probe_expect(p, CHECK_QUERY, !code && probe_is_text(text, "a b"), "loud is given with %" PRId32,
                 code);
    code = p->routes->query(request, BERTH_STR("quiet"), &text);
    probe_expect(p, CHECK_QUERY, code == BERTH_E_NOT_FOUND, "quiet is given with %" PRId32, code);
    code = p->routes->header(request, BERTH_STR("x-PROBE"), &text);
    probe_expect(p, CHECK_HEADER, !code && probe_is_text(text, "yes"),
                 "x-PROBE is given with %" PRId32, code);
    try_refusals(p);
    if (p->loop && loop) {
        uint32_t now = p->loop->current(p->host);
        probe_expect(p, CHECK_LOOP_THREAD, now == loop->index, "loop.current gives %" PRIu32, now);
        (void)p->loop->post(p->host, (loop->index + 1) % p->loop->count(p->host), posted, p);
        if (!loop->fired) {
            p->loop->timer_start(loop->timer, 1);
        }
    }
    const struct berth_str parts[] = {BERTH_STR_INIT("{\"word\":"), BERTH_STR_INIT("true}")};
    const struct berth_reply reply = {.size = sizeof reply,
                                      .status = 200,
                                      .parts = parts,
                                      .part_count = 2,
                                      .release = release,
                                      .owner = p};
    (void)pthread_mutex_lock(&p->lock);
    p->replied++;
    (void)pthread_mutex_unlock(&p->lock);
    (void)p->routes->reply(request, &reply);
}

/* ---- POST /_plugins/_abi_probe/work with {"a":1}: on a worker ---- */

static void work(void *user) {
    struct probe *p = user;
    probe_expect(p, CHECK_WORKER_THREAD, !probe_own_loop(p), "submitted work runs on a loop");
}

void probe_post_work(void *user, struct berth_request *request,
                     const struct berth_request_view *view) {
    struct probe *p = user;
    probe_expect(p, CHECK_WORKER_THREAD, !probe_own_loop(p) && !view->loop_context,
                 "a worker route runs on a loop, or with its context");
    probe_expect(p, CHECK_VIEW,
                 probe_is_text(view->method, "POST") && probe_is_text(view->body, "{\"a\":1}"),
                 "the view of POST is not what was sent");
    if (p->loop) {
        uint32_t now = p->loop->current(p->host);
        probe_expect(p, CHECK_WORKER_THREAD, now == BERTH_LOOP_NONE, "loop.current gives %" PRIu32,
                     now);
    }
    if (p->store) {
        probe_try_store(p);
    }
    if (p->worker) {
        (void)p->worker->submit(p->host, work, p);
    }
    probe_answer(p, request, "{\"work\":true}");
}

/* ---- POST /_plugins/_abi_probe/hold: never replied to; the client is to leave ---- */

struct held {
    struct probe *probe;
    struct berth_request *request;
    struct loop *loop;
    uint32_t told;
};

static void left(void *user) {
    struct held *held = user;
    struct probe *p = held->probe;
    held->told++;
    probe_expect(p, CHECK_CANCEL, held->told == 1 && probe_own_loop(p) == held->loop,
                 "it is told %" PRIu32 " times, or on another thread", held->told);
    const struct berth_str body = BERTH_STR("{}");
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    int32_t code = p->routes->reply(held->request, &reply);
    probe_expect(p, CHECK_AFTER_CANCEL, code == BERTH_OK || code == BERTH_E_CANCELLED,
                 "a reply to one who left gives %" PRId32, code);
    free(held);
}

void probe_post_hold(void *user, struct berth_request *request,
                     const struct berth_request_view *view) {
    struct probe *p = user;
    struct held *held = calloc(1, sizeof *held);
    (void)view;
    if (!held) {
        probe_answer(p, request, "{}");
        return;
    }
    *held = (struct held){.probe = p, .request = request, .loop = probe_own_loop(p)};
    (void)p->routes->on_cancel(request, left, held);
}
