/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The persistent and transient settings as documents of the store, kept in force by its feed.
 */
#ifndef HOST_STORE_CLUSTER_SETTINGS_H
#define HOST_STORE_CLUSTER_SETTINGS_H

#include "host/settings/settings.h"
#include "host/store/store.h"

/* The index in which they are kept, a document a scope. */
#define CLUSTER_SETTINGS_INDEX ".berth-settings"

/*
 * Puts what is stored in force and follows changes. Transient settings of an earlier run are
 * forgotten. user_data of the feed: settings must live as long as the store is open.
 */
int32_t cluster_settings_open(struct store *store, struct settings *settings,
                              struct berth_error *error);

/* A change of one scope: values to set, keys or patterns to reset. */
struct settings_change {
    struct settings_layer *values;
    struct settings_layer *resets;
};

/*
 * Makes a change of both scopes or of none. When it returns, the change is in force on this node.
 * Not from a loop.
 */
int32_t cluster_settings_change(struct store *store, struct settings *settings,
                                const struct settings_change *persistent,
                                const struct settings_change *transient, struct berth_error *error);

#endif
