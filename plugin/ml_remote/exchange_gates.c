/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many exchanges may be under way at once: gates for the node, for the model and for the
 * service, which are passed in this order. Who holds a place may wait for the next one.
 */
#include "base/clock.h"
#include "plugin/ml_remote/exchange.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/url.h"

#include <stddef.h>

/* How long one waits where the connector limits how many are asked at once. */
#define CONNECTOR_WAIT_MS 10000u

enum { GATE_NODE, GATE_MODEL, GATE_SERVICE, GATES };

/* What holds at one gate. */
struct limit {
    struct ml_gate *gate;
    uint32_t most; /* 0: there is none */
    uint64_t wait_ms;
    bool is_connectors;
};

/* The connector's own limit, where the setting is not below it. */
static struct limit limit_of_model(const struct ml_exchange *x) {
    const struct ml_client_config *config = &x->deployed->config;
    const struct ml_settings *settings = x->loop->settings;
    struct limit limit = {x->deployed->gate, settings->max_model_exchanges, settings->queue_ms,
                          false};
    int64_t own = config->max_connection < 1 ? 1 : config->max_connection;
    if (config->is_given && (limit.most == 0 || own <= (int64_t)limit.most)) {
        limit.most = own > UINT32_MAX ? UINT32_MAX : (uint32_t)own;
        limit.wait_ms = CONNECTOR_WAIT_MS;
        limit.is_connectors = true;
    }
    return limit;
}

static struct limit limit_at(const struct ml_exchange *x, uint32_t gate) {
    const struct ml_settings *settings = x->loop->settings;
    switch (gate) {
    case GATE_NODE:
        return (struct limit){x->loop->plugin->gate, settings->max_exchanges, settings->queue_ms,
                              false};
    case GATE_MODEL:
        return limit_of_model(x);
    default:
        return (struct limit){x->upstream ? ml_upstream_gate(x->upstream) : NULL,
                              x->upstream ? settings->max_remote_exchanges : 0, settings->queue_ms,
                              false};
    }
}

static struct ml_gate *gate_at(const struct ml_exchange *x, uint32_t gate) {
    return limit_at(x, gate).gate;
}

static int32_t refuse(struct ml_exchange *x, const struct limit *limit) {
    if (limit->is_connectors) {
        return ml_status(&x->error, 429,
                         "the connector allows %lld exchanges of the model at once on a node "
                         "[client_config.max_connection], and none of those under way ended "
                         "within %u seconds",
                         (long long)x->deployed->config.max_connection,
                         CONNECTOR_WAIT_MS / (uint32_t)BASE_MS_PER_S);
    }
    switch (x->next_gate) {
    case GATE_NODE:
        return ml_status(&x->error, 503,
                         "%u exchanges with remote services are under way on this node, and no "
                         "more are allowed at once [plugins.ml_commons.remote.max_in_flight]",
                         limit->most);
    case GATE_MODEL:
        return ml_status(&x->error, 429,
                         "%u exchanges of the model [" BASE_FMT
                         "] are under way on this node, and no more are allowed at once "
                         "[plugins.ml_commons.remote.max_in_flight_per_model]",
                         limit->most, BASE_ARG(x->deployed->id));
    default:
        return ml_status(&x->error, 503,
                         "%u exchanges with the remote service [" BASE_FMT
                         "] are under way on this node, and no more are allowed at once "
                         "[plugins.ml_commons.remote.max_in_flight_per_service]",
                         limit->most, BASE_ARG(ml_url_host(x->url)));
    }
}

static void take_place(struct ml_exchange *x) {
    x->held |= 1u << x->next_gate;
    x->next_gate++;
}

static void stop_waiting(struct ml_exchange *x) {
    x->is_waiting = false;
    x->waited_ns += base_monotonic_ns() - x->waits_since_ns;
}

static int32_t pass(struct ml_exchange *x);

static void on_let_in(struct ml_gate_waiter *waiter) {
    struct ml_exchange *x =
        (struct ml_exchange *)(void *)((char *)waiter - offsetof(struct ml_exchange, waiter));
    x->loop->plugin->loop->timer_stop(x->timer);
    stop_waiting(x);
    take_place(x);
    ml_exchange_go_on(x, pass(x));
}

/* One entry of the gate that is next. */
static int32_t enter(struct ml_exchange *x, const struct limit *limit, bool *out_waits) {
    uint32_t queue = limit->wait_ms ? x->loop->settings->queue_size : 0;
    x->waiter = (struct ml_gate_waiter){.desk = &x->loop->desk, .let_in = on_let_in};
    switch (ml_gate_enter(limit->gate, limit->most, queue, &x->waiter)) {
    case ML_GATE_IN:
        take_place(x);
        return BERTH_OK;
    case ML_GATE_FULL:
        return refuse(x, limit);
    default:
        x->is_waiting = true;
        x->waits_since_ns = base_monotonic_ns();
        *out_waits = ml_exchange_start_timer(x, limit->wait_ms);
        return *out_waits ? BERTH_OK : base_error_memory(&x->error);
    }
}

static int32_t pass(struct ml_exchange *x) {
    int32_t code = BERTH_OK;
    bool waits = false;
    while (x->next_gate < GATES && !code && !waits) {
        struct limit limit = limit_at(x, x->next_gate);
        if (limit.most == 0) {
            x->next_gate++;
        } else {
            code = enter(x, &limit, &waits);
        }
    }
    if (waits) {
        return BERTH_OK;
    }
    code = code ? code : ml_exchange_ask(x);
    if (code) {
        ml_exchange_leave(x);
    }
    return code;
}

int32_t ml_exchange_enter(struct ml_exchange *x) {
    x->next_gate = 0;
    return pass(x);
}

int32_t ml_exchange_waited(struct ml_exchange *x) {
    struct limit limit = limit_at(x, x->next_gate);
    stop_waiting(x);
    if (ml_gate_give_up(limit.gate, &x->waiter)) {
        take_place(x);
        return pass(x);
    }
    int32_t code = refuse(x, &limit);
    ml_exchange_leave(x);
    return code;
}

void ml_exchange_leave(struct ml_exchange *x) {
    if (x->is_waiting) {
        x->is_waiting = false;
        if (ml_gate_give_up(gate_at(x, x->next_gate), &x->waiter)) {
            take_place(x);
        }
    }
    for (uint32_t i = 0; i < GATES; i++) {
        if (x->held & (1u << i)) {
            ml_gate_leave(gate_at(x, i));
        }
    }
    x->held = 0;
}
