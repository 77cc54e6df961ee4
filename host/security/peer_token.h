/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one node of a cluster shows another with a request: that it has the cluster's master key,
 * and on whose behalf it asks.
 *
 * "v1 <Unix time, ms> <user> <mac>": user is JSON in base64, - where the node itself asks, or * for
 * a client of a node that has no users; mac is HMAC-SHA-256, under a key that is derived from the
 * master key, of method, path, time, user and body. A token holds for that request and for
 * PEER_TOKEN_LIFE_MS.
 */
#ifndef HOST_SECURITY_PEER_TOKEN_H
#define HOST_SECURITY_PEER_TOKEN_H

#include <berth/identity.h>

#include "base/arena.h"
#include "base/json.h"
#include "host/security/caller.h"
#include "host/security/secrets.h"

/* The header that holds it. */
#define PEER_TOKEN_HEADER "x-berth-peer"

/* By how much the clocks of two nodes may differ, and how long a request may be on its way. */
#define PEER_TOKEN_LIFE_MS (5u * 60 * 1000)

struct peer_request {
    struct berth_str method;
    struct berth_str path;
    struct berth_str body;
};

/* Who asks, where it is no user. */
enum peer_asker { PEER_NODE, PEER_CLIENT };

/* Appends a token. user: NULL where it is asker who asks. */
int32_t peer_token_make(const struct secrets *secrets, const struct peer_request *request,
                        const struct berth_user *user, enum peer_asker asker, struct base_buf *out);

/* What is claimed; texts are in the arena. */
struct peer_claims {
    bool has_user;
    enum peer_asker asker; /* where it has none */
    struct berth_str name;
    struct name_list backend_roles;
    struct name_list roles;
};

/* DENIED where it is none for this request. */
int32_t peer_token_check(const struct secrets *secrets, const struct peer_request *request,
                         struct berth_str token, struct base_arena *arena,
                         struct peer_claims *out_claims, struct berth_error *error);

#endif
