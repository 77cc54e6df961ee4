/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as a whole: its parts in the order in which they need each other.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "host/base/log.h"
#include "host/settings/settings.h"

struct host;
struct store;

/*
 * Starts everything but the listening: settings, store, loops, plugins. Takes over file, the
 * values of the node's configuration; log is borrowed. On failure nothing is left.
 */
int32_t host_create(struct settings_layer *file, struct log *log, struct host **out_host,
                    struct berth_error *error);

/*
 * The same for its documents alone: no loops, no plugins. What can be done with it is host_store
 * and host_destroy.
 */
int32_t host_open_documents(struct settings_layer *file, struct log *log, struct host **out_host,
                            struct berth_error *error);
struct store *host_store(struct host *host);

/* Listens; from here on requests are answered. */
int32_t host_listen(struct host *host, struct berth_error *error);

/*
 * Opens the audit log anew, has plugins whose files have changed reloaded, and reads the users
 * again, where there are such. On failure they stay as they were. While it listens.
 */
int32_t host_reload(struct host *host, struct berth_error *error);

/*
 * Stops listening, lets requests in flight finish within the time of node.shutdown_timeout, stops
 * the plugins, closes the store. NULL is allowed.
 */
void host_destroy(struct host *host);

#endif
