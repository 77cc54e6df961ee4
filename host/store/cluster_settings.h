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

/* Who has settings follow what is stored; lives as long as the store is open. */
struct cluster_settings {
    struct settings *settings;
    /* Settings with this sequence number, and those before, are in force. May be NULL. */
    void (*applied)(void *user, uint64_t seq_no);
    void *user;
};

/*
 * Puts what is stored in force and follows changes. Transient settings of an earlier run are
 * forgotten, but those of a cluster, which goes on while this node does not.
 */
int32_t cluster_settings_open(struct store *store, struct cluster_settings *follower,
                              struct berth_error *error);

/* A change of one scope: values to set, keys or patterns to reset. */
struct settings_change {
    struct settings_layer *values;
    struct settings_layer *resets;
};

/*
 * Makes a change of both scopes or of none. When it returns, the change is in force on this node.
 * out_seq_no: its sequence number. Not from a loop.
 */
int32_t cluster_settings_change(struct store *store, struct settings *settings,
                                const struct settings_change *persistent,
                                const struct settings_change *transient, uint64_t *out_seq_no,
                                struct berth_error *error);

#endif
