/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.state: It ends the process where what it takes over is not as it saved it. */
#include "skeleton.h"

static int32_t take(struct good *good, const struct berth_handover *handover) {
    if (good_restore(good, handover)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.restore = take);
