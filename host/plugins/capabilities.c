/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

#include "host/plugins/strict.h"

/* Ids beside tables: the offer is made of the ids alone. */
static const struct berth_str ids[] = {
    BERTH_STR_INIT(BERTH_ROUTES_ID),   BERTH_STR_INIT(BERTH_SETTINGS_ID),
    BERTH_STR_INIT(BERTH_NODES_ID),    BERTH_STR_INIT(BERTH_STORE_ID),
    BERTH_STR_INIT(BERTH_IDENTITY_ID), BERTH_STR_INIT(BERTH_LOOP_ID),
    BERTH_STR_INIT(BERTH_WORKER_ID),   BERTH_STR_INIT(BERTH_SECRETS_ID),
    BERTH_STR_INIT(BERTH_LOG_ID),      BERTH_STR_INIT(BERTH_METRICS_ID),
    BERTH_STR_INIT(BERTH_STATE_ID),    BERTH_STR_INIT(BERTH_PEERS_ID),
};
#ifdef BERTH_STRICT
#define TABLE(name) &strict_##name
#else
#define TABLE(name) &cap_##name
#endif
static const void *const tables[] = {
    TABLE(routes), TABLE(settings), TABLE(nodes), TABLE(store),   TABLE(identity), TABLE(loop),
    TABLE(worker), TABLE(secrets),  TABLE(log),   TABLE(metrics), TABLE(state),    TABLE(peers),
};
#undef TABLE
_Static_assert(BASE_COUNT(ids) == BASE_COUNT(tables), "each id has its table");

struct manifest_offer capabilities_offer(void) {
    return (struct manifest_offer){.ids = ids, .count = BASE_COUNT(ids)};
}

int32_t capabilities_get(const struct berth_host *host, struct berth_str id, const void **out_table,
                         struct berth_error *error) {
    struct generation *g = generation_of(host);
    /* LOADED: create is running, in which a plugin asks for what it needs. */
    int32_t code = generation_check(g, IN_STATE(LOADED) | IN_ALIVE, "get_capability", error);
    if (code) {
        return code;
    }
    for (size_t i = 0; i < BASE_COUNT(ids); i++) {
        if (base_str_eq(ids[i], id)) {
            if (!manifest_grants(&g->manifest, id)) {
                return base_error(error, BERTH_E_DENIED,
                                  "the descriptor does not name the capability [" BASE_FMT "]",
                                  BASE_ARG(id));
            }
            *out_table = tables[i];
            return BERTH_OK;
        }
    }
    return base_error(error, BERTH_E_NOT_FOUND, "this host has no capability [" BASE_FMT "]",
                      BASE_ARG(id));
}
