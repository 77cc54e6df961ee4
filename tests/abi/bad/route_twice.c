/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.twice: It registers a route twice. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_add(good, "GET", "/_plugins/_good/{id}", BERTH_ROUTE_LOOP, route_answer, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
