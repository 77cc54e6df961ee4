/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.cycle: It fails to start. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)good;
    (void)snprintf(error->message, sizeof error->message, "it is a holiday");
    return BERTH_E_UNAVAILABLE;
}

GOOD_PLUGIN(.start = started);
