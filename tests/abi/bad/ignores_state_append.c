/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.state_append: It crashes where state.append fails. */
#include "skeleton.h"

static int32_t put(struct good *good, uint32_t part, struct berth_state_sink *sink) {
    if (good_save(good, part, sink)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.save = put);
