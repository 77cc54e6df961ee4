/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/upstream.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"

struct ml_upstream {
    struct berth_str name; /* behind the struct */
    struct ml_upstream *next;
    struct ml_gate *gate;
    _Atomic uint32_t in_flight;
    /* The window: when it ends, and what happened within. */
    _Atomic uint64_t window_ends_ns;
    _Atomic uint32_t exchanges;
    _Atomic uint32_t failures;
    _Atomic uint32_t retries;
    /* 0: the circuit is closed; else from then on it may be tried. */
    _Atomic uint64_t open_until_ns;
    _Atomic bool is_tried;
    /* Since the beginning. */
    _Atomic uint64_t figures[ML_UPSTREAM_FIGURES];
    uint64_t told[ML_UPSTREAM_FIGURES]; /* those that ml_upstream_save noted */
};

struct ml_upstreams {
    pthread_mutex_t lock;
    struct base_map by_name;
    struct ml_upstream *_Atomic first;
};

enum figure { EXCHANGES, FAILURES, RETRIES, RETRIES_REFUSED, OPENINGS, REFUSED };

#define ADD(counter) ((void)atomic_fetch_add_explicit(&(counter), 1, memory_order_relaxed))

/* ---- all of them ---- */

struct ml_upstreams *ml_upstreams_create(void) {
    struct ml_upstreams *upstreams = calloc(1, sizeof *upstreams);
    if (upstreams) {
        (void)pthread_mutex_init(&upstreams->lock, NULL);
    }
    return upstreams;
}

void ml_upstreams_destroy(struct ml_upstreams *upstreams) {
    if (!upstreams) {
        return;
    }
    for (struct ml_upstream *u = upstreams->first; u;) {
        struct ml_upstream *next = u->next;
        ml_gate_unref(u->gate);
        free(u);
        u = next;
    }
    base_map_deinit(&upstreams->by_name);
    (void)pthread_mutex_destroy(&upstreams->lock);
    free(upstreams);
}

static struct ml_upstream *add(struct ml_upstreams *upstreams, struct berth_str origin) {
    struct ml_upstream *u = calloc(1, sizeof *u + BASE_LEN(origin));
    if (!u) {
        return NULL;
    }
    memcpy(u + 1, origin.ptr, BASE_LEN(origin));
    u->name = base_str((const char *)(u + 1), BASE_LEN(origin));
    u->gate = ml_gate_create();
    if (!u->gate || !base_map_set(&upstreams->by_name, u->name, u)) {
        ml_gate_unref(u->gate);
        free(u);
        return NULL;
    }
    u->next = upstreams->first;
    upstreams->first = u;
    return u;
}

struct ml_upstream *ml_upstreams_get(struct ml_upstreams *upstreams, struct berth_str origin) {
    (void)pthread_mutex_lock(&upstreams->lock);
    struct ml_upstream *u = base_map_get(&upstreams->by_name, origin);
    if (!u && origin.len && upstreams->by_name.count < ML_UPSTREAMS_MAX) {
        u = add(upstreams, origin);
    }
    (void)pthread_mutex_unlock(&upstreams->lock);
    return u;
}

void ml_upstreams_each(struct ml_upstreams *upstreams,
                       void (*fn)(void *user, const struct ml_upstream *upstream), void *user) {
    for (const struct ml_upstream *u = upstreams->first; u; u = u->next) {
        fn(user, u);
    }
}

/* ---- one of them ---- */

void ml_upstreams_visit(struct ml_upstreams *upstreams,
                        void (*fn)(void *user, struct ml_upstream *upstream), void *user) {
    for (struct ml_upstream *u = upstreams->first; u; u = u->next) {
        fn(user, u);
    }
}

struct berth_str ml_upstream_name(const struct ml_upstream *u) {
    return u->name;
}

struct ml_gate *ml_upstream_gate(const struct ml_upstream *u) {
    return u->gate;
}

void ml_upstream_read(const struct ml_upstream *u, uint64_t now_ns,
                      struct ml_upstream_figures *out) {
    uint32_t limited = 0;
    *out = (struct ml_upstream_figures){.in_flight = u->in_flight,
                                        .is_open = u->open_until_ns > now_ns,
                                        .exchanges = u->figures[EXCHANGES],
                                        .failures = u->figures[FAILURES],
                                        .retries = u->figures[RETRIES],
                                        .retries_refused = u->figures[RETRIES_REFUSED],
                                        .openings = u->figures[OPENINGS],
                                        .refused = u->figures[REFUSED]};
    ml_gate_count(u->gate, &limited, &out->waiting);
}

/* ---- the window ---- */

static void clear_window(struct ml_upstream *u) {
    u->exchanges = 0;
    u->failures = 0;
    u->retries = 0;
}

/* Of those who find that it has ended, one begins the next. */
static void move_window(struct ml_upstream *u, const struct ml_upstream_rules *rules,
                        uint64_t now_ns) {
    uint64_t ends = atomic_load_explicit(&u->window_ends_ns, memory_order_relaxed);
    if (now_ns >= ends &&
        atomic_compare_exchange_strong(&u->window_ends_ns, &ends, now_ns + rules->window_ns)) {
        clear_window(u);
    }
}

/* ---- the circuit ---- */

enum ml_upstream_pass ml_upstream_begin(struct ml_upstream *u, uint64_t now_ns,
                                        uint64_t *out_wait_ns) {
    uint64_t until = atomic_load_explicit(&u->open_until_ns, memory_order_relaxed);
    bool tried = false;
    if (until == 0) {
        ADD(u->in_flight);
        return ML_UPSTREAM_CLOSED;
    }
    if (now_ns >= until && atomic_compare_exchange_strong(&u->is_tried, &tried, true)) {
        ADD(u->in_flight);
        return ML_UPSTREAM_TRIAL;
    }
    ADD(u->figures[REFUSED]);
    *out_wait_ns = until > now_ns ? until - now_ns : 0;
    return ML_UPSTREAM_OPEN;
}

static void open_circuit(struct ml_upstream *u, const struct ml_upstream_rules *rules,
                         uint64_t now_ns) {
    u->open_until_ns = now_ns + rules->open_ns;
    clear_window(u);
    ADD(u->figures[OPENINGS]);
}

/* What was let through to try decides; switched off meanwhile, the circuit closes in any case. */
static bool end_trial(struct ml_upstream *u, const struct ml_upstream_rules *rules, uint64_t now_ns,
                      enum ml_upstream_end end) {
    bool opens = end == ML_UPSTREAM_FAILED && rules->failure_percent > 0;
    if (opens) {
        open_circuit(u, rules, now_ns);
    } else if (end != ML_UPSTREAM_DROPPED) {
        clear_window(u);
        u->open_until_ns = 0;
    }
    u->is_tried = false;
    return opens;
}

static bool is_to_open(const struct ml_upstream *u, const struct ml_upstream_rules *rules) {
    uint64_t exchanges = u->exchanges;
    return rules->failure_percent > 0 && exchanges >= rules->least_exchanges &&
           (uint64_t)u->failures * 100 >= exchanges * rules->failure_percent;
}

bool ml_upstream_end(struct ml_upstream *u, const struct ml_upstream_rules *rules, uint64_t now_ns,
                     enum ml_upstream_pass pass, enum ml_upstream_end end) {
    bool failed = end == ML_UPSTREAM_FAILED;
    (void)atomic_fetch_sub_explicit(&u->in_flight, 1, memory_order_relaxed);
    if (end != ML_UPSTREAM_DROPPED) {
        move_window(u, rules, now_ns);
        ADD(u->figures[EXCHANGES]);
        ADD(u->exchanges);
    }
    if (failed) {
        ADD(u->figures[FAILURES]);
        ADD(u->failures);
    }
    if (pass == ML_UPSTREAM_TRIAL) {
        return end_trial(u, rules, now_ns, end);
    }
    /* What was asked before the circuit opened has no say any more. */
    uint64_t closed = 0;
    if (!failed || !is_to_open(u, rules) ||
        !atomic_compare_exchange_strong(&u->open_until_ns, &closed, now_ns + rules->open_ns)) {
        return false;
    }
    open_circuit(u, rules, now_ns);
    return true;
}

bool ml_upstream_may_retry(struct ml_upstream *u, const struct ml_upstream_rules *rules,
                           uint64_t now_ns) {
    move_window(u, rules, now_ns);
    uint32_t retries = atomic_fetch_add_explicit(&u->retries, 1, memory_order_relaxed);
    bool may = rules->retry_percent >= 100 || retries < ML_RETRIES_FREE ||
               (uint64_t)retries * 100 < (uint64_t)u->exchanges * rules->retry_percent;
    if (may) {
        ADD(u->figures[RETRIES]);
    } else {
        (void)atomic_fetch_sub_explicit(&u->retries, 1, memory_order_relaxed);
        ADD(u->figures[RETRIES_REFUSED]);
    }
    return may;
}

/* ---- at a reload ---- */

void ml_upstream_save(struct ml_upstream *u, uint64_t now_ns, bool all,
                      struct ml_upstream_state *out) {
    *out = (struct ml_upstream_state){.open_ns = 0};
    for (size_t i = 0; i < ML_UPSTREAM_FIGURES; i++) {
        uint64_t figure = u->figures[i];
        out->figures[i] = all ? figure : figure - u->told[i];
        u->told[i] = figure;
    }
    if (all) {
        uint64_t ends_ns = u->window_ends_ns;
        uint64_t until_ns = u->open_until_ns;
        out->window[0] = ends_ns > now_ns ? ends_ns - now_ns : 0;
        out->window[1] = u->exchanges;
        out->window[2] = u->failures;
        out->window[3] = u->retries;
        /* One that may be tried is open all the same. */
        out->open_ns = until_ns > now_ns ? until_ns - now_ns : until_ns > 0;
    }
}

static uint32_t small(uint64_t n) {
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Longer ones are no service's, and would overflow. */
static uint64_t later(uint64_t now_ns, uint64_t wait_ns) {
    return wait_ns < UINT64_MAX / 2 ? now_ns + wait_ns : now_ns;
}

void ml_upstream_restore(struct ml_upstream *u, uint64_t now_ns, bool all,
                         const struct ml_upstream_state *state) {
    for (size_t i = 0; i < ML_UPSTREAM_FIGURES; i++) {
        (void)atomic_fetch_add_explicit(&u->figures[i], state->figures[i], memory_order_relaxed);
    }
    if (all) {
        u->window_ends_ns = later(now_ns, state->window[0]);
        u->exchanges = small(state->window[1]);
        u->failures = small(state->window[2]);
        u->retries = small(state->window[3]);
        u->open_until_ns = state->open_ns ? later(now_ns, state->open_ns) : 0;
    }
}
