/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.error_object: It starts, and leaves a message in the error. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)good;
    (void)snprintf(error->message, sizeof error->message, "it was nothing");
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
