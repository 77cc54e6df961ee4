/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _berth/plugins/{name}/_reload: replacing a plugin while it serves.
 */
#include "base/json_write.h"
#include "host/rest/rest.h"

#include <stdio.h>
#include <stdlib.h>

/* How long the old generation may take to finish, and the new one to start in a child process. */
#define DEADLINE_DEFAULT_MS 30000
#define PROBE_DEFAULT_MS 30000
#define TIME_MAX_MS 3600000

struct reload_order {
    struct control_order order;
    struct rest_context *context;
    struct berth_request *request;
    struct berth_str name;
    struct plugins_reload how;
    struct base_arena arena; /* its texts */
};

static void reply_reloaded(struct berth_request *request, const struct plugins_reload *how,
                           const struct plugins_reloaded *done) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_bool(&body, "acknowledged", true);
    json_member_bool(&body, "dry_run", how->dry_run);
    json_member_cstr(&body, "from", done->from);
    json_member_cstr(&body, "to", done->to);
    json_member_cstr(&body, "version", done->version);
    if (!how->dry_run) {
        json_member_u64(&body, "swap_micros", done->swap_us);
        json_member_u64(&body, "drain_millis", done->drain_ms);
        json_member_bool(&body, "quarantined", !done->is_gone);
    }
    json_close_object(&body);
    router_reply_json(request, 200, &body);
}

static void destroy(struct reload_order *order) {
    base_arena_deinit(&order->arena);
    free(order);
}

static void run(struct control_order *base) {
    struct reload_order *order = (struct reload_order *)(void *)base;
    struct plugins_reloaded done;
    struct berth_error error = BASE_ERROR_INIT;
    if (plugins_reload(order->context->plugins, order->name, &order->how, &done, &error)) {
        (void)router_reply_error(order->request, &error);
    } else {
        reply_reloaded(order->request, &order->how, &done);
    }
    destroy(order);
}

/* A time in milliseconds; out_ms stays as it is where none is given. */
static int32_t read_time(const struct reload_order *order, const char *name, int64_t least,
                         uint64_t *out_ms, struct berth_error *error) {
    struct berth_str text;
    int64_t ms = 0;
    if (router_query(order->request, base_cstr(name), &text)) {
        return BERTH_OK;
    }
    if (!base_str_i64(text, &ms) || ms < least || ms > TIME_MAX_MS) {
        return base_error(error, BERTH_E_INVALID, "[%s] is a whole number from %d to %d", name,
                          (int)least, TIME_MAX_MS);
    }
    *out_ms = (uint64_t)ms;
    return BERTH_OK;
}

static int32_t read_order(struct reload_order *order, struct berth_error *error) {
    struct berth_str text;
    order->how.deadline_ms = DEADLINE_DEFAULT_MS;
    order->how.probe_ms = PROBE_DEFAULT_MS;
    int32_t code = read_time(order, "deadline_ms", 0, &order->how.deadline_ms, error);
    code = code ? code : read_time(order, "probe_ms", 1, &order->how.probe_ms, error);
    if (code) {
        return code;
    }
    if (router_query(order->request, BERTH_STR("path"), &text) == BERTH_OK) {
        if (text.len == 0 || text.ptr[0] != '/') {
            return base_error(error, BERTH_E_INVALID, "[path] is a file's, from the root on");
        }
        order->how.path = base_arena_dup(&order->arena, text).ptr;
        return order->how.path ? BERTH_OK : base_error_memory(error);
    }
    return BERTH_OK;
}

static void post_reload(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    struct rest_context *context = user;
    struct berth_error error = BASE_ERROR_INIT;
    bool dry_run = false;
    if (!router_query_bool(request, "dry_run", &dry_run)) {
        return;
    }
    struct reload_order *order = calloc(1, sizeof *order);
    if (!order) {
        (void)base_error_memory(&error);
        (void)router_reply_error(request, &error);
        return;
    }
    order->order.run = run;
    order->context = context;
    order->request = request;
    base_arena_init(&order->arena, 512);
    order->how.dry_run = dry_run;
    order->name = base_arena_dup(&order->arena, view->params[0]);
    int32_t code = order->name.ptr ? read_order(order, &error) : base_error_memory(&error);
    if (!code && control_submit(context->control, &order->order)) {
        code = base_error_memory(&error);
    }
    if (code) {
        (void)router_reply_error(request, &error);
        destroy(order);
    }
}

int32_t rest_add_reload(struct route_set *set, struct rest_context *context,
                        struct berth_error *error) {
    static const char *const query[] = {"path", "deadline_ms", "probe_ms", "dry_run", NULL};
    static const struct rest_route routes[] = {
        {"POST", "/_berth/plugins/{name}/_reload", BERTH_ROUTE_LOOP, BERTH_BODY_NONE,
         "cluster:admin/berth/plugins/reload", post_reload, query},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
