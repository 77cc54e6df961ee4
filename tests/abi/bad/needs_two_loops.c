/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.one_loop: It does not start where there is one loop. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    return good->loop->count(good->host) < 2 ? BERTH_E_LIMIT : BERTH_OK;
}

GOOD_PLUGIN(.start = started);
