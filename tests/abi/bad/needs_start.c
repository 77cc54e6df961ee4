/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.never_started: Its destroy crashes where start was never called. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    good->own = good;
    return BERTH_OK;
}

static void destroyed(struct good *good) {
    if (!good->own) {
        abort();
    }
}

GOOD_PLUGIN(.start = started, .destroy = destroyed);
