/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/ask.h"

#include "plugin/ml_remote/exchange.h"
#include "plugin/ml_remote/stats.h"

#include <stdlib.h>

/* How long an answer waits for a place in the workers' queue before it asks for one again. */
#define WORKER_RETRY_MS 20u

struct ml_ask {
    struct ml_ask *next; /* in its loop's list, until a worker has it */
    struct ml_ask *previous;
    struct ml_plugin *plugin;
    struct ml_question question;
    struct base_buf parameters;
    struct json_doc doc;
    struct ml_exchange exchange;
    struct berth_timer *timer; /* until the workers are asked again */
    bool is_starting;
    bool is_answered;
    bool is_cancelled;
    bool is_abandoned; /* its client left, and it goes on */
    struct ml_answer answer;
};

static void destroy(struct ml_ask *ask) {
    ml_deployed_unref(ask->question.deployed);
    base_buf_deinit(&ask->parameters);
    base_buf_deinit(&ask->answer.body);
    json_doc_deinit(&ask->doc);
    free(ask);
}

/* Gives the answer to whoever put the question. */
static void finish(struct ml_ask *ask, bool may_block) {
    ask->question.done(ask->question.user, &ask->answer, may_block);
    destroy(ask);
}

static void on_worker(void *user) {
    finish(user, true);
}

/* ---- on the loop ---- */

static void join_loop(struct ml_ask *ask, struct ml_loop *loop) {
    ask->next = loop->asks;
    ask->previous = NULL;
    if (ask->next) {
        ask->next->previous = ask;
    }
    loop->asks = ask;
}

/* Takes from the loop all that belongs to it but the exchange. */
static void leave_loop(struct ml_ask *ask, struct ml_loop *loop) {
    if (ask->previous) {
        ask->previous->next = ask->next;
    } else {
        loop->asks = ask->next;
    }
    if (ask->next) {
        ask->next->previous = ask->previous;
    }
    ask->plugin->loop->timer_destroy(ask->timer);
    ask->timer = NULL;
}

static void listen(struct ml_ask *ask, berth_request_fn on_cancel) {
    if (ask->question.request) {
        (void)ask->plugin->routes->on_cancel(ask->question.request, on_cancel, ask);
    }
}

/* The exchange's end, however it came: what it found is the answer's. */
static void end_exchange(struct ml_ask *ask, int32_t code) {
    struct ml_exchange *x = &ask->exchange;
    ask->is_answered = true;
    ask->answer.code = code;
    ask->answer.status = x->status;
    ask->answer.error = x->error;
    ask->answer.body = x->body;
    base_buf_init(&x->body, BASE_BUF_MAX_DEFAULT);
    ml_exchange_deinit(x);
    listen(ask, NULL);
}

/* Without a worker; not to be called twice. */
static void drop(struct ml_ask *ask, int32_t code, const char *why) {
    if (!ask->is_answered) {
        end_exchange(ask, code);
    }
    ask->answer.code = base_error(&ask->answer.error, code, "%s", why);
    finish(ask, false);
}

static void hand_over(struct ml_ask *ask);

static void on_timer(void *user) {
    hand_over(user);
}

/*
 * Has a worker take the answer. While the workers' queue is full it is kept: what the service did
 * for it is done, and must be written down.
 */
static void hand_over(struct ml_ask *ask) {
    struct ml_plugin *plugin = ask->plugin;
    struct ml_loop *loop = ask->exchange.loop;
    leave_loop(ask, loop); /* once a worker has it, it may be gone */
    int32_t refused = plugin->worker->submit(plugin->host, on_worker, ask);
    if (!refused) {
        return;
    }
    bool waits = refused == BERTH_E_LIMIT || refused == BERTH_E_NO_MEMORY;
    if (!waits || plugin->loop->timer_create(plugin->host, on_timer, ask, &ask->timer)) {
        drop(ask, BERTH_E_UNAVAILABLE, "no worker can take the remote service's answer");
        return;
    }
    join_loop(ask, loop);
    plugin->loop->timer_start(ask->timer, WORKER_RETRY_MS);
}

static void on_answer(void *user, struct ml_exchange *x, int32_t code) {
    struct ml_ask *ask = user;
    (void)x;
    end_exchange(ask, code);
    if (!ask->is_starting) {
        hand_over(ask);
    }
}

static void drop_cancelled(struct ml_ask *ask) {
    leave_loop(ask, ask->exchange.loop);
    drop(ask, BERTH_E_CANCELLED, "the client left");
}

static void on_cancel(void *user) {
    struct ml_ask *ask = user;
    if (ask->question.keeps_on && !ask->exchange.loop->is_draining) {
        ask->is_abandoned = true;
        return;
    }
    ask->is_cancelled = true;
    if (!ask->is_starting) {
        drop_cancelled(ask);
    }
}

static int32_t prepare(struct ml_ask *ask, struct ml_loop *loop) {
    struct ml_exchange *x = &ask->exchange;
    const struct ml_deployed *d = ask->question.deployed;
    bool predicts = ask->question.type == ML_ACTION_BATCH_PREDICT;
    if (ask->parameters.error || !json_parse(&ask->doc, base_buf_view(&ask->parameters), 0, NULL)) {
        return base_error_memory(&x->error);
    }
    int32_t code =
        ml_exchange_prepare(x, d, ask->question.type,
                            predicts ? ml_catalogue_find(loop, d->id) : NULL, json_root(&ask->doc));
    return code || !predicts ? code
                             : ml_guardrail_check(&d->guardrails.input, base_buf_view(&x->payload),
                                                  "input", loop->match_data, &x->error);
}

static void begin(void *user, uint32_t index, void *context) {
    struct ml_ask *ask = user;
    struct ml_loop *loop = context;
    (void)index;
    if (!loop) {
        ask->is_answered = true;
        drop(ask, BERTH_E_UNAVAILABLE, "the node is stopping");
        return;
    }
    ml_exchange_init(&ask->exchange, loop);
    join_loop(ask, loop);
    ask->is_starting = true;
    listen(ask, on_cancel);
    int32_t code = ask->is_cancelled ? BERTH_OK : prepare(ask, loop);
    if (!ask->is_cancelled) {
        code = code ? code : ml_exchange_start(&ask->exchange, on_answer, ask);
        if (code && !ask->is_answered) {
            end_exchange(ask, code);
        }
    }
    ask->is_starting = false;
    if (ask->is_cancelled) {
        drop_cancelled(ask);
    } else if (ask->is_answered) {
        hand_over(ask);
    }
}

void ml_ask_drain_loop(struct ml_loop *loop) {
    struct ml_ask *next;
    loop->is_draining = true;
    for (struct ml_ask *ask = loop->asks; ask; ask = next) {
        next = ask->next;
        if (ask->is_abandoned && !ask->is_answered) {
            drop_cancelled(ask);
        }
    }
}

void ml_ask_stop_loop(struct ml_loop *loop) {
    while (loop->asks) {
        struct ml_ask *ask = loop->asks;
        leave_loop(ask, loop);
        drop(ask, BERTH_E_UNAVAILABLE, "the node is stopping");
    }
}

/* ---- putting questions ---- */

int32_t ml_ask(struct ml_plugin *plugin, const struct ml_question *question,
               struct berth_error *error) {
    struct ml_ask *ask = calloc(1, sizeof *ask);
    if (!ask) {
        ml_deployed_unref(question->deployed);
        return base_error_memory(error);
    }
    ask->plugin = plugin;
    ask->question = *question;
    ask->answer.error = (struct berth_error)BASE_ERROR_INIT;
    ask->answer.deployed = question->deployed;
    base_buf_init(&ask->answer.body, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&ask->parameters, BASE_BUF_MAX_DEFAULT);
    base_buf_str(&ask->parameters, question->parameters);
    int32_t code = plugin->loop->post(plugin->host, question->loop, begin, ask);
    if (code) {
        destroy(ask);
        return base_error(error, code, "the question to the remote service cannot be sent");
    }
    return BERTH_OK;
}

/* ---- for calls ---- */

struct continued {
    struct ml_plugin *plugin;
    enum ml_stat_action counted;
    struct berth_request *request;
    const struct berth_request_view *view;
    struct ml_follow follow;
};

static void go_on(void *user, struct ml_answer *answer, bool may_block) {
    struct continued *c = user;
    if (may_block) {
        ml_call_resume(c->plugin, c->follow.then, c->counted, c->request, c->view, answer);
    } else {
        if (c->follow.dropped) {
            c->follow.dropped(c->plugin);
        }
        ml_stats_note_call(c->plugin, c->counted, base_error_status(&answer->error));
        (void)c->plugin->routes->reply_error(c->request, &answer->error);
    }
    free(c);
}

int32_t ml_call_ask(struct ml_call *call, const struct ml_question *question,
                    const struct ml_follow *follow) {
    struct continued *c = calloc(1, sizeof *c);
    if (!c) {
        ml_deployed_unref(question->deployed);
        return base_error_memory(&call->error);
    }
    *c = (struct continued){.plugin = call->plugin,
                            .counted = call->counted,
                            .request = call->request,
                            .view = call->view,
                            .follow = *follow};
    struct ml_question whole = *question;
    whole.loop = call->view->loop;
    whole.request = call->request;
    whole.done = go_on;
    whole.user = c;
    call->goes_on = true;
    int32_t code = ml_ask(call->plugin, &whole, &call->error);
    if (code) {
        call->goes_on = false;
        free(c);
    }
    return code;
}
