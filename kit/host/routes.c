/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/request.h"

#include "base/error.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- registering ---- */

static bool is_method(struct berth_str method) {
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"};
    for (size_t i = 0; i < BASE_COUNT(methods); i++) {
        if (base_str_is(method, methods[i])) {
            return true;
        }
    }
    return false;
}

/* Begins with a slash, no empty segment, a placeholder is a whole segment. */
static bool is_path(struct berth_str path) {
    struct berth_str rest = base_str_from(path, 1);
    struct berth_str segment = {NULL, 0};
    if (!base_str_starts(path, BERTH_STR("/"))) {
        return false;
    }
    while (rest.len && base_str_split(&rest, '/', &segment)) {
        bool opens = base_str_find(segment, '{') < segment.len;
        bool closes = base_str_find(segment, '}') < segment.len;
        bool whole = base_str_starts(segment, BERTH_STR("{")) &&
                     base_str_ends(segment, BERTH_STR("}")) && segment.len > 2;
        if (segment.len == 0 || opens != closes || (opens && !whole)) {
            return false;
        }
    }
    return true;
}

static bool check_route(struct kit_host *host, const struct berth_route *r) {
    if (r->size < sizeof *r) {
        kit_blame(KIT_BLAME_ROUTE_SIZE, "a route says that it has %" PRIu32 " bytes, expected %zu",
                  r->size, sizeof *r);
        return false;
    }
    if (!is_method(r->method) || !is_path(r->path) || !r->handle || r->kind < BERTH_ROUTE_LOOP ||
        r->kind > BERTH_ROUTE_WORKER || r->body > BERTH_BODY_ALLOWED) {
        kit_blame(KIT_BLAME_ROUTE_FORM,
                  "route [" BASE_FMT " " BASE_FMT "], kind %" PRIu32 ", body %" PRIu32
                  ": a method in upper case, a path of segments, a known kind, a handler",
                  BASE_ARG(r->method), BASE_ARG(r->path), r->kind, r->body);
        return false;
    }
    for (const struct kit_route *other = host->routes; other; other = other->next) {
        if (base_str_eq(other->route.method, r->method) &&
            base_str_eq(other->route.path, r->path)) {
            kit_blame(KIT_BLAME_ROUTE_TWICE, "[" BASE_FMT " " BASE_FMT "] is registered twice",
                      BASE_ARG(r->method), BASE_ARG(r->path));
            return false;
        }
    }
    return true;
}

int32_t kit_route_add(const struct berth_host *face, const struct berth_route *route,
                      struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_routes_v1_add);
    if (!code && !check_route(host, route)) {
        code = BERTH_E_INVALID;
    }
    if (code) {
        return base_error(error, code, "the kit does not take the route");
    }
    struct kit_route *mine = kit_alloc(sizeof *mine);
    mine->route = *route;
    mine->route.method = base_cstr(kit_copy(route->method));
    mine->route.path = base_cstr(kit_copy(route->path));
    mine->query = kit_alloc((route->query_count + 1) * sizeof *mine->query);
    for (uint32_t i = 0; i < route->query_count; i++) {
        mine->query[i] = base_cstr(kit_copy(route->query[i]));
    }
    mine->next = host->routes;
    host->routes = mine;
    return BERTH_OK;
}

void kit_routes_free(struct kit_host *host) {
    while (host->routes) {
        struct kit_route *r = host->routes;
        host->routes = r->next;
        for (uint32_t i = 0; i < r->route.query_count; i++) {
            free((void *)(uintptr_t)r->query[i].ptr);
        }
        free(r->query);
        free((void *)(uintptr_t)r->route.method.ptr);
        free((void *)(uintptr_t)r->route.path.ptr);
        free(r);
    }
}

/* ---- reading a request ---- */

static int32_t query(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_routes_v1_query, false);
    const struct kit_route *route = request->route;
    bool registered = false;
    for (uint32_t i = 0; i < route->route.query_count; i++) {
        registered = registered || base_str_eq(route->query[i], name);
    }
    if (!code && !registered) {
        kit_blame(KIT_BLAME_QUERY,
                  "[" BASE_FMT " " BASE_FMT "] asks for the query parameter [" BASE_FMT
                  "], which it has not registered",
                  BASE_ARG(route->route.method), BASE_ARG(route->route.path), BASE_ARG(name));
    }
    if (code || !registered || !request->shape->with_query) {
        return code ? code : BERTH_E_NOT_FOUND;
    }
    *out_value = request->shape->query;
    return BERTH_OK;
}

static int32_t header(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_routes_v1_header, false);
    if (code || !base_str_eq_nocase(name, BERTH_STR("content-type"))) {
        return code ? code : BERTH_E_NOT_FOUND;
    }
    *out_value = BERTH_STR("application/json");
    return BERTH_OK;
}

static int32_t on_cancel(struct berth_request *request, berth_request_fn fn, void *user) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_routes_v1_on_cancel, false);
    if (code) {
        return code;
    }
    (void)pthread_mutex_lock(&request->host->lock);
    bool now = request->cancelled && fn;
    request->on_cancel = now ? NULL : fn;
    request->cancel_user = user;
    (void)pthread_mutex_unlock(&request->host->lock);
    if (now) {
        fn(user);
    }
    return BERTH_OK;
}

const struct berth_routes_v1 kit_routes_v1 = {
    .size = sizeof kit_routes_v1,
    .add = kit_route_add,
    .query = query,
    .header = header,
    .reply = kit_reply,
    .reply_error = kit_reply_error,
    .on_cancel = on_cancel,
    .stream_open = kit_stream_open,
    .stream_write = kit_stream_write,
    .stream_on_writable = kit_stream_on_writable,
    .stream_close = kit_stream_close,
};

/* ---- identity ---- */

static int32_t user_of(struct berth_request *request, const struct berth_user **out_user) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_identity_v1_user, false);
    if (!code) {
        *out_user = request->user;
    }
    return code;
}

static int32_t may(struct berth_request *request, struct berth_str permission) {
    (void)permission;
    return kit_request_enter(request, KIT_FN_berth_identity_v1_may, false);
}

const struct berth_identity_v1 kit_identity_v1 = {
    .size = sizeof kit_identity_v1,
    .user = user_of,
    .may = may,
};
