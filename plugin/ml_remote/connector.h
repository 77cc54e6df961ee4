/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connectors: what a client sends, checked and brought into the form in which it is stored.
 *
 * The same functions serve connectors of their own and those within a model.
 */
#ifndef ML_REMOTE_CONNECTOR_H
#define ML_REMOTE_CONNECTOR_H

#include "plugin/ml_remote/credentials.h"

/* Members of a connector that a client can set. */
#define ML_CONNECTOR_EDITS_MAX 24

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

/*
 * Appends the connector that comes of old (absent for a new one) and the draft, its credential
 * sealed, and checks it as a whole: what its protocol requires, that its parameters do not run in
 * circles, that its URLs are trusted.
 */
int32_t ml_connector_make(struct ml_call *call, const struct ml_place *place, struct json_value old,
                          struct ml_connector_draft *draft, struct base_buf *out);

/* 400 for a stored connector whose protocol is not known. */
int32_t ml_connector_check_protocol(struct json_value connector, struct berth_error *error);

/* Whether a connector signs what it sends: its protocol is aws_sigv4. */
bool ml_connector_is_signed(struct json_value connector);

/* Whether a connector has an action of a type, such as PREDICT. */
bool ml_connector_has_action(struct json_value connector, const char *type);
/* The first action of a type; absent when there is none. */
struct json_value ml_connector_action(struct json_value connector, const char *type);

#endif
