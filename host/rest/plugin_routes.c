/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the plugins of a node that serves: _berth/plugins/_load, _berth/plugins/{name}/_reload
 * and DELETE _berth/plugins/{name}.
 */
#include "base/json_write.h"
#include "host/admin/orders.h"
#include "host/rest/rest.h"

#include <stdlib.h>

/* An order on its way to the control thread, which replies. */
struct plugin_call {
    struct control_order order;
    struct rest_context *context;
    struct berth_request *request;
    struct plugin_order what;
    struct base_arena arena; /* its texts */
};

static void destroy(struct plugin_call *call) {
    base_arena_deinit(&call->arena);
    free(call);
}

static void run(struct control_order *base) {
    struct plugin_call *call = (struct plugin_call *)(void *)base;
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_bool(&body, "acknowledged", true);
    if (order_carry_out(call->context->plugins, &call->what, &body, &error)) {
        (void)router_reply_error(call->request, &error);
    } else {
        json_close_object(&body);
        router_reply_json(call->request, 200, &body);
    }
    destroy(call);
}

static int32_t read_time(const struct plugin_call *call, const char *name, int64_t least,
                         uint64_t *out_ms, struct berth_error *error) {
    struct berth_str text;
    return router_query(call->request, base_cstr(name), &text)
               ? BERTH_OK
               : order_check_time(text, name, least, out_ms, error);
}

static int32_t read_path(struct plugin_call *call, struct berth_error *error) {
    struct berth_str text;
    if (router_query(call->request, BERTH_STR("path"), &text)) {
        return call->what.action == ORDER_LOAD
                   ? base_error(error, BERTH_E_INVALID, "[path] of the plugin's file is missing")
                   : BERTH_OK;
    }
    int32_t code = order_check_path(text, error);
    if (code) {
        return code;
    }
    call->what.how.path = base_arena_dup(&call->arena, text).ptr;
    return call->what.how.path ? BERTH_OK : base_error_memory(error);
}

static int32_t read_call(struct plugin_call *call, const struct berth_request_view *view,
                         struct berth_error *error) {
    struct plugins_reload *how = &call->what.how;
    if (view->param_count > 0) {
        call->what.plugin = base_arena_dup(&call->arena, view->params[0]);
        if (!call->what.plugin.ptr) {
            return base_error_memory(error);
        }
    }
    int32_t code = read_time(call, "deadline_ms", 0, &how->deadline_ms, error);
    code = code ? code : read_time(call, "probe_ms", 1, &how->probe_ms, error);
    return code ? code : read_path(call, error);
}

static void submit(struct rest_context *context, struct berth_request *request,
                   const struct berth_request_view *view, const struct plugin_order *what) {
    struct berth_error error = BASE_ERROR_INIT;
    struct plugin_call *call = calloc(1, sizeof *call);
    if (!call) {
        (void)base_error_memory(&error);
        (void)router_reply_error(request, &error);
        return;
    }
    call->order.run = run;
    call->context = context;
    call->request = request;
    call->what = *what;
    base_arena_init(&call->arena, 512);
    int32_t code = read_call(call, view, &error);
    if (!code && control_submit(context->control, &call->order)) {
        code = base_error_memory(&error);
    }
    if (code) {
        (void)router_reply_error(request, &error);
        destroy(call);
    }
}

static void post_reload(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    struct plugin_order order = order_usual(ORDER_RELOAD);
    bool state = true;
    if (router_query_bool(request, "dry_run", &order.how.dry_run) &&
        router_query_bool(request, "state", &state)) {
        order.how.keeps_no_state = !state;
        submit(user, request, view, &order);
    }
}

static void post_load(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct plugin_order order = order_usual(ORDER_LOAD);
    submit(user, request, view, &order);
}

static void delete_plugin(void *user, struct berth_request *request,
                          const struct berth_request_view *view) {
    struct plugin_order order = order_usual(ORDER_UNLOAD);
    submit(user, request, view, &order);
}

int32_t rest_add_plugins(struct route_set *set, struct rest_context *context,
                         struct berth_error *error) {
    static const char *const reload_query[] = {"path",    "deadline_ms", "probe_ms",
                                               "dry_run", "state",       NULL};
    static const char *const load_query[] = {"path", "probe_ms", NULL};
    static const char *const unload_query[] = {"deadline_ms", NULL};
    static const struct rest_route routes[] = {
        {"POST", "/_berth/plugins/{name}/_reload", BERTH_ROUTE_LOOP, BERTH_BODY_NONE,
         "cluster:admin/berth/plugins/reload", post_reload, reload_query},
        {"POST", "/_berth/plugins/_load", BERTH_ROUTE_LOOP, BERTH_BODY_NONE,
         "cluster:admin/berth/plugins/load", post_load, load_query},
        {"DELETE", "/_berth/plugins/{name}", BERTH_ROUTE_LOOP, BERTH_BODY_NONE,
         "cluster:admin/berth/plugins/unload", delete_plugin, unload_query},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
