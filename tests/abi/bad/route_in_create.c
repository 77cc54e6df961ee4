/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.states: It registers a route in create. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_add(good, "GET", "/_plugins/_good/early", BERTH_ROUTE_LOOP, route_answer, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.create = created);
