/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host from the headers alone, in two files: mini_host.c has its loops, routes, settings and log,
 * mini_peers.c what makes it one of two nodes. The second node is the same plugin on the second
 * loop. All is done in turn: what runs on a loop is waited for.
 */
#ifndef TESTS_ABI_MINI_HOST_H
#define TESTS_ABI_MINI_HOST_H

#include <berth/peers.h>
#include <berth/routes.h>

#include <pthread.h>

#define LOOPS 2
/* The node of each loop. */
#define FIRST_NODE "mini-1"
#define SECOND_NODE "mini-2"

struct loop {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*fn)(void *arg); /* NULL: nothing to do; under lock */
    void *arg;
    int ends;
    void *context;
};

/* What is asked: the route's path, and the request as it was sent. */
struct mini_call {
    const char *pattern;
    const char *method;
    const char *path;
    struct berth_str body;
    const struct berth_str *params;
    uint32_t param_count;
};

struct berth_request {
    char text[65536]; /* the body of its reply */
    uint32_t status;  /* of its reply; 0: there is none */
    struct mini_call call;
    uint32_t loop;
    int is_from_node;
    const char *user; /* NULL: nobody */
    berth_request_fn on_cancel;
    void *cancel_user;
    berth_forward_fn forwarded; /* NULL: it is not */
    void *forward_user;
    int is_to_nobody;
};

extern struct loop mini_loops[LOOPS];

/* Whether the host has that fault. */
int mini_has(const char *name);
int mini_same(struct berth_str text, const char *wanted);
/* Runs fn on a loop, and waits for it. */
void mini_on_loop(struct loop *loop, void (*fn)(void *arg), void *arg);
/* The loop of the calling thread; NULL: it is none. */
struct loop *mini_current(void);
/* Whether the plugin's start has returned. */
int mini_is_started(void);
/* Has the plugin handle a request that is set up but for its reply. False: there is no route. */
int mini_handle(struct berth_request *request);

/* ---- mini_peers.c ---- */

/* Tables of berth.nodes/1, berth.identity/1 and berth.peers/1; NULL: another id. */
const void *mini_peers_table(struct berth_str id);
/* What a client's request has begun, and its handler left to the host. */
void mini_peers_finish(struct berth_request *request);

#endif
