/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: which engine serves a call, and the calls' time-outs.
 */
#include "plugin/ml_remote/http_client.h"

#include "base/clock.h"
#include "plugin/ml_remote/http_call.h"
#include "plugin/ml_remote/transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* How often waiting calls are looked at for their time-outs, and kept connections for theirs. */
#define TICK_MS 50u
#define IDLE_TICK_MS 1000u

/* ---- calls ---- */

void ml_http_call_begin(struct ml_http_call *call, struct ml_http_client *client,
                        const struct ml_http_engine *engine, const struct ml_http_request *request,
                        ml_http_done_fn done, void *user) {
    call->engine = engine;
    call->client = client;
    call->done = done;
    call->user = user;
    call->on_bytes = request->on_bytes;
    call->read_timeout_ms = request->read_timeout_ms;
    call->allow_private = request->allow_private;
    call->last_byte_ns = base_monotonic_ns();
    call->is_paused = false;
    struct ml_http_answer *answer = &call->answer;
    answer->outcome = ML_HTTP_ANSWERED;
    answer->status = 0;
    answer->is_throttled = false;
    answer->retry_after_ms = 0;
    answer->detail[0] = '\0';
    answer->content_type[0] = '\0';
    answer->location[0] = '\0';
    base_buf_init(&answer->body, (size_t)request->max_body);
    call->previous = NULL;
    call->next = client->calls;
    if (call->next) {
        call->next->previous = call;
    }
    client->calls = call;
    if (client->call_count++ == 0) {
        client->plugin->loop->timer_start(client->tick, TICK_MS);
    }
}

void ml_http_call_leave(struct ml_http_call *call) {
    struct ml_http_client *client = call->client;
    *(call->previous ? &call->previous->next : &client->calls) = call->next;
    if (call->next) {
        call->next->previous = call->previous;
    }
    client->call_count--;
}

void ml_http_call_fail(struct ml_http_call *call, enum ml_http_outcome outcome, const char *format,
                       ...) {
    va_list arguments;
    if (call->answer.outcome == ML_HTTP_ANSWERED) {
        call->answer.outcome = outcome;
        va_start(arguments, format);
        (void)vsnprintf(call->answer.detail, sizeof call->answer.detail, format, arguments);
        va_end(arguments);
    }
}

void ml_http_call_tell(struct ml_http_call *call) {
    call->done(call->user, &call->answer);
    base_buf_deinit(&call->answer.body);
}

bool ml_http_call_is_late(struct ml_http_call *call, uint64_t now_ns) {
    /* One that was begun while this runs has a later time than now. */
    if (call->is_paused || now_ns <= call->last_byte_ns ||
        now_ns - call->last_byte_ns <= call->read_timeout_ms * BASE_NS_PER_MS) {
        return false;
    }
    ml_http_call_fail(call, ML_HTTP_TIMED_OUT, "no byte came for %llu ms",
                      (unsigned long long)call->read_timeout_ms);
    return true;
}

/* ---- the client ---- */

static void on_tick(void *user) {
    struct ml_http_client *client = user;
    uint64_t now = base_monotonic_ns();
    for (struct ml_http_call *call = client->calls; call;) {
        struct ml_http_call *next = call->next;
        /* What done did may have ended others: look from the start. */
        call = call->engine->expire(call, now) ? client->calls : next;
    }
    bool keeps = ml_http1_tidy(client->http1, now);
    if (client->call_count > 0 || keeps) {
        client->plugin->loop->timer_start(client->tick,
                                          client->call_count > 0 ? TICK_MS : IDLE_TICK_MS);
    }
}

int32_t ml_http_client_create(struct ml_plugin *plugin, struct ml_http_client **out_client,
                              struct berth_error *error) {
    struct ml_http_client *client = calloc(1, sizeof *client);
    if (!client) {
        return base_error_memory(error);
    }
    client->plugin = plugin;
    if (plugin->loop->timer_create(plugin->host, on_tick, client, &client->tick) ||
        ml_http1_create(client, &client->http1)) {
        ml_http_client_destroy(client);
        return base_error_memory(error);
    }
    *out_client = client;
    return BERTH_OK;
}

void ml_http_client_destroy(struct ml_http_client *client) {
    if (!client) {
        return;
    }
    while (client->calls) {
        ml_http_cancel(client->calls);
    }
    ml_http_curl_destroy(client->curl);
    ml_http1_destroy(client->http1);
    client->plugin->loop->timer_destroy(client->tick);
    free(client);
}

int32_t ml_http_start(struct ml_http_client *client, const struct ml_http_request *request,
                      ml_http_done_fn done, void *user, struct ml_http_call **out_call) {
    bool by_libcurl = request->by_libcurl || ml_transport_has_proxy(request->transport);
    return (by_libcurl ? ml_http_curl_start : ml_http1_start)(client, request, done, user,
                                                              out_call);
}

void ml_http_pause(struct ml_http_call *call) {
    call->is_paused = true;
    call->engine->pause(call);
}

void ml_http_resume(struct ml_http_call *call) {
    call->is_paused = false;
    call->last_byte_ns = base_monotonic_ns();
    call->engine->resume(call);
}

void ml_http_cancel(struct ml_http_call *call) {
    call->engine->cancel(call);
}

void ml_http_services(const struct ml_http_client *client,
                      void (*fn)(void *user, const struct ml_http_service *service), void *user) {
    ml_http1_services(client->http1, fn, user);
}
