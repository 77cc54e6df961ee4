/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.handover: It takes nothing over of what it saves itself. */
#include "skeleton.h"

static int32_t take(struct good *good, const struct berth_handover *handover) {
    (void)good;
    (void)handover;
    return BERTH_E_CORRUPT;
}

GOOD_PLUGIN(.restore = take);
