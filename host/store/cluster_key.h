/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All nodes of a cluster have one master key: what one seals the others open.
 */
#ifndef HOST_STORE_CLUSTER_KEY_H
#define HOST_STORE_CLUSTER_KEY_H

#include "host/security/secrets.h"
#include "host/store/store.h"

/*
 * Checks this node's key against what the first node has sealed; the first seals it. INVALID for
 * another key. data_path: for what is said then.
 */
int32_t cluster_key_check(struct store *store, const struct secrets *secrets, const char *data_path,
                          struct berth_error *error);

#endif
