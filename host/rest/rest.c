/* SPDX-License-Identifier: Apache-2.0 */
#include "host/rest/rest.h"

#define QUERY_MAX 24

int32_t rest_add_table(struct route_set *set, const struct rest_route *table, size_t count,
                       struct rest_context *context, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < count && !code; i++) {
        struct berth_str query[QUERY_MAX];
        uint32_t queries = 0;
        for (; table[i].query && table[i].query[queries] && queries < QUERY_MAX; queries++) {
            query[queries] = base_cstr(table[i].query[queries]);
        }
        struct berth_route route = {.size = sizeof route,
                                    .kind = table[i].kind,
                                    .body = table[i].body,
                                    .query_count = queries,
                                    .method = base_cstr(table[i].method),
                                    .path = base_cstr(table[i].path),
                                    .permission = base_cstr(table[i].permission),
                                    .query = query,
                                    .handle = table[i].handle,
                                    .user = context};
        code = route_set_add(set, &route, error);
    }
    return code;
}

int32_t rest_add_routes(struct route_set *set, struct rest_context *context,
                        struct berth_error *error) {
    static int32_t (*const families[])(struct route_set *, struct rest_context *,
                                       struct berth_error *) = {
        rest_add_main,    rest_add_cluster,  rest_add_nodes, rest_add_cat,   rest_add_berth,
        rest_add_plugins, rest_add_security, rest_add_users, rest_add_peers,
    };
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(families) && !code; i++) {
        code = families[i](set, context, error);
    }
    return code;
}

struct berth_str rest_host_of(struct berth_str address) {
    for (uint64_t i = address.len; i > 0; i--) {
        if (address.ptr[i - 1] == ':') {
            return base_str_slice(address, 0, i - 1);
        }
    }
    return address;
}

bool rest_knows(struct berth_str metrics, const char *const *names, size_t count) {
    struct berth_str name;
    while (metrics.len && base_str_split(&metrics, ',', &name)) {
        bool known = false;
        for (size_t i = 0; i < count; i++) {
            known |= base_str_is(name, names[i]);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

bool rest_wants(struct berth_str metrics, const char *metric) {
    struct berth_str name;
    if (metrics.len == 0) {
        return true;
    }
    while (base_str_split(&metrics, ',', &name)) {
        if (base_str_is(name, metric) || base_str_is(name, "_all")) {
            return true;
        }
    }
    return false;
}
