/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector's credentials, opened for as long as something is made of them.
 */
#ifndef ML_REMOTE_CREDENTIALS_H
#define ML_REMOTE_CREDENTIALS_H

#include "plugin/ml_remote/documents.h"

#define ML_CREDENTIALS_MAX 64u

/* How a credential is bound to its place: "index/id/prefix" and the credential's name. */
struct ml_place {
    enum ml_kind kind;
    struct berth_str id;
    const char *prefix;
};

struct ml_credential {
    struct berth_str name; /* in the arena */
    const struct berth_secret *secret;
};

struct ml_credentials {
    struct ml_plugin *plugin; /* NULL: masks, which are nobody's */
    uint32_t count;
    struct ml_credential list[ML_CREDENTIALS_MAX];
};

/* The context under which one credential is sealed, in the arena; ptr NULL without memory. */
struct berth_str ml_credential_context(struct base_arena *arena, const struct ml_place *place,
                                       struct berth_str name);

/* What stands for a credential where it must not be seen. */
#define ML_MASK "***"

/* Opens those of a stored connector; the caller closes them. May block. */
int32_t ml_credentials_open(struct ml_plugin *plugin, struct json_value connector,
                            const struct ml_place *place, struct base_arena *arena,
                            struct ml_credentials **out_credentials, struct berth_error *error);
/* The same for looking at: none is opened, ML_MASK stands in their places. */
int32_t ml_credentials_mask(struct json_value connector, struct base_arena *arena,
                            struct ml_credentials **out_credentials, struct berth_error *error);
/* Wipes them. NULL is allowed. */
void ml_credentials_close(struct ml_credentials *credentials);

/* The secret of a name; ptr NULL when there is none. */
struct berth_str ml_credentials_find(const struct ml_credentials *credentials,
                                     struct berth_str name);

#endif
