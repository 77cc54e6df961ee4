/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.state_declare: It crashes where state.declare fails. */
#include "skeleton.h"

/* The one call of it is made below, not where the skeleton makes it. */
static const struct berth_state_v1 *state;

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    state = good->state;
    good->state = NULL;
    return BERTH_OK;
}

static int32_t started(struct good *good, struct berth_error *error) {
    good->state = state;
    if (state && good_declare_state(good, error)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.create = created, .start = started);
