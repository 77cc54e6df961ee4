/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connectors: what a client sends, checked and brought into the form in which it is stored.
 *
 * The same functions serve connectors of their own and those within a model.
 */
#ifndef ML_REMOTE_CONNECTOR_H
#define ML_REMOTE_CONNECTOR_H

#include "plugin/ml_remote/documents.h"

/* Members of a connector that a client can set. */
#define ML_CONNECTOR_EDITS_MAX 16

/* What a client's object makes of a connector: members to set or to remove. */
struct ml_connector_draft {
    struct ml_edit edits[ML_CONNECTOR_EDITS_MAX];
    size_t count;
    struct json_value credential; /* as sent, not sealed */
};

/*
 * Reads a client's object, checking each member by itself. partial: an update, in which nothing
 * is required and null removes.
 */
int32_t ml_connector_read(struct ml_call *call, struct json_value object, bool partial,
                          struct ml_connector_draft *out_draft);

/* How a credential is bound to its place: "index/id/prefix" and the credential's name. */
struct ml_place {
    enum ml_kind kind;
    struct berth_str id;
    const char *prefix;
};

/*
 * Appends the connector that comes of old (absent for a new one) and the draft, its credential
 * sealed, and checks it as a whole: what its protocol requires, that its parameters do not run in
 * circles, that its URLs are trusted.
 */
int32_t ml_connector_make(struct ml_call *call, const struct ml_place *place, struct json_value old,
                          struct ml_connector_draft *draft, struct base_buf *out);

/* 400 for a stored connector whose protocol is not known. */
int32_t ml_connector_check_protocol(struct json_value connector, struct berth_error *error);

/* Whether a connector has an action of a type, such as PREDICT. */
bool ml_connector_has_action(struct json_value connector, const char *type);
/* The first action of a type; absent when there is none. */
struct json_value ml_connector_action(struct json_value connector, const char *type);

/* The context under which one credential is sealed, in the arena; ptr NULL without memory. */
struct berth_str ml_credential_context(struct base_arena *arena, const struct ml_place *place,
                                       struct berth_str name);

#endif
