/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread on which plugins are changed while the node runs: one order after the other.
 */
#ifndef HOST_PLUGINS_CONTROL_H
#define HOST_PLUGINS_CONTROL_H

#include "base/error.h"

struct control;

/* The caller's, inside a struct of its own, until run has begun. */
struct control_order {
    struct control_order *next;
    void (*run)(struct control_order *order);
};

int32_t control_create(struct control **out_control, struct berth_error *error);
/* Finishes what was ordered, and ends the thread. NULL is allowed. */
void control_destroy(struct control *control);

/* Any thread. The thread is made with the first order. NO_MEMORY: it cannot be, and run is not
 * called. */
int32_t control_submit(struct control *control, struct control_order *order);

#endif
