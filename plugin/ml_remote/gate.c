/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/gate.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Where a waiter stands. */
enum { OUTSIDE, IN_QUEUE, ON_DESK };

/*
 * in counts the places taken below, and those who wait above WAITING: one number, so that entering
 * without a lock and beginning to wait cannot pass each other. The upper half changes only under
 * the lock, and is the queue's length.
 */
#define WAITING ((uint64_t)1 << 32)

struct ml_gate {
    _Atomic uint32_t references;
    _Atomic uint64_t in;
    pthread_mutex_t lock;
    struct ml_gate_waiter *first;
    struct ml_gate_waiter *last;
};

/* ---- lists ---- */

static void append(struct ml_gate_waiter **first, struct ml_gate_waiter **last,
                   struct ml_gate_waiter *waiter) {
    waiter->next = NULL;
    waiter->previous = *last;
    *(*last ? &(*last)->next : first) = waiter;
    *last = waiter;
}

static void take_out(struct ml_gate_waiter **first, struct ml_gate_waiter **last,
                     struct ml_gate_waiter *waiter) {
    *(waiter->previous ? &waiter->previous->next : first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : last) = waiter->previous;
    waiter->next = NULL;
    waiter->previous = NULL;
}

/* ---- desks ---- */

void ml_gate_desk_init(struct ml_gate_desk *desk, void (*ring)(struct ml_gate_desk *desk)) {
    *desk = (struct ml_gate_desk){.ring = ring};
    (void)pthread_mutex_init(&desk->lock, NULL);
}

void ml_gate_desk_deinit(struct ml_gate_desk *desk) {
    (void)pthread_mutex_destroy(&desk->lock);
}

void ml_gate_tell(struct ml_gate_desk *desk) {
    for (;;) {
        (void)pthread_mutex_lock(&desk->lock);
        struct ml_gate_waiter *waiter = desk->first;
        if (waiter) {
            take_out(&desk->first, &desk->last, waiter);
            waiter->state = OUTSIDE;
        }
        (void)pthread_mutex_unlock(&desk->lock);
        if (!waiter) {
            return;
        }
        waiter->let_in(waiter);
    }
}

static void put_on_desk(struct ml_gate_waiter *waiter) {
    struct ml_gate_desk *desk = waiter->desk;
    (void)pthread_mutex_lock(&desk->lock);
    bool was_empty = !desk->first;
    append(&desk->first, &desk->last, waiter);
    waiter->state = ON_DESK;
    (void)pthread_mutex_unlock(&desk->lock);
    if (was_empty) {
        desk->ring(desk);
    }
}

/* ---- the gate ---- */

struct ml_gate *ml_gate_create(void) {
    struct ml_gate *gate = calloc(1, sizeof *gate);
    if (gate) {
        gate->references = 1;
        (void)pthread_mutex_init(&gate->lock, NULL);
    }
    return gate;
}

struct ml_gate *ml_gate_ref(struct ml_gate *gate) {
    gate->references++;
    return gate;
}

void ml_gate_unref(struct ml_gate *gate) {
    if (gate && --gate->references == 0) {
        (void)pthread_mutex_destroy(&gate->lock);
        free(gate);
    }
}

void ml_gate_count(const struct ml_gate *gate, uint32_t *out_in, uint32_t *out_waiting) {
    uint64_t in = gate->in;
    *out_in = (uint32_t)(in % WAITING);
    *out_waiting = (uint32_t)(in / WAITING);
}

/* Takes a place if one is free and nobody waits; else one in the queue, where that has room. */
static enum ml_gate_entry take_place(struct ml_gate *gate, uint32_t limit, uint32_t queue) {
    uint64_t in = gate->in;
    enum ml_gate_entry entry;
    uint64_t next;
    do {
        entry = in < limit ? ML_GATE_IN : in / WAITING < queue ? ML_GATE_WAITS : ML_GATE_FULL;
        next = entry == ML_GATE_IN ? in + 1 : entry == ML_GATE_WAITS ? in + WAITING : in;
    } while (!atomic_compare_exchange_weak(&gate->in, &in, next));
    return entry;
}

enum ml_gate_entry ml_gate_enter(struct ml_gate *gate, uint32_t limit, uint32_t queue,
                                 struct ml_gate_waiter *waiter) {
    if (take_place(gate, limit, 0) == ML_GATE_IN) {
        return ML_GATE_IN;
    }
    if (queue == 0) {
        return ML_GATE_FULL;
    }
    (void)pthread_mutex_lock(&gate->lock);
    enum ml_gate_entry entry = take_place(gate, limit, queue);
    if (entry == ML_GATE_WAITS) {
        append(&gate->first, &gate->last, waiter);
        waiter->state = IN_QUEUE;
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return entry;
}

bool ml_gate_give_up(struct ml_gate *gate, struct ml_gate_waiter *waiter) {
    (void)pthread_mutex_lock(&gate->lock);
    bool is_queued = waiter->state == IN_QUEUE;
    if (is_queued) {
        take_out(&gate->first, &gate->last, waiter);
        waiter->state = OUTSIDE;
        gate->in -= WAITING;
    }
    (void)pthread_mutex_unlock(&gate->lock);
    if (is_queued) {
        return false;
    }
    struct ml_gate_desk *desk = waiter->desk;
    (void)pthread_mutex_lock(&desk->lock);
    bool is_in = waiter->state == ON_DESK;
    if (is_in) {
        take_out(&desk->first, &desk->last, waiter);
        waiter->state = OUTSIDE;
    }
    (void)pthread_mutex_unlock(&desk->lock);
    return is_in;
}

void ml_gate_leave(struct ml_gate *gate) {
    uint64_t in = gate->in;
    while (in < WAITING) {
        if (atomic_compare_exchange_weak(&gate->in, &in, in - 1)) {
            return;
        }
    }
    (void)pthread_mutex_lock(&gate->lock);
    struct ml_gate_waiter *waiter = gate->first;
    if (waiter) {
        take_out(&gate->first, &gate->last, waiter);
        gate->in -= WAITING; /* the place itself goes over to it */
        put_on_desk(waiter);
    } else {
        gate->in--; /* who waited gave up meanwhile */
    }
    (void)pthread_mutex_unlock(&gate->lock);
}
