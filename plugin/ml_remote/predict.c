/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predictions: the way through, on the loop. What is sent is made in predict_prepare.c, asked by
 * exchange*.c, and answered in predict_reply.c.
 */
#include "plugin/ml_remote/predict_stream.h"

#include "base/clock.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/micro_batch.h"
#include "plugin/ml_remote/settings.h"

#include <stdlib.h>

/* ---- memory ---- */

#define ARENA_CHUNK 1024u
/* Refusals ask for no more patience than this. */
#define RETRY_AFTER_MAX_S 3600u

struct ml_predict *ml_predict_create(struct ml_loop *loop) {
    struct ml_predict *p = loop->free_predicts;
    if (p) {
        loop->free_predicts = p->next;
        loop->free_predict_count--;
        return p;
    }
    p = calloc(1, sizeof *p);
    if (p) {
        p->loop = loop;
        p->plugin = loop->plugin;
        ml_exchange_init(&p->first, loop);
        base_arena_init(&p->arena, ARENA_CHUNK);
        base_buf_init(&p->out, BASE_BUF_MAX_DEFAULT);
        base_buf_init(&p->split, BASE_BUF_MAX_DEFAULT);
    }
    return p;
}

/* It waits for tokens no more. */
static void leave_queue(struct ml_predict *p) {
    p->plugin->queued -= p->is_queued;
    p->is_queued = false;
    if (p->timer) {
        p->plugin->loop->timer_destroy(p->timer);
        p->timer = NULL;
    }
}

/* What only this prediction needed. */
static void release(struct ml_predict *p) {
    leave_queue(p);
    ml_micro_batch_leave(p);
    ml_predict_guard_cancel(p);
    ml_predict_stream_destroy(p->stream);
    ml_exchange_cancel(&p->first); /* which borrows the model */
    for (uint32_t i = 1; i < p->count; i++) {
        ml_exchange_deinit(&p->more[i - 1]);
    }
    free(p->more);
    ml_deployed_unref(p->deployed);
    base_arena_deinit(&p->arena);
    base_buf_deinit(&p->out);
    base_buf_deinit(&p->split);
}

void ml_predict_free(struct ml_predict *p) {
    release(p);
    ml_exchange_deinit(&p->first);
    json_doc_deinit(&p->doc);
    free(p);
}

void ml_predict_destroy(struct ml_predict *p) {
    struct ml_loop *loop = p->loop;
    if (loop->free_predict_count >= ML_KEPT_PREDICTS) {
        ml_predict_free(p);
        return;
    }
    release(p);
    ml_exchange_reset(&p->first);
    if (p->doc.cap > ML_KEPT_BUFFER / sizeof *p->doc.nodes) {
        json_doc_deinit(&p->doc);
    }
    struct ml_predict kept = *p;
    *p = (struct ml_predict){.next = loop->free_predicts,
                             .loop = loop,
                             .plugin = loop->plugin,
                             .doc = kept.doc,
                             .first = kept.first,
                             .arena = kept.arena,
                             .out = kept.out,
                             .split = kept.split};
    loop->free_predicts = p;
    loop->free_predict_count++;
}

void ml_predict_track_end(struct ml_predict *p, bool failed) {
    const struct ml_spans spans = {.asked_ns = p->first.first_try_ns,
                                   .answered_ns = p->answered_ns,
                                   .queue_ns = p->queued_ns,
                                   .asked_queue_ns = p->first.waited_ns,
                                   .connect_ns = p->first.connect_ns};
    ml_track_end(&p->track, &p->loop->usages, failed, &spans,
                 p->loop->settings->monitoring_request_count);
}

/* ---- the exchanges ---- */

static void stop_listening(struct ml_predict *p) {
    (void)p->plugin->routes->on_cancel(p->request, NULL, NULL);
}

void ml_predict_end(struct ml_predict *p, int32_t code) {
    stop_listening(p);
    if (code) {
        ml_predict_fail(p);
    } else {
        ml_predict_reply(p);
    }
}

/* The client left: nobody waits for the remote service any more. */
static void on_cancel(void *user) {
    struct ml_predict *p = user;
    p->failed = base_error(&p->error, BERTH_E_CANCELLED, "the client left");
    if (!p->is_starting) {
        ml_predict_fail(p);
    }
}

/* A client that left already is told of within this. */
static int32_t start_listening(struct ml_predict *p) {
    p->is_starting = true;
    (void)p->plugin->routes->on_cancel(p->request, on_cancel, p);
    p->is_starting = false;
    return p->failed;
}

/* Each answer by itself: the guarding model is asked about one after the other. */
static void judge_next(struct ml_predict *p, int32_t code) {
    if (code || p->judged == p->count) {
        ml_predict_end(p, code);
        return;
    }
    struct ml_exchange *x = ml_predict_exchange(p, p->judged++);
    ml_predict_guard(p, &p->deployed->guardrails.output, "output", base_buf_view(&x->body),
                     judge_next);
}

/* What the service answered must pass the guardrail of the output. */
static void judge_answers(struct ml_predict *p) {
    const struct ml_guardrail *guardrail = &p->deployed->guardrails.output;
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < p->count && !code; i++) {
        code = ml_guardrail_check(guardrail, base_buf_view(&ml_predict_exchange(p, i)->body),
                                  "output", p->loop->match_data, &p->error);
    }
    if (code || !guardrail->model_id.ptr) {
        ml_predict_end(p, code);
    } else {
        judge_next(p, BERTH_OK);
    }
}

/* Goes on when all have answered, or the first has failed. */
static void settle(struct ml_predict *p) {
    if (p->failed || p->waiting == 0) {
        p->answered_ns = base_monotonic_ns();
    }
    if (p->failed) {
        ml_predict_end(p, p->failed);
    } else if (p->waiting == 0) {
        judge_answers(p);
    }
}

static void on_exchange(void *user, struct ml_exchange *x, int32_t code) {
    struct ml_predict *p = user;
    p->waiting--;
    if (code && !p->failed) {
        p->failed = code;
        p->error = x->error;
    }
    if (!p->is_starting) {
        settle(p);
    }
}

static void start_exchanges(struct ml_predict *p, int32_t code) {
    if (!code && p->is_stream) {
        ml_predict_stream_start(p);
        return;
    }
    if (!code && ml_micro_batch_takes(p)) {
        code = ml_micro_batch_join(p);
        if (!code) {
            return;
        }
    }
    p->failed = code;
    p->is_starting = true;
    for (uint32_t i = 0; i < p->count && !p->failed; i++) {
        struct ml_exchange *x = ml_predict_exchange(p, i);
        p->waiting++;
        code = ml_exchange_start(x, on_exchange, p);
        if (code) {
            on_exchange(p, x, code);
        }
    }
    p->is_starting = false;
    settle(p);
}

/* ---- rate limits ---- */

/* The refusal says when tokens will be there, unless that is beyond all reason. */
static int32_t refuse_for(struct ml_predict *p, uint64_t wait_ns) {
    uint64_t seconds = wait_ns / BASE_NS_PER_MS / BASE_MS_PER_S + 1;
    p->error.retry_after_s = seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (uint32_t)seconds;
    return p->error.code;
}

/* A token for each question, of the user's own limit. */
static int32_t take_user_tokens(struct ml_predict *p, uint64_t most_ns, uint64_t *out_wait_ns) {
    const struct ml_controller *controller = p->deployed->controller;
    const struct berth_user *user = NULL;
    if (!controller || p->plugin->identity->user(p->request, &user) ||
        ml_controller_take(controller, user->name, p->count, base_monotonic_ns(), most_ns,
                           out_wait_ns)) {
        return BERTH_OK;
    }
    (void)ml_status(&p->error, 429,
                    "the limit of the user [" BASE_FMT "] for the model [" BASE_FMT
                    "] allows no more for now",
                    BASE_ARG(user->name), BASE_ARG(p->model_id));
    return refuse_for(p, *out_wait_ns);
}

/* A token for each question, the model's before the user's. */
static int32_t take_tokens(struct ml_predict *p, uint64_t *out_wait_ns) {
    const struct ml_settings *settings = p->loop->settings;
    struct ml_limiter *limiter = p->deployed->limiter;
    bool may_wait = settings->queue_ms && p->plugin->queued < settings->queue_size;
    uint64_t most_ns = may_wait ? settings->queue_ms * BASE_NS_PER_MS : 0;
    uint64_t user_wait_ns = 0;
    *out_wait_ns = 0;
    if (limiter && !ml_limiter_take(limiter, p->count, base_monotonic_ns(), most_ns, out_wait_ns)) {
        (void)ml_status(&p->error, 429,
                        "the rate limiter of the model [" BASE_FMT "] allows no more for now",
                        BASE_ARG(p->model_id));
        return refuse_for(p, *out_wait_ns);
    }
    int32_t code = take_user_tokens(p, most_ns, &user_wait_ns);
    *out_wait_ns = user_wait_ns > *out_wait_ns ? user_wait_ns : *out_wait_ns;
    return code;
}

static void judge_question(struct ml_predict *p);

static void on_tokens(void *user) {
    struct ml_predict *p = user;
    leave_queue(p);
    judge_question(p);
}

/* The tokens are taken; they are there after a while. */
static int32_t queue(struct ml_predict *p, uint64_t wait_ns) {
    const struct berth_loop_v1 *loop = p->plugin->loop;
    if (loop->timer_create(p->plugin->host, on_tokens, p, &p->timer)) {
        return base_error_memory(&p->error);
    }
    p->plugin->queued++;
    p->is_queued = true;
    p->queued_ns = wait_ns;
    loop->timer_start(p->timer, (wait_ns + BASE_NS_PER_MS - 1) / BASE_NS_PER_MS);
    return BERTH_OK;
}

/* ---- sending ---- */

static int32_t judge_payloads(struct ml_predict *p) {
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < p->count && !code; i++) {
        code = ml_guardrail_check(&p->deployed->guardrails.input,
                                  base_buf_view(&ml_predict_exchange(p, i)->payload), "input",
                                  p->loop->match_data, &p->error);
    }
    return code;
}

/* Goes on with what the guarding model says of the question, where there is one. */
static void judge_question(struct ml_predict *p) {
    struct berth_str question = {"", 0};
    (void)json_string(json_get(p->input.parameters, "question"), &p->arena, &question);
    ml_predict_guard(p, &p->deployed->guardrails.input, "input", question, start_exchanges);
}

static int32_t send(struct ml_predict *p, struct ml_loop_model *model) {
    uint64_t wait_ns = 0;
    int32_t code = ml_predict_prepare(p, model);
    code = code || !p->is_stream ? code : ml_predict_stream_check(p);
    code = code ? code : take_tokens(p, &wait_ns);
    code = code ? code : judge_payloads(p);
    code = code ? code : start_listening(p);
    code = code || !wait_ns ? code : queue(p, wait_ns);
    if (!code && !wait_ns) {
        judge_question(p);
    }
    return code;
}

/* ---- the model ---- */

static void begin(struct ml_predict *p, bool may_deploy);

/* Another node has answered, or it is gone and the next is tried. */
static void on_forwarded(void *user, const struct berth_forward_end *end) {
    struct ml_predict *p = user;
    ml_workers_end(p->plugin->workers, p->node_id, end->load);
    if (end->code != BERTH_E_UNAVAILABLE) {
        ml_predict_destroy(p);
    } else {
        begin(p, !p->was_deployed);
    }
}

/* Has another node answer that has the model; false: none can be asked. */
static bool send_elsewhere(struct ml_predict *p) {
    struct ml_plugin *plugin = p->plugin;
    enum ml_dispatch dispatch = p->loop->settings->least_load ? ML_LEAST_LOAD : ML_ROUND_ROBIN;
    if (!plugin->peers || !ml_workers_has(plugin->workers, p->model_id)) {
        return false;
    }
    p->turn = p->tried ? p->turn : ml_workers_turn(plugin->workers);
    while (
        ml_workers_choose(plugin->workers, p->model_id, dispatch, p->turn, p->tried, p->node_id)) {
        p->tried++;
        ml_workers_begin(plugin->workers, p->node_id);
        int32_t code = plugin->peers->forward(p->request, base_cstr(p->node_id), on_forwarded, p);
        if (!code) {
            return true;
        }
        ml_workers_end(plugin->workers, p->node_id, 0);
        if (code != BERTH_E_NOT_FOUND) {
            return false;
        }
    }
    return false;
}

static void after_deploy(void *user, uint32_t index, void *context) {
    struct ml_predict *p = user;
    (void)index;
    if (!context) {
        (void)base_error(&p->error, BERTH_E_UNAVAILABLE, "the node is stopping");
        (void)p->plugin->routes->reply_error(p->request, &p->error);
        ml_predict_free(p);
    } else if (p->deploy_code) {
        ml_predict_fail(p);
    } else {
        p->was_deployed = true;
        p->tried = 0; /* they may be others now */
        begin(p, false);
    }
}

/* On a worker. */
static void deploy(void *user) {
    struct ml_predict *p = user;
    struct ml_plugin *plugin = p->plugin;
    struct ml_settings *settings = ml_settings_acquire(plugin);
    p->deploy_code = ml_access_require_model(plugin, settings, p->request, p->model_id, &p->error);
    ml_settings_release(settings);
    if (!p->deploy_code) {
        p->deploy_code = ml_deploy_automatically(plugin, p->model_id, &p->error);
    }
    if (plugin->loop->post(plugin->host, p->view->loop, after_deploy, p)) {
        (void)base_error_memory(&p->error);
        (void)plugin->routes->reply_error(p->request, &p->error);
        ml_predict_free(p);
    }
}

static int32_t check_model(struct ml_predict *p) {
    const struct ml_settings *settings = p->loop->settings;
    if (!settings->node_is_eligible) {
        return ml_settings_not_eligible(p->plugin, settings, &p->error);
    }
    const struct berth_user *user = ml_access_user(p->plugin, settings, p->request, ML_MODEL);
    if (!ml_deployed_lets(p->deployed, user)) {
        return ml_access_refuse(ML_MODEL, p->model_id, ML_MAY_USE, user, &p->error);
    }
    return p->deployed->is_enabled
               ? BERTH_OK
               : ml_status(&p->error, 403, "the model [" BASE_FMT "] is disabled (is_enabled)",
                           BASE_ARG(p->model_id));
}

static void begin(struct ml_predict *p, bool may_deploy) {
    struct ml_loop_model *model = ml_catalogue_find(p->loop, p->model_id);
    int32_t code = BERTH_OK;
    if (model) {
        p->deployed = ml_deployed_ref(model->deployed);
        ml_track_begin(&p->track, &p->loop->usages, p->model_id, ml_input_type(p->kind),
                       p->view->received_ns);
        code = check_model(p);
        code = code ? code : send(p, model);
    } else if (send_elsewhere(p)) {
        return;
    } else if (may_deploy) {
        int32_t refused = p->plugin->worker->submit(p->plugin->host, deploy, p);
        code = refused ? base_error(&p->error, refused,
                                    "the model is not deployed, and no worker is free to deploy it")
                       : BERTH_OK;
    } else {
        code = base_error(&p->error, BERTH_E_UNAVAILABLE,
                          "no node that has the model [" BASE_FMT "] answers, or it was undeployed "
                          "meanwhile",
                          BASE_ARG(p->model_id));
    }
    if (code) {
        ml_predict_fail(p);
    }
}

/* The form of the body, which the path of an algorithm tells. */
static int32_t read_kind(struct ml_predict *p) {
    const struct berth_request_view *view = p->view;
    p->kind = ML_INPUT_PARAMETERS;
    return view->param_count == 1 ? BERTH_OK
                                  : ml_input_kind_of(view->params[0], &p->kind, &p->error);
}

static void predict(struct ml_plugin *plugin, struct berth_request *request,
                    const struct berth_request_view *view, bool is_stream) {
    struct ml_loop *loop = view->loop_context;
    struct ml_predict *p = ml_predict_create(loop);
    struct berth_error error = BASE_ERROR_INIT;
    if (!p) {
        (void)base_error_memory(&error);
        (void)plugin->routes->reply_error(request, &error);
        return;
    }
    p->request = request;
    p->view = view;
    p->model_id = view->params[view->param_count - 1];
    p->is_stream = is_stream;
    p->error = error;
    int32_t code = ml_settings_check_remote(loop->settings, &p->error);
    code = code || !is_stream ? code : ml_settings_check_stream(loop->settings, &p->error);
    code = code ? code : read_kind(p);
    if (code) {
        ml_predict_fail(p);
        return;
    }
    begin(p, true);
}

void ml_predict(void *user, struct berth_request *request, const struct berth_request_view *view) {
    predict(user, request, view, false);
}

void ml_predict_stream(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    predict(user, request, view, true);
}
