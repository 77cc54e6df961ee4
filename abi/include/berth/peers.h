/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.peers/1: the same plugin on the other nodes of a cluster.
 *
 * Nodes are named by the ids that berth.nodes/1 gives. What one node asks of another comes there as
 * a request of a route of the plugin, over connections that are kept and on which each has shown
 * that it is of the cluster. A route whose permission begins with BERTH_INTERNAL is for nodes
 * alone; those of them that are for workers have workers of their own, so that nodes cannot wait
 * for each other in a circle.
 */
#ifndef BERTH_PEERS_H
#define BERTH_PEERS_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_PEERS_ID "berth.peers/1"

struct berth_host;

/* What a route's permission begins with that no user has, an administrator neither. */
#define BERTH_INTERNAL "internal:"

/* Questions of one call. */
#define BERTH_PEER_QUESTIONS_MAX 1024u

/*
 * A question to one node: POST with a JSON body. path begins with a slash, and node_id is not
 * empty.
 */
struct berth_peer_question {
    uint32_t size;
    uint32_t reserved;
    struct berth_str node_id;
    struct berth_str path;
    struct berth_str body;
};
BERTH_ASSERT_SIZE(struct berth_peer_question, 56);
BERTH_ASSERT_OFFSET(struct berth_peer_question, node_id, 8);
BERTH_ASSERT_OFFSET(struct berth_peer_question, path, 24);
BERTH_ASSERT_OFFSET(struct berth_peer_question, body, 40);

/* What a node answered; valid until the function that is given it returns. */
struct berth_peer_answer {
    uint32_t size;
    /* Of HTTP, whatever it is; 0: there was no answer, and body says why. */
    uint32_t status;
    struct berth_str body;
};
BERTH_ASSERT_SIZE(struct berth_peer_answer, 24);
BERTH_ASSERT_OFFSET(struct berth_peer_answer, body, 8);

/*
 * Given each answer, with the number of its question: on the thread that asks, before ask returns,
 * once for each question where ask returns BERTH_OK, and else for none.
 * @thread control worker
 * @state STARTED SERVING DRAINING
 * @owner borrows the answer until return
 * @errors none
 */
typedef void (*berth_peer_answer_fn)(void *user, uint32_t question,
                                     const struct berth_peer_answer *answer);

/* How a forwarded request ended; valid until the function that is given it returns. */
struct berth_forward_end {
    uint32_t size;
    /*
     * BERTH_OK: it was answered. CANCELLED: the client left. UNAVAILABLE: the node was gone before
     * anything of an answer came, and the request is the plugin's again.
     */
    int32_t code;
    /* Requests of the plugin that were under way on that node as it answered, this one with them;
     * 0: it did not say. */
    uint32_t load;
    uint32_t reserved;
};
BERTH_ASSERT_SIZE(struct berth_forward_end, 16);
BERTH_ASSERT_OFFSET(struct berth_forward_end, load, 8);

/*
 * Told, once, how a forwarded request ended.
 * @thread loop
 * @state SERVING DRAINING
 * @owner borrows the end until return; with UNAVAILABLE the plugin owns the request again
 * @errors none
 */
typedef void (*berth_forward_fn)(void *user, const struct berth_forward_end *end);

struct berth_peers_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Asks all at once, and waits until each has answered or timeout_ms have passed. Status 0 is
     * the answer of a node that has not answered by then, of one that does not exist, and of this
     * node itself, which is not asked; a node that is alone has no others. INVALID, and nobody is
     * asked: more questions than BERTH_PEER_QUESTIONS_MAX, one that is not as berth_peer_question
     * says, or no fn. The handler of a route that is for nodes alone asks nobody: STATE.
     * @thread control worker
     * @state STARTED SERVING DRAINING
     * @owner borrows the questions until return
     * @errors INVALID STATE NO_MEMORY
     */
    int32_t (*ask)(const struct berth_host *host, const struct berth_peer_question *questions,
                   uint32_t count, uint64_t timeout_ms, berth_peer_answer_fn fn, void *user,
                   struct berth_error *error);

    /*
     * Has another node answer a request: it comes there with its user, method, path and body, with
     * the query parameters that the route registered, and with its headers but those that are of
     * the connection or that the host deals with itself (Accept, Authorization, Content-Type,
     * encodings). What is answered, streamed as well, goes to the client. When this returns
     * BERTH_OK the request is the host's until fn is called, which may be before it returns where
     * the client has left. When it fails the request stays the plugin's. The plugin takes its
     * on_cancel back before. STATE, whatever node is named: a request that came from another node,
     * which goes no further; one that is forwarded already; a call that is not on the request's
     * loop. NOT_FOUND: a node that does not exist, and this node itself.
     * @thread loop
     * @state SERVING DRAINING
     * @owner consumes the request, unless fn gives it back; borrows user until fn was called
     * @errors NOT_FOUND STATE NO_MEMORY
     */
    int32_t (*forward)(struct berth_request *request, struct berth_str node_id, berth_forward_fn fn,
                       void *user);
};
BERTH_ASSERT_SIZE(struct berth_peers_v1, 24);
BERTH_ASSERT_OFFSET(struct berth_peers_v1, ask, 8);
BERTH_ASSERT_OFFSET(struct berth_peers_v1, forward, 16);

BERTH_EXTERN_C_END

#endif
