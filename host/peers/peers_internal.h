/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peers.c (set-up, asking) and forward.c share.
 */
#ifndef HOST_PEERS_PEERS_INTERNAL_H
#define HOST_PEERS_PEERS_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "host/peers/peers.h"
#include "host/security/peer_token.h"

/* For a connection: a node that is there takes a millisecond. */
#define PEERS_CONNECT_MS 1000L
#define PEERS_FILE_MAX 2048u
#define PEERS_ADDRESS_MAX 300u
/* The longest line of a request that a node can be set to take, with where it is. */
#define PEERS_URL_MAX (((size_t)1 << 20) + PEERS_ADDRESS_MAX)
#define PEERS_ID_MAX 64u

struct forward;
struct node_clock;

/* What a loop has under way; made with the first. */
struct peer_loop {
    struct peers *peers;
    struct loop *loop;
    CURLM *multi; /* NULL: nothing was forwarded yet */
    uv_timer_t timer;
    bool is_closed;
    bool is_acting; /* libcurl is running, in whose callbacks nothing can be ended */
    struct forward *first;
};

struct peers {
    struct peers_options options;
    char ca[PEERS_FILE_MAX];
    char certificate[PEERS_FILE_MAX];
    char key[PEERS_FILE_MAX];
    char key_password[PEERS_FILE_MAX];
    pthread_mutex_t lock;
    struct asker *askers;      /* free ones; under lock, as the next */
    struct node_clock *clocks; /* those of nodes that differ from this one's */
    _Atomic bool is_stopped;
    struct peer_loop loops[LOOPS_MAX];
};

/* Where a node is; false: it is none, or this one. */
bool peers_find(struct peers *peers, struct berth_str node_id, char out_address[PEERS_ADDRESS_MAX]);

/* Headers and address of one request; as long as its transfer. */
struct peer_call {
    struct base_buf url;
    struct base_buf token;
    struct curl_slist headers[3];
    /* A client's own, which are set before and freed with the call; NULL: there are none. */
    struct curl_slist *more;
    struct base_buf more_text;
};

/* Sets up a transfer: POST or another method, with the token; sender's clock is filled in. */
int32_t peer_call_prepare(struct peers *peers, struct peer_call *call, CURL *easy,
                          struct berth_str node_id, const struct peer_request *request,
                          struct peer_sender sender);
void peer_call_deinit(struct peer_call *call);

/* The value of a header, where a line of a head is it, into memory of a size; else that stays. */
void peer_header_take(const char *name, struct berth_str line, char *to, size_t size);

/*
 * Whether a refusal of a call's token is for the clocks alone; then the node's is known from here
 * on, and the same can be asked again.
 */
bool peer_clock_learn(struct peers *peers, struct berth_str node_id, const struct peer_call *call,
                      const char *refusal);

/* On the loop: ends all, and closes what it has. */
void peer_loop_close(struct peer_loop *loop);
/* On the loop: ends those whose node is gone. */
void peer_loop_check(struct peer_loop *loop);

#endif
