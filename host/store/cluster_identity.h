/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster's own id, made with its first node and kept among the documents.
 */
#ifndef HOST_STORE_CLUSTER_IDENTITY_H
#define HOST_STORE_CLUSTER_IDENTITY_H

#include "host/base/id.h"
#include "host/store/store.h"

/* Reads the id, or makes one. */
int32_t cluster_identity_open(struct store *store, char out_uuid[ID_NODE_LENGTH + 1],
                              struct berth_error *error);

#endif
