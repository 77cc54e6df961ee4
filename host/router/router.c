/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's loops and requests, and the way in: checks that all routes have in common.
 */
#include "host/router/router.h"

#include "host/router/rest_request.h"
#include "host/security/peer_token.h"

#include <berth/peers.h>

#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 2048
#define FREE_REQUESTS_MAX 64

/* Query parameters that every route has. */
static const char *const common_parameters[] = {
    "pretty", "human", "error_trace", "filter_path", "format", "source", "source_content_type",
};

int32_t router_create(const struct router_options *options, struct router **out_router,
                      struct berth_error *error) {
    uint32_t count = loop_group_count(options->loops);
    struct router *router = calloc(1, sizeof *router + count * sizeof router->loops[0]);
    if (!router) {
        return base_error_memory(error);
    }
    router->options = *options;
    router->count = count;
    for (uint32_t i = 0; i < count; i++) {
        router->loops[i].router = router;
        router->loops[i].loop = loop_group_at(options->loops, i);
    }
    int32_t code = router_publish(router, NULL, 0, error);
    if (code) {
        router_destroy(router);
        return code;
    }
    *out_router = router;
    return BERTH_OK;
}

void router_destroy(struct router *router) {
    if (!router) {
        return;
    }
    for (uint32_t i = 0; i < router->count; i++) {
        while (router->loops[i].free_requests) {
            struct berth_request *request = router->loops[i].free_requests;
            router->loops[i].free_requests = request->next;
            base_arena_deinit(&request->arena);
            free(request);
        }
    }
    route_table_destroy(router->table);
    free(router);
}

static void swap_table(struct loop *loop, void *arg) {
    struct router *router = arg;
    router->loops[loop_index(loop)].table = router->table;
}

int32_t router_publish(struct router *router, struct route_set *const *sets, uint32_t count,
                       struct berth_error *error) {
    struct route_table *table = NULL;
    int32_t code = route_table_create(sets, count, &table, error);
    if (code) {
        return code;
    }
    struct route_table *old = router->table;
    router->table = table;
    if (!old) {
        /* The first one, before the loops run. */
        for (uint32_t i = 0; i < router->count; i++) {
            router->loops[i].table = table;
        }
    }
    loop_run_on_all(router->options.loops, swap_table, router);
    route_table_destroy(old);
    return BERTH_OK;
}

struct count_call {
    const struct route_owner *owner;
    _Atomic uint64_t sum;
};

static void add_in_flight(struct loop *loop, void *arg) {
    struct count_call *call = arg;
    call->sum +=
        atomic_load_explicit(&call->owner->in_flight[loop_index(loop)], memory_order_relaxed);
}

uint64_t router_in_flight(struct router *router, const struct route_owner *owner) {
    struct count_call call = {.owner = owner};
    loop_run_on_all(router->options.loops, add_in_flight, &call);
    return call.sum;
}

/* On the loop, which alone writes its own. */
static void count_in_flight(const struct router_loop *home, struct route_owner *owner, int by) {
    _Atomic uint64_t *count = &owner->in_flight[loop_index(home->loop)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + (uint64_t)by,
                          memory_order_relaxed);
}

static struct berth_request *request_create(struct router_loop *home, struct http_request *http) {
    struct berth_request *request = home->free_requests;
    struct base_arena arena;
    if (request) {
        home->free_requests = request->next;
        home->free_count--;
        arena = request->arena;
    } else {
        request = malloc(sizeof *request);
        if (!request) {
            return NULL;
        }
        base_arena_init(&arena, ARENA_CHUNK);
    }
    memset(request, 0, sizeof *request);
    request->arena = arena;
    request->home = home;
    request->http = http;
    base_buf_init(&request->outcome.body, BASE_BUF_MAX_DEFAULT);
    atomic_store_explicit(&request->state, REST_OPEN, memory_order_relaxed);
    return request;
}

void rest_request_end(struct berth_request *request) {
    struct router_loop *home = request->home;
    if (request->route) {
        count_in_flight(home, request->route->owner, -1);
    }
    base_buf_deinit(&request->outcome.body);
    security_caller_release(request->caller);
    request->caller = NULL;
    atomic_store_explicit(&request->state, REST_FREE, memory_order_relaxed);
    if (home->free_count >= FREE_REQUESTS_MAX) {
        base_arena_deinit(&request->arena);
        free(request);
        return;
    }
    base_arena_reset(&request->arena);
    request->next = home->free_requests;
    home->free_requests = request;
    home->free_count++;
}

/* The client left before the answer. */
static void on_gone(void *user) {
    struct berth_request *request = user;
    berth_request_fn fn = request->on_cancel;
    request->cancelled = true;
    request->on_cancel = NULL;
    if (fn) {
        fn(request->cancel_user);
    }
}

/* ---- checks, in the order in which OpenSearch makes them ---- */

/* A media type has two tokens with a slash between them. */
static bool is_media_type(struct berth_str text) {
    struct berth_str rest = text;
    struct berth_str type;
    (void)base_str_split(&rest, ';', &type);
    type = base_str_trim(type);
    uint64_t slash = base_str_find(type, '/');
    return slash > 0 && slash + 1 < type.len;
}

static bool is_json_type(struct berth_str text) {
    static const char *const taken[] = {
        "application/json",
        "application/vnd.opensearch+json",
    };
    struct berth_str rest = text;
    struct berth_str type;
    (void)base_str_split(&rest, ';', &type);
    type = base_str_trim(type);
    for (size_t i = 0; i < BASE_COUNT(taken); i++) {
        if (base_str_eq_nocase(type, base_cstr(taken[i]))) {
            return true;
        }
    }
    return false;
}

static int32_t read_shape(struct berth_request *request, struct berth_error *error) {
    const struct target_parameter *parameter;
    bool ignored = false;
    int32_t code = BERTH_OK;
    parameter = target_find(&request->target, BERTH_STR("pretty"));
    code = parameter ? target_bool(parameter, &request->shape.pretty, error) : code;
    parameter = target_find(&request->target, BERTH_STR("human"));
    code = !code && parameter ? target_bool(parameter, &ignored, error) : code;
    parameter = target_find(&request->target, BERTH_STR("error_trace"));
    code = !code && parameter ? target_bool(parameter, &request->error_trace, error) : code;
    parameter = target_find(&request->target, BERTH_STR("filter_path"));
    if (parameter) {
        request->shape.filter_path = parameter->value;
    }
    parameter = target_find(&request->target, BERTH_STR("format"));
    struct berth_str accept;
    if (parameter) {
        request->format = parameter->value;
    } else if (http_request_header(request->http, BERTH_STR("accept"), &accept) &&
               base_str_starts(accept, BERTH_STR("application/yaml"))) {
        request->format = BERTH_STR("yaml");
    }
    request->shape.yaml = base_str_is(request->format, "yaml");
    static const char *const formats[] = {"", "json", "yaml", "text", "txt"};
    bool known = false;
    for (size_t i = 0; i < BASE_COUNT(formats); i++) {
        known |= base_str_is(request->format, formats[i]);
    }
    if (!code && !known) {
        code = base_error(error, BERTH_E_INVALID,
                          "the format [" BASE_FMT "] is not one of [json, yaml, text]",
                          BASE_ARG(request->format));
    }
    return code;
}

static bool is_known_parameter(const struct route *route, struct berth_str name) {
    for (size_t i = 0; i < BASE_COUNT(common_parameters); i++) {
        if (base_str_is(name, common_parameters[i])) {
            return true;
        }
    }
    return route_has_parameter(route, name);
}

static int32_t check_parameters(struct berth_request *request, struct berth_error *error) {
    const struct route *route = request->route;
    for (uint32_t i = 0; i < request->target.parameter_count; i++) {
        struct berth_str name = request->target.parameters[i].name;
        if (is_known_parameter(route, name)) {
            continue;
        }
        BASE_BUF_AUTO known;
        base_buf_init(&known, 1024);
        for (uint32_t k = 0; k < route->def.query_count; k++) {
            base_buf_format(&known, "%s" BASE_FMT, k ? ", " : "", BASE_ARG(route->def.query[k]));
        }
        return base_error(
            error, BERTH_E_INVALID,
            "[" BASE_FMT "] has no query parameter [" BASE_FMT "]; its own are [" BASE_FMT
            "], those of every route [pretty, human, error_trace, filter_path, format]",
            BASE_ARG(request->view.path), BASE_ARG(name), BASE_ARG(base_buf_view(&known)));
    }
    return BERTH_OK;
}

/* A body may come in the query instead, for clients that cannot send one with GET. */
static int32_t take_source(struct berth_request *request, struct berth_error *error) {
    const struct target_parameter *source = target_find(&request->target, BERTH_STR("source"));
    if (!source || request->view.body.len) {
        return BERTH_OK;
    }
    const struct target_parameter *type =
        target_find(&request->target, BERTH_STR("source_content_type"));
    if (!type || !is_json_type(type->value)) {
        return base_error(error, BERTH_E_INVALID,
                          "the query parameter [source] needs [source_content_type] with it, "
                          "whose value is [application/json]");
    }
    request->view.body = source->value;
    return BERTH_OK;
}

/* ---- dispatch ---- */

static void run_on_worker(struct worker_job *job) {
    struct berth_request *request =
        (struct berth_request *)(void *)((char *)job - offsetof(struct berth_request, job));
    const struct berth_route *def = &request->route->def;
    def->handle(def->user, request, &request->view);
}

/* Whether a route is for the nodes of the cluster alone. */
static bool is_internal(const struct route *route) {
    return base_str_starts(route->def.permission, BERTH_STR(BERTH_INTERNAL));
}

static void call_handler(struct berth_request *request) {
    struct route *route = request->route;
    uint32_t loop = loop_index(request->home->loop);
    request->view.loop = loop;
    request->view.received_ns = request->http->received_ns;
    if (route->def.kind == BERTH_ROUTE_LOOP) {
        request->view.loop_context = route->owner->loop_contexts[loop];
        route->def.handle(route->def.user, request, &request->view);
        return;
    }
    const struct router_options *options = &request->home->router->options;
    request->job.run = run_on_worker;
    int32_t code = worker_pool_submit(is_internal(route) ? options->peer_workers : options->workers,
                                      &request->job);
    if (code) {
        struct berth_error error = BASE_ERROR_INIT;
        (void)base_error(&error, code == BERTH_E_STATE ? BERTH_E_UNAVAILABLE : code,
                         code == BERTH_E_STATE
                             ? "the node is stopping"
                             : "the queue of the worker pool is full (setting worker.queue)");
        (void)router_reply_error(request, &error);
    }
}

/* Returns false where a reply was made. */
static bool match_route(struct berth_request *request) {
    struct route_match match;
    struct berth_str method = request->view.method;
    route_table_match(request->home->table, &request->target, method, &match);
    if (match.route) {
        request->route = match.route;
        count_in_flight(request->home, match.route->owner, 1);
        memcpy(request->params, match.params, sizeof request->params);
        request->view.params = request->params;
        request->view.param_count = match.param_count;
        return true;
    }
    if (!match.allow[0]) {
        rest_reply_plain_error(request, 400, NULL, "there is no route [" BASE_FMT " " BASE_FMT "]",
                               BASE_ARG(method), BASE_ARG(request->view.path));
    } else if (base_str_is(method, "OPTIONS")) {
        struct berth_header allow = {BERTH_STR_INIT("allow"),
                                     base_arena_dup(&request->arena, base_cstr(match.allow))};
        (void)router_reply(request, &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                          .status = 200,
                                                          .content_type = BERTH_STR("text/plain"),
                                                          .headers = &allow,
                                                          .header_count = 1});
    } else {
        rest_reply_plain_error(request, 405, match.allow,
                               "the method " BASE_FMT " is not one of those of [" BASE_FMT "]: %s",
                               BASE_ARG(method), BASE_ARG(request->view.path), match.allow);
    }
    return false;
}

/* False where a reply was made. */
static bool check_media_type(struct berth_request *request) {
    struct berth_str type;
    bool given = http_request_header(request->http, BERTH_STR("content-type"), &type);
    if (given && !is_media_type(type)) {
        struct berth_error error = BASE_ERROR_INIT;
        (void)base_error_rest(&error, BERTH_E_INVALID, 400, "content_type_header_exception",
                              "the Content-Type [" BASE_FMT "] is no media type", BASE_ARG(type));
        (void)router_reply_error(request, &error);
        return false;
    }
    return true;
}

static bool check_body(struct berth_request *request) {
    struct berth_str type = {"", 0};
    if (request->http->body.len == 0) {
        return true;
    }
    bool given = http_request_header(request->http, BERTH_STR("content-type"), &type);
    if (!given || !is_json_type(type)) {
        rest_reply_plain_error(request, 406, NULL,
                               given ? "the Content-Type [" BASE_FMT "] is not taken here, "
                                       "[application/json] is"
                                     : "a body needs a Content-Type" BASE_FMT
                                       ", which is [application/json] here",
                               BASE_ARG(type));
        return false;
    }
    return true;
}

static bool check_request(struct berth_request *request) {
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = read_shape(request, &error);
    if (!code) {
        code = take_source(request, &error);
    }
    if (!code) {
        code = check_parameters(request, &error);
    }
    if (!code && request->view.body.len && request->route->def.body == BERTH_BODY_NONE) {
        code = base_error(&error, BERTH_E_INVALID, "[" BASE_FMT " " BASE_FMT "] takes no body",
                          BASE_ARG(request->view.method), BASE_ARG(request->view.path));
    }
    if (code) {
        (void)router_reply_error(request, &error);
    }
    return code == BERTH_OK;
}

/* ---- who asks ---- */

const struct security_caller *router_caller(const struct berth_request *request) {
    return request->caller;
}

const struct berth_request_view *router_view(const struct berth_request *request) {
    return &request->view;
}

struct route_owner *router_owner(const struct berth_request *request) {
    return request->route->owner;
}

int32_t router_lend(struct berth_request *request) {
    int expected = REST_OPEN;
    bool may = loop_current() == request->home->loop && !request->is_forwarded;
    return may && atomic_compare_exchange_strong(&request->state, &expected, REST_LENT)
               ? BERTH_OK
               : BERTH_E_STATE;
}

void router_take_back(struct berth_request *request) {
    int expected = REST_LENT;
    (void)atomic_compare_exchange_strong(&request->state, &expected, REST_OPEN);
}

static bool refuse_internal(struct berth_request *request) {
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error_rest(&error, BERTH_E_DENIED, 403, "security_exception",
                          "[" BASE_FMT "] is for the nodes of the cluster alone: nobody has the "
                          "permission [" BASE_FMT "]",
                          BASE_ARG(request->view.path), BASE_ARG(request->route->def.permission));
    (void)router_reply_error(request, &error);
    return false;
}

/* False where a reply was made. */
static bool check_permission(struct berth_request *request) {
    struct berth_str permission = request->route->def.permission;
    if (is_internal(request->route)) {
        return request->is_peers || refuse_internal(request);
    }
    if (!request->caller || permission.len == 0 || security_may(request->caller, permission)) {
        return true;
    }
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error_rest(&error, BERTH_E_DENIED, 403, "security_exception",
                          "no role of the user [" BASE_FMT "] has the permission [" BASE_FMT "]",
                          BASE_ARG(request->caller->user.name), BASE_ARG(permission));
    (void)router_reply_error(request, &error);
    return false;
}

static void serve(struct berth_request *request) {
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = target_parse(request->view.path, &request->arena, &request->target, &error);
    if (code) {
        (void)router_reply_error(request, &error);
        return;
    }
    request->view.path = request->target.path;
    if (check_media_type(request) && match_route(request) && check_permission(request) &&
        check_body(request) && check_request(request)) {
        call_handler(request);
    }
}

/* Goes on with a request whose caller is known, or is not. */
static void admit(struct berth_request *request, enum security_result result) {
    struct berth_error error = BASE_ERROR_INIT;
    switch (result) {
    case SECURITY_KNOWN:
        serve(request);
        break;
    case SECURITY_NOBODY:
        rest_reply_unauthorized(request);
        break;
    case SECURITY_BLOCKED:
        (void)base_error_rest(&error, BERTH_E_LIMIT, 429, "security_exception",
                              "too many wrong passwords came for this name from this address "
                              "(setting plugins.security.auth.allowed_tries)");
        (void)router_reply_error(request, &error);
        break;
    case SECURITY_BUSY:
        (void)base_error(&error, BERTH_E_LIMIT,
                         "too many requests wait for their passwords to be checked (setting "
                         "worker.queue)");
        (void)router_reply_error(request, &error);
        break;
    case SECURITY_FAILED:
        (void)base_error_memory(&error);
        (void)router_reply_error(request, &error);
        break;
    case SECURITY_ASKED:
        break; /* on_login goes on */
    }
}

static void on_login(struct security_login *login, enum security_result result,
                     struct security_caller *caller) {
    struct berth_request *request = login->user;
    request->caller = caller;
    admit(request, result);
}

static struct security_login *make_login(void *user) {
    struct berth_request *request = user;
    struct security_login *login = base_arena_alloc(&request->arena, sizeof *login);
    if (login) {
        login->done = on_login;
        login->user = request;
    }
    return login;
}

static void authenticate(struct berth_request *request) {
    struct router_loop *home = request->home;
    struct berth_str header;
    bool given = http_request_header(request->http, BERTH_STR("authorization"), &header);
    struct security_shown shown = {.authorization = given ? header : base_str("", 0),
                                   .address = http_request_address(request->http),
                                   .certificate = http_request_certificate(request->http)};
    enum security_result result = security_authenticate(
        home->router->options.security, home->loop, &shown, make_login, request, &request->caller);
    http_request_hide_header(request->http, BERTH_STR("authorization"));
    admit(request, result);
}

/* Another node asks, for itself or for a user whom it knows. */
static void admit_peer(struct berth_request *request, struct berth_str token) {
    const struct router_options *options = &request->home->router->options;
    struct berth_error error = BASE_ERROR_INIT;
    struct peer_claims claims;
    const struct peer_request asked = {request->view.method, request->view.path,
                                       request->view.body};
    int32_t code =
        peer_token_check(options->peer_secrets, &asked, token, &request->arena, &claims, &error);
    if (!code && claims.has_user && options->security) {
        struct security_config *config = security_config_in_force(options->security);
        const struct security_claims who = {.name = claims.name,
                                            .backend_roles = &claims.backend_roles,
                                            .direct_roles = &claims.roles};
        request->caller = security_caller_create(config, &who);
        security_config_unref(config);
        code = request->caller ? BERTH_OK : base_error_memory(&error);
    }
    if (code) {
        request->refusal = code == BERTH_E_DENIED ? claims.refusal : base_str("", 0);
        (void)router_reply_error(request, &error);
        return;
    }
    request->is_peers = !claims.has_user && claims.asker == PEER_NODE;
    request->is_forwarded = true;
    if (options->security && !claims.has_user && !request->is_peers) {
        rest_reply_unauthorized(request); /* the other node has no users, this one has */
        return;
    }
    serve(request);
}

static void on_request(void *user, struct http_request *http) {
    struct router *router = user;
    struct router_loop *home = &router->loops[loop_index(http->loop)];
    struct berth_request *request = request_create(home, http);
    if (!request) {
        struct berth_str body = BERTH_STR("{\"error\":\"out of memory\",\"status\":503}");
        http_reply(http, &(struct http_reply){.status = 503,
                                              .content_type = BERTH_STR("application/json"),
                                              .parts = &body,
                                              .part_count = 1});
        return;
    }
    http->on_gone = on_gone;
    http->user = request;
    request->view.size = sizeof request->view;
    request->view.method = base_cstr(http->method);
    request->view.path = http_span_view(http, http->target);
    request->view.body = base_buf_view(&http->body);
    struct berth_str token;
    if (router->options.peer_secrets &&
        http_request_header(http, BERTH_STR(PEER_TOKEN_HEADER), &token)) {
        admit_peer(request, token);
    } else if (router->options.security) {
        authenticate(request);
    } else {
        serve(request);
    }
}

struct http_handler router_handler(struct router *router) {
    return (struct http_handler){.request = on_request, .user = router};
}
