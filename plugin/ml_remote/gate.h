/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many exchanges may be under way at once, over all loops; the others wait in their order.
 *
 * Who finds a place free takes it without a lock. Who waits is let in by one that leaves, and told
 * on its own loop: the leaver puts it on that loop's desk and rings.
 */
#ifndef ML_REMOTE_GATE_H
#define ML_REMOTE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ml_gate;
struct ml_gate_waiter;

/* One per loop: those who were let in and do not know yet. */
struct ml_gate_desk {
    pthread_mutex_t lock;
    struct ml_gate_waiter *first;
    struct ml_gate_waiter *last;
    /* Has ml_gate_tell run on the desk's loop. Any thread. */
    void (*ring)(struct ml_gate_desk *desk);
};

/* One who waits, or may; belongs to its loop, zero at first. */
struct ml_gate_waiter {
    struct ml_gate_waiter *next;
    struct ml_gate_waiter *previous;
    struct ml_gate_desk *desk;
    void (*let_in)(struct ml_gate_waiter *waiter); /* on the loop; its place is taken */
    int state;                                     /* of gate.c; guarded by the gate's lock */
};

void ml_gate_desk_init(struct ml_gate_desk *desk, void (*ring)(struct ml_gate_desk *desk));
void ml_gate_desk_deinit(struct ml_gate_desk *desk);
/* Tells those who stand there that they are in. On the desk's loop. */
void ml_gate_tell(struct ml_gate_desk *desk);

/* NULL without memory. */
struct ml_gate *ml_gate_create(void);
struct ml_gate *ml_gate_ref(struct ml_gate *gate);
/* NULL is allowed. */
void ml_gate_unref(struct ml_gate *gate);

enum ml_gate_entry {
    ML_GATE_IN,
    ML_GATE_WAITS, /* let_in is called unless ml_gate_give_up is */
    ML_GATE_FULL,
};

/*
 * limit: how many may be in, from 1; queue: how many may wait. Both are what they are at the moment
 * of asking: who is in stays, and who waits is let in as others leave.
 */
enum ml_gate_entry ml_gate_enter(struct ml_gate *gate, uint32_t limit, uint32_t queue,
                                 struct ml_gate_waiter *waiter);
/* How many are in, and how many wait. Any thread. */
void ml_gate_count(const struct ml_gate *gate, uint32_t *out_in, uint32_t *out_waiting);
/* Waits no more. True: it had been let in and not been told yet; it is in now. */
bool ml_gate_give_up(struct ml_gate *gate, struct ml_gate_waiter *waiter);
/* Leaves, once for each time that one was in. Any thread. */
void ml_gate_leave(struct ml_gate *gate);

#endif
