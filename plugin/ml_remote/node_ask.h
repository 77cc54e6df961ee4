/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to several nodes of the cluster, this one perhaps among them.
 */
#ifndef ML_REMOTE_NODE_ASK_H
#define ML_REMOTE_NODE_ASK_H

#include "base/json.h"
#include "plugin/ml_remote/placement.h"

/* Routes of nodes that tell what they have counted; and how long they may take for it. */
#define ML_STATS_PATH "/_plugins/_ml/_nodes/_stats"
#define ML_PROFILE_PATH "/_plugins/_ml/_nodes/_profile"
#define ML_REPORT_TIMEOUT_MS 3000u

struct ml_node_question {
    const char *path; /* a route of nodes: routes.c */
    struct berth_str body;
    uint64_t timeout_ms;
};

/* Given what a node answered, with its number in the list. */
typedef void (*ml_node_answer_fn)(void *user, uint32_t node,
                                  const struct berth_peer_answer *answer);

/*
 * Asks those of the nodes that are not this one, and waits for them. On a worker. NO_MEMORY, and
 * STATE where the host asks nobody.
 */
int32_t ml_nodes_ask(struct ml_plugin *plugin, const struct ml_node_list *nodes,
                     const struct ml_node_question *question, ml_node_answer_fn fn, void *user,
                     struct berth_error *error);

/* ---- what each of several nodes tells of itself ---- */

struct ml_node_report {
    struct berth_str node_id;
    struct json_value root; /* an object; absent: the node has not answered */
    struct json_doc doc;
    struct base_buf text;
};

struct ml_node_reports {
    struct ml_node_report *list;
    uint32_t count;
};

/*
 * Gathers the reports of the nodes, in their order: the others' by the question, this one's as put
 * appends it. Who does not answer in time is told of in the log. On a worker; given back with
 * ml_node_reports_deinit, also after a failure.
 */
int32_t ml_nodes_gather(struct ml_plugin *plugin, const struct ml_node_list *nodes,
                        const struct ml_node_question *question,
                        int32_t (*put)(void *user, struct base_buf *out), void *user,
                        struct ml_node_reports *out_reports, struct berth_error *error);
void ml_node_reports_deinit(struct ml_node_reports *reports);

#endif
