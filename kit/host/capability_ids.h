/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capabilities of this ABI, as one table. X(name, id): the table of name is a struct
 * berth_name_v1.
 */
#ifndef KIT_HOST_CAPABILITY_IDS_H
#define KIT_HOST_CAPABILITY_IDS_H

#include <berth/identity.h>
#include <berth/log.h>
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

#include "base/str.h"

#define KIT_CAPABILITIES(X)                                                                        \
    X(routes, BERTH_ROUTES_ID)                                                                     \
    X(settings, BERTH_SETTINGS_ID)                                                                 \
    X(nodes, BERTH_NODES_ID)                                                                       \
    X(store, BERTH_STORE_ID)                                                                       \
    X(identity, BERTH_IDENTITY_ID)                                                                 \
    X(loop, BERTH_LOOP_ID)                                                                         \
    X(worker, BERTH_WORKER_ID)                                                                     \
    X(secrets, BERTH_SECRETS_ID)                                                                   \
    X(log, BERTH_LOG_ID)                                                                           \
    X(metrics, BERTH_METRICS_ID)                                                                   \
    X(state, BERTH_STATE_ID)                                                                       \
    X(peers, BERTH_PEERS_ID)

bool kit_capability_is_known(struct berth_str id);
bool kit_capability_is_draft(struct berth_str id);

#endif
