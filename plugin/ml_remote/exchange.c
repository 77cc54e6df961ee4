/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/exchange.h"

#include "base/clock.h"
#include "plugin/ml_remote/settings.h"

#include <stddef.h>
#include <stdlib.h>

/* How long one waits for a place where the connector limits how many are asked at once. */
#define GATE_WAIT_MS 10000u

void ml_exchange_init(struct ml_exchange *x, struct ml_loop *loop) {
    *x = (struct ml_exchange){.loop = loop, .error = BASE_ERROR_INIT};
    struct base_buf *const buffers[] = {&x->made_text, &x->payload, &x->url_buf,
                                        &x->scratch,   &x->missing, &x->body};
    for (size_t i = 0; i < BASE_COUNT(buffers); i++) {
        base_buf_init(buffers[i], BASE_BUF_MAX_DEFAULT);
    }
    base_buf_init_private(&x->signature, BASE_BUF_MAX_DEFAULT);
}

void ml_exchange_deinit(struct ml_exchange *x) {
    ml_exchange_cancel(x);
    json_doc_deinit(&x->made);
    base_buf_deinit(&x->made_text);
    base_buf_deinit(&x->payload);
    base_buf_deinit(&x->url_buf);
    base_buf_deinit(&x->scratch);
    base_buf_deinit(&x->missing);
    base_buf_deinit(&x->signature);
    base_buf_deinit(&x->body);
}

/* A buffer for the next use, without what an unusually large one left. */
static struct base_buf recycle(struct base_buf *buf) {
    if (buf->cap > ML_KEPT_BUFFER) {
        base_buf_deinit(buf);
    }
    base_buf_clear(buf);
    return *buf;
}

void ml_exchange_reset(struct ml_exchange *x) {
    ml_exchange_cancel(x);
    base_buf_deinit(&x->body);
    base_buf_deinit(&x->signature);
    if (x->made.cap > ML_KEPT_BUFFER / sizeof *x->made.nodes) {
        json_doc_deinit(&x->made);
    }
    *x = (struct ml_exchange){.loop = x->loop,
                              .made_text = recycle(&x->made_text),
                              .made = x->made,
                              .payload = recycle(&x->payload),
                              .url_buf = recycle(&x->url_buf),
                              .scratch = recycle(&x->scratch),
                              .missing = recycle(&x->missing),
                              .signature = x->signature,
                              .body = x->body,
                              .error = BASE_ERROR_INIT};
}

int32_t ml_exchange_read_made(struct ml_exchange *x, struct json_value *out_parameters) {
    if (x->made_text.error || !json_parse(&x->made, base_buf_view(&x->made_text), 0, NULL)) {
        return base_error_memory(&x->error);
    }
    *out_parameters = json_root(&x->made);
    return BERTH_OK;
}

/* ---- the gate ---- */

static void leave(struct ml_exchange *x) {
    if (x->is_in) {
        x->is_in = false;
        ml_gate_leave(x->deployed->gate);
    }
}

static int32_t wait_or_ask(struct ml_exchange *x);
static int32_t ask(struct ml_exchange *x);

static void go_on(struct ml_exchange *x, int32_t code) {
    if (code) {
        x->done(x->user, x, code);
    }
}

static void on_let_in(struct ml_gate_waiter *waiter) {
    struct ml_exchange *x =
        (struct ml_exchange *)(void *)((char *)waiter - offsetof(struct ml_exchange, waiter));
    x->loop->plugin->loop->timer_stop(x->timer);
    x->is_waiting = false;
    x->is_in = true;
    go_on(x, ask(x));
}

static int32_t waited_too_long(struct ml_exchange *x) {
    return ml_status(&x->error, 429,
                     "the connector allows %lld exchanges of the model at once on a node "
                     "[client_config.max_connection], and none of those under way ended within "
                     "%u seconds",
                     (long long)x->deployed->config.max_connection,
                     GATE_WAIT_MS / (uint32_t)BASE_MS_PER_S);
}

/* ---- tries ---- */

/* A next try is due, or waiting for a place has taken too long. */
static void on_timer(void *user) {
    struct ml_exchange *x = user;
    if (!x->is_waiting) {
        go_on(x, wait_or_ask(x));
        return;
    }
    x->is_waiting = false;
    x->is_in = ml_gate_give_up(x->deployed->gate, &x->waiter);
    go_on(x, x->is_in ? ask(x) : waited_too_long(x));
}

/* False where no timer can be had. */
static bool start_timer(struct ml_exchange *x, uint64_t delay_ms) {
    const struct berth_loop_v1 *loop = x->loop->plugin->loop;
    if (!x->timer && loop->timer_create(x->loop->plugin->host, on_timer, x, &x->timer)) {
        return false;
    }
    loop->timer_start(x->timer, delay_ms);
    return true;
}

static void on_answer(void *user, struct ml_http_answer *answer) {
    struct ml_exchange *x = user;
    uint64_t delay_ms = 0;
    x->call = NULL;
    leave(x);
    /* Without a timer, the answer that there is counts. */
    if (ml_exchange_may_retry(x, answer, &delay_ms) && start_timer(x, delay_ms)) {
        return;
    }
    int32_t code = ml_exchange_take(x, answer);
    x->done(x->user, x, code);
}

static int32_t on_bytes(void *user, struct berth_str bytes) {
    struct ml_exchange *x = user;
    return x->on_bytes(x->user, x, bytes);
}

int32_t ml_exchange_sign(struct ml_exchange *x) {
    const struct ml_action *action = x->action;
    if (!action->is_signed) {
        return BERTH_OK;
    }
    const struct ml_aws_request request = {.method = action->method,
                                           .url = x->url,
                                           .body = base_buf_view(&x->payload),
                                           .headers = action->signed_headers,
                                           .header_count = action->signed_count,
                                           .with_hash = action->sends_hash,
                                           .now = time(NULL)};
    base_buf_clear(&x->signature);
    return ml_aws_sign(&action->key, &request, &x->signature, &x->error);
}

static int32_t ask(struct ml_exchange *x) {
    const struct ml_deployed *d = x->deployed;
    int32_t code = ml_exchange_sign(x);
    if (code) {
        leave(x);
        return code;
    }
    struct ml_http_request request = {.method = x->action->method,
                                      .url = x->url,
                                      .headers = x->action->headers,
                                      .more_lines = base_buf_view(&x->signature),
                                      .body = base_buf_view(&x->payload),
                                      .transport = d->transport,
                                      .connect_timeout_ms = d->connect_timeout_ms,
                                      .read_timeout_ms = d->read_timeout_ms,
                                      .max_body = x->loop->settings->max_answer,
                                      .allow_private = x->loop->settings->private_ip_enabled,
                                      .on_bytes = x->on_bytes ? on_bytes : NULL};
    x->tries++;
    code = ml_http_start(x->loop->client, &request, on_answer, x, &x->call);
    if (code) {
        leave(x);
    }
    return code == BERTH_E_UNAVAILABLE
               ? base_error(&x->error, code,
                            "a connector with a proxy needs libcurl, which is not installed on "
                            "this node")
           : code ? base_error_memory(&x->error)
                  : BERTH_OK;
}

static int32_t wait_or_ask(struct ml_exchange *x) {
    struct ml_gate *gate = x->deployed->gate;
    if (!gate) {
        return ask(x);
    }
    x->waiter = (struct ml_gate_waiter){.desk = &x->loop->desk, .let_in = on_let_in};
    x->is_in = ml_gate_enter(gate, &x->waiter);
    if (x->is_in) {
        return ask(x);
    }
    x->is_waiting = start_timer(x, GATE_WAIT_MS);
    if (x->is_waiting) {
        return BERTH_OK;
    }
    x->is_in = ml_gate_give_up(gate, &x->waiter);
    leave(x);
    return base_error_memory(&x->error);
}

int32_t ml_exchange_start(struct ml_exchange *x, ml_exchange_fn done, void *user) {
    x->done = done;
    x->user = user;
    x->first_try_ns = base_monotonic_ns();
    return wait_or_ask(x);
}

void ml_exchange_pause(struct ml_exchange *x) {
    if (x->call) {
        ml_http_pause(x->call);
    }
}

void ml_exchange_resume(struct ml_exchange *x) {
    if (x->call) {
        ml_http_resume(x->call);
    }
}

void ml_exchange_cancel(struct ml_exchange *x) {
    if (x->call) {
        ml_http_cancel(x->call);
        x->call = NULL;
    }
    if (x->is_waiting) {
        x->is_waiting = false;
        x->is_in = ml_gate_give_up(x->deployed->gate, &x->waiter);
    }
    leave(x);
    if (x->timer) { /* the loop of one that never began may be gone */
        x->loop->plugin->loop->timer_destroy(x->timer);
        x->timer = NULL;
    }
}
