/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.size: It registers a route that does not say its size. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    struct berth_route route = {.kind = BERTH_ROUTE_LOOP,
                                .method = BERTH_STR("GET"),
                                .path = BERTH_STR("/_plugins/_good/small"),
                                .handle = route_answer,
                                .user = good};
    (void)error;
    (void)good->routes->add(good->host, &route, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
