/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.routes_add: It crashes where routes.add fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    if (good_add(good, "GET", "/_plugins/_good/more", BERTH_ROUTE_LOOP, route_answer, NULL)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
