/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

static int32_t add(const struct berth_host *host, const struct berth_route *route,
                   struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(CREATED), "routes.add", error);
    if (!code && route->size < sizeof *route) {
        code = base_error(error, BERTH_E_INVALID, "berth_route has %u bytes, expected %zu",
                          route->size, sizeof *route);
    }
    return code ? code : route_set_add(&g->routes, route, error);
}

const struct berth_routes_v1 cap_routes = {
    .size = sizeof cap_routes,
    .add = add,
    .query = router_query,
    .header = router_header,
    .reply = router_reply,
    .reply_error = router_reply_error,
    .on_cancel = router_on_cancel,
    .stream_open = router_stream_open,
    .stream_write = router_stream_write,
    .stream_on_writable = router_stream_on_writable,
    .stream_close = router_stream_close,
};
