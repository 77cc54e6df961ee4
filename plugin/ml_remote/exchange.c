/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/exchange.h"

#include "base/clock.h"
#include "plugin/ml_remote/settings.h"

#include <stdlib.h>

void ml_exchange_init(struct ml_exchange *x, struct ml_loop *loop) {
    *x = (struct ml_exchange){.loop = loop, .error = BASE_ERROR_INIT};
    struct base_buf *const buffers[] = {&x->made_text, &x->payload,   &x->url_buf, &x->scratch,
                                        &x->missing,   &x->signature, &x->body};
    for (size_t i = 0; i < BASE_COUNT(buffers); i++) {
        base_buf_init(buffers[i], BASE_BUF_MAX_DEFAULT);
    }
}

void ml_exchange_deinit(struct ml_exchange *x) {
    ml_exchange_cancel(x);
    json_doc_deinit(&x->made);
    base_buf_deinit(&x->made_text);
    base_buf_deinit(&x->payload);
    base_buf_deinit(&x->url_buf);
    base_buf_deinit(&x->scratch);
    base_buf_deinit(&x->missing);
    base_buf_wipe(&x->signature);
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
    base_buf_wipe(&x->signature);
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

static int32_t try_once(struct ml_exchange *x);

static void on_retry(void *user) {
    struct ml_exchange *x = user;
    int32_t code = try_once(x);
    if (code) {
        x->done(x->user, x, code);
    }
}

/* False where no timer can be had: then the answer that there is counts. */
static bool retry_after(struct ml_exchange *x, uint64_t delay_ms) {
    const struct berth_loop_v1 *loop = x->loop->plugin->loop;
    if (!x->timer && loop->timer_create(x->loop->plugin->host, on_retry, x, &x->timer)) {
        return false;
    }
    loop->timer_start(x->timer, delay_ms);
    return true;
}

static void on_answer(void *user, struct ml_http_answer *answer) {
    struct ml_exchange *x = user;
    uint64_t delay_ms = 0;
    x->call = NULL;
    if (ml_exchange_may_retry(x, answer, &delay_ms) && retry_after(x, delay_ms)) {
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

static int32_t try_once(struct ml_exchange *x) {
    const struct ml_deployed *d = x->deployed;
    int32_t code = ml_exchange_sign(x);
    if (code) {
        return code;
    }
    struct ml_http_request request = {.method = x->action->method,
                                      .url = x->url,
                                      .headers = x->action->headers,
                                      .more_lines = base_buf_view(&x->signature),
                                      .body = base_buf_view(&x->payload),
                                      .connect_timeout_ms = d->connect_timeout_ms,
                                      .read_timeout_ms = d->read_timeout_ms,
                                      .max_body = x->loop->settings->max_answer,
                                      .allow_private = x->loop->settings->private_ip_enabled,
                                      .tls = d->has_tls ? &d->tls : NULL,
                                      .on_bytes = x->on_bytes ? on_bytes : NULL};
    x->tries++;
    return ml_http_start(x->loop->client, &request, on_answer, x, &x->call)
               ? base_error_memory(&x->error)
               : BERTH_OK;
}

int32_t ml_exchange_start(struct ml_exchange *x, ml_exchange_fn done, void *user) {
    x->done = done;
    x->user = user;
    x->first_try_ns = base_monotonic_ns();
    return try_once(x);
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
    x->loop->plugin->loop->timer_destroy(x->timer);
    x->timer = NULL;
}
