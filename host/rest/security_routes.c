/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who one is, and reading the users again. Without users the first two tell so.
 */
#include "host/rest/rest.h"

#include "base/json_write.h"

static void put_names(struct base_buf *out, const char *key, const struct berth_str *names,
                      uint32_t count) {
    json_key(out, key);
    json_put_strings(out, names, count);
}

static void reply_without_users(struct berth_request *request) {
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error_rest(&error, BERTH_E_NOT_FOUND, 404, "status_exception",
                          "this node has no users (setting plugins.security.config_dir)");
    (void)router_reply_error(request, &error);
}

/* What OpenSearch tells of tenants and attributes is told as empty. */
static void get_authinfo(void *user, struct berth_request *request,
                         const struct berth_request_view *view) {
    const struct security_caller *caller = router_caller(request);
    (void)user;
    (void)view;
    if (!caller) {
        reply_without_users(request);
        return;
    }
    const struct berth_user *u = &caller->user;
    const struct security_user *kept = security_config_user(caller->config, u->name);
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_string(&body, "user_name", u->name);
    json_member_bool(&body, "is_reserved", kept && kept->entry.reserved);
    json_member_bool(&body, "is_hidden", kept && kept->entry.hidden);
    json_member_bool(&body, "is_internal_user", kept != NULL);
    json_key(&body, "user_requested_tenant");
    json_put_null(&body);
    put_names(&body, "backend_roles", u->backend_roles, u->backend_role_count);
    put_names(&body, "custom_attribute_names", NULL, 0);
    put_names(&body, "roles", u->roles, u->role_count);
    json_close_object(&body);
    router_reply_json(request, 200, &body);
}

static void reload(void *user, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct rest_context *context = user;
    struct berth_error error = BASE_ERROR_INIT;
    (void)view;
    if (!context->security) {
        reply_without_users(request);
        return;
    }
    if (security_reload(context->security, &error)) {
        (void)base_error_rest(&error, BERTH_E_INVALID, 400, "illegal_argument_exception",
                              "the users stay as they were: %s", error.message);
        (void)router_reply_error(request, &error);
        return;
    }
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    base_buf_cstr(&body, "{\"acknowledged\":true}");
    router_reply_json(request, 200, &body);
}

int32_t rest_add_security(struct route_set *set, struct rest_context *context,
                          struct berth_error *error) {
    static const struct rest_route routes[] = {
        {"GET", "/_plugins/_security/authinfo", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, NULL,
         get_authinfo, NULL},
        {"GET", "/_plugins/_security/api/account", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, NULL,
         get_authinfo, NULL},
        {"POST", "/_berth/security/_reload", BERTH_ROUTE_WORKER, BERTH_BODY_NONE,
         "cluster:admin/berth/security/reload", reload, NULL},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
