/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capabilities that this host grants: a table of ids, and one file, cap_*.c, for each.
 */
#ifndef HOST_PLUGINS_CAPABILITIES_H
#define HOST_PLUGINS_CAPABILITIES_H

#include <berth/identity.h>
#include <berth/loop.h>
#include <berth/metrics.h>
#include <berth/nodes.h>
#include <berth/peers.h>
#include <berth/routes.h>
#include <berth/secrets.h>
#include <berth/settings.h>
#include <berth/state.h>
#include <berth/store.h>
#include <berth/worker.h>

#include "host/plugins/generation.h"

extern const struct berth_routes_v1 cap_routes;
extern const struct berth_settings_v1 cap_settings;
extern const struct berth_nodes_v1 cap_nodes;
extern const struct berth_store_v1 cap_store;
extern const struct berth_identity_v1 cap_identity;
extern const struct berth_loop_v1 cap_loop;
extern const struct berth_worker_v1 cap_worker;
extern const struct berth_secrets_v1 cap_secrets;
extern const struct berth_log_v1 cap_log;
extern const struct berth_metrics_v1 cap_metrics;
extern const struct berth_state_v1 cap_state;
extern const struct berth_peers_v1 cap_peers;

struct berth_state_sink {
    struct generation *generation; /* who saves */
    struct base_buf out;
};

/* What a plugin may ask for. */
struct manifest_offer capabilities_offer(void);

/* berth_host.get_capability */
int32_t capabilities_get(const struct berth_host *host, struct berth_str id, const void **out_table,
                         struct berth_error *error);

/* Appends the figures of a generation that serves, in Prometheus' text format. On a worker. */
void capabilities_put_metrics(struct generation *generation, struct base_buf *out);

/* Ends the timers and watches that a generation left on a loop; returns how many. On the loop. */
uint32_t capabilities_sweep_loop(struct generation *generation, uint32_t loop);

#endif
