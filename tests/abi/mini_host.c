/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host from the headers alone: routes, settings and a log, two loops, requests that it makes
 * itself; with mini_peers.c it is one of two nodes. It loads a plugin, asks abi_probe's routes, and
 * prints the report.
 *
 *   mini_host PLUGIN.so [FAULT]      FAULT: what it does wrong, to be seen by abi_probe
 */
#include "mini_host.h"

#include <berth/log.h>
#include <berth/plugin.h>
#include <berth/settings.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROUTES_MAX 32
#define LIMIT_KEY "plugins.abi_probe.limit"

struct berth_settings_view {
    int64_t limit;
};

static const char *fault = "";
static const struct berth_plugin_descriptor *plugin;
static void *instance;
static uint32_t state = BERTH_STATE_LOADED;
struct loop mini_loops[LOOPS];
static struct berth_route routes[ROUTES_MAX];
static char paths[ROUTES_MAX][128];
static int are_internal[ROUTES_MAX];
static uint32_t route_count;
static struct {
    berth_settings_validate_fn validate;
    berth_settings_changed_fn changed;
    void *user;
    struct berth_setting declared;
    struct berth_settings_view now;
} settings;

int mini_has(const char *name) {
    return strcmp(fault, name) == 0;
}

int mini_same(struct berth_str text, const char *wanted) {
    return text.len == strlen(wanted) && memcmp(text.ptr, wanted, text.len) == 0;
}

/* ---- loops ---- */

static void *run_loop(void *arg) {
    struct loop *loop = arg;
    (void)pthread_mutex_lock(&loop->lock);
    while (!loop->ends) {
        if (loop->fn) {
            loop->fn(loop->arg);
            loop->fn = NULL;
            (void)pthread_cond_broadcast(&loop->changed);
        } else {
            (void)pthread_cond_wait(&loop->changed, &loop->lock);
        }
    }
    (void)pthread_mutex_unlock(&loop->lock);
    return NULL;
}

void mini_on_loop(struct loop *loop, void (*fn)(void *arg), void *arg) {
    (void)pthread_mutex_lock(&loop->lock);
    loop->fn = fn;
    loop->arg = arg;
    (void)pthread_cond_broadcast(&loop->changed);
    while (loop->fn) {
        (void)pthread_cond_wait(&loop->changed, &loop->lock);
    }
    (void)pthread_mutex_unlock(&loop->lock);
}

struct loop *mini_current(void) {
    for (int i = 0; i < LOOPS; i++) {
        if (pthread_equal(mini_loops[i].thread, pthread_self())) {
            return &mini_loops[i];
        }
    }
    return NULL;
}

static void open_loops(void) {
    for (int i = 0; i < LOOPS; i++) {
        (void)pthread_mutex_init(&mini_loops[i].lock, NULL);
        (void)pthread_cond_init(&mini_loops[i].changed, NULL);
        (void)pthread_create(&mini_loops[i].thread, NULL, run_loop, &mini_loops[i]);
    }
}

static void close_loops(void) {
    for (int i = 0; i < LOOPS; i++) {
        (void)pthread_mutex_lock(&mini_loops[i].lock);
        mini_loops[i].ends = 1;
        (void)pthread_cond_broadcast(&mini_loops[i].changed);
        (void)pthread_mutex_unlock(&mini_loops[i].lock);
        (void)pthread_join(mini_loops[i].thread, NULL);
    }
}

/* ---- berth.routes/1 ---- */

static int32_t add(const struct berth_host *host, const struct berth_route *route,
                   struct berth_error *error) {
    (void)host;
    (void)error;
    if (state != BERTH_STATE_CREATED && !mini_has("adds_late")) {
        return BERTH_E_STATE;
    }
    if ((route->size < sizeof *route && !mini_has("any_size")) || route_count == ROUTES_MAX ||
        route->path.len >= sizeof paths[0]) {
        return BERTH_E_INVALID;
    }
    for (uint32_t i = 0; i < route_count; i++) {
        if (mini_same(route->path, paths[i]) && !mini_has("adds_twice")) {
            return BERTH_E_EXISTS;
        }
    }
    memcpy(paths[route_count], route->path.ptr, route->path.len);
    are_internal[route_count] =
        route->permission.len > strlen(BERTH_INTERNAL) &&
        memcmp(route->permission.ptr, BERTH_INTERNAL, strlen(BERTH_INTERNAL)) == 0;
    routes[route_count++] = *route; /* its other texts are not read again */
    return BERTH_OK;
}

static int32_t query(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value) {
    int is_lost = request->is_from_node && mini_has("drops_query");
    *out_value = BERTH_STR("a b");
    return mini_same(name, "loud") && !is_lost ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static int32_t header(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value) {
    int is_lost = request->is_from_node && mini_has("drops_headers");
    *out_value = BERTH_STR("yes");
    return name.len == 7 && strncasecmp(name.ptr, "X-Probe", 7) == 0 && !is_lost
               ? BERTH_OK
               : BERTH_E_NOT_FOUND;
}

static int32_t reply(struct berth_request *request, const struct berth_reply *reply) {
    size_t at = 0;
    if (request->status) {
        return BERTH_E_STATE;
    }
    request->status = reply->status;
    for (uint32_t i = 0; i < reply->part_count; i++) {
        size_t len = (size_t)reply->parts[i].len;
        if (at + len < sizeof request->text) {
            memcpy(request->text + at, reply->parts[i].ptr, len);
            at += len;
        }
    }
    if (reply->release && !mini_has("never_releases")) {
        reply->release(reply->owner);
    }
    return BERTH_OK;
}

static int32_t reply_error(struct berth_request *request, const struct berth_error *error) {
    request->status = 500;
    (void)snprintf(request->text, sizeof request->text, "%s", error->message);
    return BERTH_OK;
}

static int32_t on_cancel(struct berth_request *request, berth_request_fn fn, void *user) {
    request->on_cancel = fn;
    request->cancel_user = user;
    return BERTH_OK;
}

static int32_t stream_on_writable(struct berth_request *request, berth_request_fn fn, void *user) {
    (void)request, (void)fn, (void)user;
    return BERTH_E_STATE;
}

static int32_t stream_open(struct berth_request *request, const struct berth_reply *reply) {
    (void)request, (void)reply;
    return BERTH_E_UNSUPPORTED;
}

static int32_t stream_write(struct berth_request *request, struct berth_str bytes,
                            uint64_t *out_queued) {
    (void)request, (void)bytes, (void)out_queued;
    return BERTH_E_STATE;
}

static int32_t stream_close(struct berth_request *request, uint32_t complete) {
    (void)request, (void)complete;
    return BERTH_E_STATE;
}

static struct berth_routes_v1 routes_v1 = {.size = sizeof routes_v1,
                                           .add = add,
                                           .query = query,
                                           .header = header,
                                           .reply = reply,
                                           .reply_error = reply_error,
                                           .on_cancel = on_cancel,
                                           .stream_open = stream_open,
                                           .stream_write = stream_write,
                                           .stream_on_writable = stream_on_writable,
                                           .stream_close = stream_close};

/* ---- berth.settings/1: of one setting, a number ---- */

static int32_t declare(const struct berth_host *host, const struct berth_setting *list,
                       uint32_t count, struct berth_error *error) {
    (void)host, (void)error;
    if (state != BERTH_STATE_CREATED || count != 1) {
        return BERTH_E_STATE;
    }
    settings.declared = list[0];
    settings.now.limit = strtoll(list[0].default_values[0].ptr, NULL, 10);
    return BERTH_OK;
}

static int32_t observe(const struct berth_host *host, berth_settings_validate_fn validate,
                       berth_settings_changed_fn changed, void *user) {
    (void)host;
    if (state != BERTH_STATE_CREATED) {
        return BERTH_E_STATE;
    }
    settings.validate = validate;
    settings.changed = changed;
    settings.user = user;
    return BERTH_OK;
}

static int32_t get_int(const struct berth_settings_view *view, struct berth_str key,
                       int64_t *out_value) {
    *out_value = view->limit;
    return mini_same(key, LIMIT_KEY) ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static int32_t get_float(const struct berth_settings_view *view, struct berth_str key,
                         double *out_value) {
    *out_value = (double)view->limit;
    return mini_same(key, LIMIT_KEY) ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static int32_t get_text(const struct berth_settings_view *view, struct berth_str key,
                        struct berth_str *out_value) {
    (void)view, (void)key, (void)out_value;
    return BERTH_E_NOT_FOUND;
}

static int32_t get_list(const struct berth_settings_view *view, struct berth_str key,
                        const struct berth_str **out_values, uint32_t *out_count) {
    (void)view, (void)key, (void)out_values, (void)out_count;
    return BERTH_E_NOT_FOUND;
}

static struct berth_settings_v1 settings_v1 = {.size = sizeof settings_v1,
                                               .declare = declare,
                                               .observe = observe,
                                               .get_int = get_int,
                                               .get_float = get_float,
                                               .get_text = get_text,
                                               .get_list = get_list};

static void tell(void *arg) {
    (void)arg;
    settings.changed(settings.user, &settings.now);
}

/* Both phases of a change. */
static void change(int64_t limit) {
    struct berth_settings_view proposed = {limit};
    struct berth_error error = {.size = sizeof error};
    int within = (double)limit >= settings.declared.min && (double)limit <= settings.declared.max;
    if ((!within && !mini_has("no_bounds")) ||
        (!mini_has("unvalidated") && settings.validate(settings.user, &proposed, &error))) {
        return;
    }
    settings.now = proposed;
    if (mini_has("feed_on_loop")) {
        mini_on_loop(&mini_loops[0], tell, NULL);
    } else {
        tell(NULL);
    }
}

/* ---- berth.log/1, and the host's face ---- */

static void log_write(const struct berth_host *host, uint32_t level, struct berth_str event,
                      const struct berth_log_field *fields, uint32_t count) {
    (void)host;
    (void)fprintf(stderr, "%u %.*s\n", level, (int)event.len, event.ptr);
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "  %.*s: %.*s\n", (int)fields[i].name.len, fields[i].name.ptr,
                      (int)fields[i].value.len, fields[i].value.ptr);
    }
}

static const struct berth_log_v1 log_v1 = {.size = sizeof log_v1, .write = log_write};

static int32_t get_capability(const struct berth_host *host, struct berth_str id,
                              const void **out_table, struct berth_error *error) {
    const struct {
        const char *id;
        const void *table;
    } granted[] = {{BERTH_ROUTES_ID, &routes_v1},
                   {BERTH_SETTINGS_ID, &settings_v1},
                   {BERTH_LOG_ID, &log_v1},
                   {NULL, NULL}};
    (void)host;
    for (int i = 0; granted[i].id; i++) {
        if (mini_same(id, granted[i].id) ||
            (mini_has("grants_all") && id.len && !strchr(id.ptr, '/')) ||
            (mini_has("grants_all") && mini_same(id, "berth.routes/9"))) {
            *out_table = granted[i].table;
            return BERTH_OK;
        }
    }
    const void *table = mini_peers_table(id);
    if (table) {
        *out_table = table;
        return BERTH_OK;
    }
    (void)snprintf(error->message, sizeof error->message, "there is no [%.*s]", (int)id.len,
                   id.ptr);
    return BERTH_E_NOT_FOUND;
}

static struct {
    struct berth_host known;
    uint64_t tail;
} face = {.known = {.size = sizeof face.known,
                    .abi_major = BERTH_ABI_MAJOR,
                    .abi_minor = BERTH_ABI_MINOR,
                    .get_capability = get_capability}};

/* ---- a plugin's life ---- */

static void start_loop(void *arg) {
    struct loop *loop = arg;
    struct berth_error error = {.size = sizeof error};
    uint32_t index = mini_has("loops_twice") ? 0 : (uint32_t)(loop - mini_loops);
    if (plugin->lifecycle->loop_start(instance, index, &loop->context, &error)) {
        abort();
    }
}

static void stop_loop(void *arg) {
    struct loop *loop = arg;
    plugin->lifecycle->loop_stop(instance, (uint32_t)(loop - mini_loops), loop->context);
}

static void serve(void *arg) {
    (void)arg;
    plugin->lifecycle->serve(instance);
}

static int32_t go_up(void) {
    struct berth_error error = {.size = sizeof error};
    int32_t code = plugin->lifecycle->create(&face.known, &instance, &error);
    state = BERTH_STATE_CREATED;
    code = code ? code : plugin->lifecycle->start(instance, &error);
    state = BERTH_STATE_STARTED;
    if (code) {
        return code;
    }
    if (!mini_has("values_late")) {
        tell(NULL);
    }
    if (mini_has("serve_first")) {
        serve(NULL);
    }
    for (int i = 0; i < LOOPS; i++) {
        mini_on_loop(&mini_loops[i], start_loop, &mini_loops[i]);
    }
    if (mini_has("values_late")) {
        tell(NULL);
    }
    state = BERTH_STATE_SERVING;
    if (mini_has("on_loop")) {
        mini_on_loop(&mini_loops[0], serve, NULL);
    } else if (!mini_has("serve_first")) {
        serve(NULL);
    }
    return BERTH_OK;
}

static void go_down(void) {
    state = BERTH_STATE_DRAINING;
    plugin->lifecycle->drain(instance);
    for (int i = 0; i < LOOPS; i++) {
        mini_on_loop(&mini_loops[i], stop_loop, &mini_loops[i]);
    }
    plugin->lifecycle->stop(instance);
    state = BERTH_STATE_STOPPED;
    plugin->lifecycle->destroy(instance);
}

/* ---- requests ---- */

int mini_is_started(void) {
    return state > BERTH_STATE_CREATED;
}

struct handling {
    const struct berth_route *route;
    struct berth_request *request;
    struct berth_request_view view;
};

static void handle(void *arg) {
    struct handling *handling = arg;
    handling->route->handle(handling->route->user, handling->request, &handling->view);
}

int mini_handle(struct berth_request *request) {
    const struct mini_call *call = &request->call;
    uint32_t at = 0;
    while (at < route_count && strcmp(paths[at], call->pattern) != 0) {
        at++;
    }
    if (at == route_count) {
        return 0;
    }
    if (are_internal[at] && !request->is_from_node && !mini_has("opens_internal")) {
        request->status = 403;
        return 1;
    }
    struct handling handling = {.route = &routes[at],
                                .request = request,
                                .view = {.size = sizeof handling.view,
                                         .loop = request->loop,
                                         .method = {call->method, strlen(call->method)},
                                         .path = {call->path, strlen(call->path)},
                                         .body = call->body,
                                         .params = call->params,
                                         .param_count = call->param_count,
                                         .received_ns = 1}};
    if (routes[at].kind == BERTH_ROUTE_LOOP) {
        struct loop *loop = &mini_loops[request->loop];
        handling.view.loop_context = mini_has("wrong_context") ? NULL : loop->context;
        mini_on_loop(loop, handle, &handling);
    } else {
        handle(&handling);
    }
    return 1;
}

/* A client's request. */
static void ask(const struct mini_call *call, struct berth_request *request) {
    memset(request, 0, sizeof *request);
    request->call = *call;
    request->user = "alice";
    (void)mini_handle(request);
    mini_peers_finish(request);
}

static void post(const char *pattern, const char *path, const char *body, const char *node) {
    static struct berth_request request;
    const struct berth_str params[] = {
        BERTH_STR_INIT("a/b"), BERTH_STR_INIT("alice"), {node, strlen(node)}};
    const struct mini_call call = {pattern, "POST", path, {body, strlen(body)}, params, 3};
    ask(&call, &request);
}

static void get(const char *pattern, const char *path, struct berth_request *request) {
    const struct berth_str param = BERTH_STR_INIT("a/b");
    int is_param = strchr(pattern, '{') != NULL;
    const struct mini_call call = {pattern, "GET", path, {NULL, 0}, &param, is_param ? 1 : 0};
    ask(&call, request);
}

#define BASE "/_plugins/_abi_probe"
#define FORWARD BASE "/forward/{word}/{user}/{node}"

int main(int argc, char **argv) {
    static struct berth_request request;
    void *code = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    plugin = code ? dlsym(code, BERTH_PLUGIN_SYMBOL) : NULL;
    if (!plugin) {
        (void)fprintf(stderr, "usage: mini_host PLUGIN.so [FAULT]\n");
        return 2;
    }
    fault = argc > 2 ? argv[2] : "";
    if (mini_has("short_host")) {
        face.known.size -= 8;
    }
    if (mini_has("tail")) {
        face.known.size += 8;
        face.tail = 1;
    }
    if (mini_has("old_major")) {
        face.known.abi_major = 0;
    }
    if (mini_has("holes")) {
        routes_v1.stream_close = NULL;
    }
    open_loops();
    if (go_up()) {
        return 1;
    }
    get(BASE "/word/{word}", mini_has("wrong_path") ? BASE "/word/a/b" : BASE "/word/a%2Fb",
        &request);
    post(BASE "/work", BASE "/work", "{\"a\":1}", "");
    post(BASE "/peers", BASE "/peers", "{}", "");
    post(BASE "/inside", BASE "/inside", "{\"client\":true}", "");
    post(FORWARD, BASE "/forward/a%2Fb/alice/" SECOND_NODE, "{\"a\":1}", SECOND_NODE);
    post(FORWARD, BASE "/forward/a%2Fb/alice/-", "{\"a\":1}", "-");
    const int64_t limits[] = {7, 13, 101, 0};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        change(limits[i]);
    }
    get(BASE "/report", BASE "/report", &request);
    (void)puts(request.text);
    go_down();
    close_loops();
    return dlclose(code) != 0;
}
