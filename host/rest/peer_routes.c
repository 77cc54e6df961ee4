/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the nodes of a cluster ask each other: _berth/nodes.
 */
#include "host/rest/node_facts.h"

#include <stdlib.h>

/* A node that has written something asks whether it is in force here. */
struct catching_up {
    struct store_waiter waiter;
    struct berth_request *request;
};

static void on_caught_up(struct store_waiter *waiter) {
    struct catching_up *c = (struct catching_up *)(void *)waiter;
    BASE_BUF_AUTO body;
    base_buf_init(&body, 256);
    json_open_object(&body);
    json_member_bool(&body, "acknowledged", true);
    json_close_object(&body);
    router_reply_json(c->request, 200, &body);
    free(c);
}

static void catch_up(void *user, struct berth_request *request,
                     const struct berth_request_view *view) {
    const struct rest_context *context = user;
    struct berth_error error = BASE_ERROR_INIT;
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    int64_t revision = 0;
    struct catching_up *c = malloc(sizeof *c);
    int32_t code = BERTH_OK;
    if (!c) {
        code = base_error_memory(&error);
    } else if (!json_parse(&doc, view->body, 0, &fault)) {
        code = json_report(&fault, "the body", &error);
    } else if (!json_i64(json_get(json_root(&doc), "revision"), &revision)) {
        code = base_error(&error, BERTH_E_INVALID, "[revision] is a whole number");
    }
    if (code) {
        free(c);
        (void)router_reply_error(request, &error);
        return;
    }
    *c = (struct catching_up){.waiter = {.revision = revision, .fn = on_caught_up},
                              .request = request};
    store_await(context->store, &c->waiter);
}

int32_t rest_add_peers(struct route_set *set, struct rest_context *context,
                       struct berth_error *error) {
    static const struct rest_route routes[] = {
        {"POST", REST_CATCH_UP_PATH, BERTH_ROUTE_LOOP, BERTH_BODY_ALLOWED,
         BERTH_INTERNAL "nodes/catch_up", catch_up, NULL},
        {"POST", NODE_FACTS_PATH, BERTH_ROUTE_WORKER, BERTH_BODY_ALLOWED,
         BERTH_INTERNAL "nodes/facts", node_facts_answer, NULL},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
