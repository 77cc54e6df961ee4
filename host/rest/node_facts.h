/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes tell of themselves: each puts it together as an object, and asks the others for
 * theirs.
 */
#ifndef HOST_REST_NODE_FACTS_H
#define HOST_REST_NODE_FACTS_H

#include "base/json.h"
#include "host/rest/rest.h"

/* Where a node asks another one: {"kind": "info", "metrics": "os,process"}. */
#define NODE_FACTS_PATH "/_berth/nodes/_facts"

enum node_facts_kind {
    NODE_INFO,  /* what stays so while it runs */
    NODE_STATS, /* what it counts and measures */
};

/* Puts an object of what this node tells. */
void node_facts_put(const struct rest_context *context, enum node_facts_kind kind,
                    struct berth_str metrics, struct base_buf *out);

/* Of one node. */
struct node_facts {
    struct json_value root; /* its object; absent: it has not answered */
    char reason[160];       /* why it has not */
    struct json_doc doc;
    struct base_buf text;
};

/*
 * Those of each of the nodes, in their order, this one's among them; the caller gives them back.
 * NULL without memory. Waits for answers: on a worker.
 */
struct node_facts *node_facts_gather(const struct rest_context *context, enum node_facts_kind kind,
                                     struct berth_str metrics,
                                     const struct berth_node *const *nodes, uint32_t count);
void node_facts_free(struct node_facts *facts, uint32_t count);

/* What another node has asked: the handler of NODE_FACTS_PATH. */
void node_facts_answer(void *user, struct berth_request *request,
                       const struct berth_request_view *view);

#endif
