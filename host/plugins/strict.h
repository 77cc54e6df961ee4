/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In a build with BERTH_STRICT (the preset debug): the tables that plugins get look first whether
 * a function is called on a thread and in a state that its header names, and end the process where
 * it is not, so that the plugin's author finds the stack.
 */
#ifndef HOST_PLUGINS_STRICT_H
#define HOST_PLUGINS_STRICT_H

#include "host/plugins/capabilities.h"

extern const struct berth_routes_v1 strict_routes;
extern const struct berth_settings_v1 strict_settings;
extern const struct berth_nodes_v1 strict_nodes;
extern const struct berth_store_v1 strict_store;
extern const struct berth_identity_v1 strict_identity;
extern const struct berth_loop_v1 strict_loop;
extern const struct berth_worker_v1 strict_worker;
extern const struct berth_secrets_v1 strict_secrets;
extern const struct berth_log_v1 strict_log;
extern const struct berth_metrics_v1 strict_metrics;
extern const struct berth_state_v1 strict_state;
extern const struct berth_peers_v1 strict_peers;

#endif
