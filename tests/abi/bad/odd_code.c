/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.codes: It fails to start with a code of its own. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)good;
    (void)error;
    return 7;
}

GOOD_PLUGIN(.start = started);
