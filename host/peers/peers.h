/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the other nodes of the cluster, and having them answer requests of this one.
 *
 * Connections are kept: of each loop its own, and of those who wait their own. A request to a node
 * that is not among the nodes any more ends as if it had not answered.
 */
#ifndef HOST_PEERS_PEERS_H
#define HOST_PEERS_PEERS_H

#include <berth/peers.h>

#include "host/nodes/nodes.h"
#include "host/router/router.h"
#include "host/security/secrets.h"

struct peers;

struct peers_options {
    struct loop_group *loops;
    struct nodes *nodes;
    const struct secrets *secrets;
    struct log *log;
    bool tls;            /* the nodes serve HTTPS */
    struct berth_str ca; /* PEM file of their authorities; empty: those of the system */
    /* What this node shows them, PEM files; empty: nothing. */
    struct berth_str certificate;
    struct berth_str key;
    struct berth_str key_password;
};

/* UNSUPPORTED where libcurl is not installed. */
int32_t peers_create(const struct peers_options *options, struct peers **out_peers,
                     struct berth_error *error);
/* Ends what the loops have under way; while they run. Nothing is forwarded after it. */
void peers_stop(struct peers *peers);
/* When the loops are stopped. */
void peers_destroy(struct peers *peers);

/* What berth/peers.h says of each holds here. peers NULL: this node is alone. */
int32_t peers_ask(struct peers *peers, const struct berth_peer_question *questions, uint32_t count,
                  uint64_t timeout_ms, berth_peer_answer_fn fn, void *user,
                  struct berth_error *error);
int32_t peers_forward(struct peers *peers, struct berth_request *request, struct berth_str node_id,
                      berth_forward_fn fn, void *user);

#endif
