/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one node of a cluster shows another with a request: that it has the cluster's master key,
 * and on whose behalf it asks.
 *
 * "v1 <Unix time, ms> <user> <mac>": user is JSON in base64, - where the node itself asks, or * for
 * a client of a node that has no users; mac is HMAC-SHA-256, under a key that is derived from the
 * master key, of method, path, time, user and body. A token holds for that request and for
 * PEER_TOKEN_LIFE_MS.
 *
 * Who refuses a token says so in a header: "token", or, where nothing but the time is wrong,
 * "clock <Unix time, ms> <mac>" with the time there, whose mac is of the refused token as well. So
 * nodes whose clocks differ, as after one of them jumped, find out by how much.
 */
#ifndef HOST_SECURITY_PEER_TOKEN_H
#define HOST_SECURITY_PEER_TOKEN_H

#include <berth/identity.h>

#include "base/arena.h"
#include "base/json.h"
#include "host/security/caller.h"
#include "host/security/secrets.h"

/* The header that holds it, and that of an answer that refuses it. */
#define PEER_TOKEN_HEADER "x-berth-peer"
#define PEER_REFUSAL_HEADER "x-berth-refused"
#define PEER_REFUSAL_MAX 128u

/* How long a request may be on its way, and by how much clocks may differ before it is noticed. */
#define PEER_TOKEN_LIFE_MS (5u * 60 * 1000)

struct peer_request {
    struct berth_str method;
    struct berth_str path;
    struct berth_str body;
};

/* Who asks, where it is no user. */
enum peer_asker { PEER_NODE, PEER_CLIENT };

/* Who asks, and by how much the clock of the node that is asked is ahead of this one's. */
struct peer_sender {
    const struct berth_user *user; /* NULL: asker asks */
    enum peer_asker asker;
    int64_t ahead_ms;
};

/* Appends a token. */
int32_t peer_token_make(const struct secrets *secrets, const struct peer_request *request,
                        const struct peer_sender *sender, struct base_buf *out);

/* What is claimed; texts are in the arena. */
struct peer_claims {
    bool has_user;
    enum peer_asker asker; /* where it has none */
    struct berth_str name;
    struct name_list backend_roles;
    struct name_list roles;
    struct berth_str refusal; /* what its header says, where the token is refused */
};

/* DENIED where it is none for this request. */
int32_t peer_token_check(const struct secrets *secrets, const struct peer_request *request,
                         struct berth_str token, struct base_arena *arena,
                         struct peer_claims *out_claims, struct berth_error *error);

/* By how much the clock of a node is ahead that has refused a token so; false: it was not that. */
bool peer_refusal_clock(const struct secrets *secrets, struct berth_str token,
                        struct berth_str refusal, int64_t *out_ahead_ms);

#endif
