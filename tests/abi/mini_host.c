/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host from the headers alone: routes, settings and a log, two loops, requests that it makes
 * itself. It loads a plugin, asks abi_probe's routes, and prints the report.
 *
 *   mini_host PLUGIN.so [FAULT]      FAULT: what it does wrong, to be seen by abi_probe
 */
#include <berth/log.h>
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/settings.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROUTES_MAX 32
#define LOOPS 2
#define LIMIT_KEY "plugins.abi_probe.limit"

struct loop {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*fn)(void *arg); /* NULL: nothing to do; under lock */
    void *arg;
    int ends;
    void *context;
};

struct berth_request {
    char text[65536]; /* the body of its reply */
};

struct berth_settings_view {
    int64_t limit;
};

static const char *fault = "";
static const struct berth_plugin_descriptor *plugin;
static void *instance;
static uint32_t state = BERTH_STATE_LOADED;
static struct loop loops[LOOPS];
static struct berth_route routes[ROUTES_MAX];
static char paths[ROUTES_MAX][128];
static uint32_t route_count;
static struct {
    berth_settings_validate_fn validate;
    berth_settings_changed_fn changed;
    void *user;
    struct berth_setting declared;
    struct berth_settings_view now;
} settings;

static int has(const char *name) {
    return strcmp(fault, name) == 0;
}

static int same(struct berth_str text, const char *wanted) {
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

/* Runs fn on a loop, and waits for it. */
static void on_loop(struct loop *loop, void (*fn)(void *arg), void *arg) {
    (void)pthread_mutex_lock(&loop->lock);
    loop->fn = fn;
    loop->arg = arg;
    (void)pthread_cond_broadcast(&loop->changed);
    while (loop->fn) {
        (void)pthread_cond_wait(&loop->changed, &loop->lock);
    }
    (void)pthread_mutex_unlock(&loop->lock);
}

static void open_loops(void) {
    for (int i = 0; i < LOOPS; i++) {
        (void)pthread_mutex_init(&loops[i].lock, NULL);
        (void)pthread_cond_init(&loops[i].changed, NULL);
        (void)pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]);
    }
}

static void close_loops(void) {
    for (int i = 0; i < LOOPS; i++) {
        (void)pthread_mutex_lock(&loops[i].lock);
        loops[i].ends = 1;
        (void)pthread_cond_broadcast(&loops[i].changed);
        (void)pthread_mutex_unlock(&loops[i].lock);
        (void)pthread_join(loops[i].thread, NULL);
    }
}

/* ---- berth.routes/1 ---- */

static int32_t add(const struct berth_host *host, const struct berth_route *route,
                   struct berth_error *error) {
    (void)host;
    (void)error;
    if (state != BERTH_STATE_CREATED && !has("adds_late")) {
        return BERTH_E_STATE;
    }
    if ((route->size < sizeof *route && !has("any_size")) || route_count == ROUTES_MAX ||
        route->path.len >= sizeof paths[0]) {
        return BERTH_E_INVALID;
    }
    for (uint32_t i = 0; i < route_count; i++) {
        if (same(route->path, paths[i]) && !has("adds_twice")) {
            return BERTH_E_EXISTS;
        }
    }
    memcpy(paths[route_count], route->path.ptr, route->path.len);
    routes[route_count++] = *route; /* its texts but for the path are not read again */
    return BERTH_OK;
}

static int32_t query(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value) {
    (void)request;
    *out_value = BERTH_STR("a b");
    return same(name, "loud") ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static int32_t header(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value) {
    (void)request;
    *out_value = BERTH_STR("yes");
    return name.len == 7 && strncasecmp(name.ptr, "X-Probe", 7) == 0 ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static int32_t reply(struct berth_request *request, const struct berth_reply *reply) {
    size_t at = 0;
    for (uint32_t i = 0; i < reply->part_count; i++) {
        size_t len = (size_t)reply->parts[i].len;
        if (at + len < sizeof request->text) {
            memcpy(request->text + at, reply->parts[i].ptr, len);
            at += len;
        }
    }
    if (reply->release && !has("never_releases")) {
        reply->release(reply->owner);
    }
    return BERTH_OK;
}

static int32_t reply_error(struct berth_request *request, const struct berth_error *error) {
    (void)snprintf(request->text, sizeof request->text, "%s", error->message);
    return BERTH_OK;
}

static int32_t on_cancel(struct berth_request *request, berth_request_fn fn, void *user) {
    (void)request, (void)fn, (void)user;
    return BERTH_OK; /* no client of this host ever leaves */
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
                                           .stream_on_writable = on_cancel,
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
    return same(key, LIMIT_KEY) ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static int32_t get_float(const struct berth_settings_view *view, struct berth_str key,
                         double *out_value) {
    *out_value = (double)view->limit;
    return same(key, LIMIT_KEY) ? BERTH_OK : BERTH_E_NOT_FOUND;
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
    if ((!within && !has("no_bounds")) ||
        (!has("unvalidated") && settings.validate(settings.user, &proposed, &error))) {
        return;
    }
    settings.now = proposed;
    if (has("feed_on_loop")) {
        on_loop(&loops[0], tell, NULL);
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
        if (same(id, granted[i].id) || (has("grants_all") && id.len && !strchr(id.ptr, '/')) ||
            (has("grants_all") && same(id, "berth.routes/9"))) {
            *out_table = granted[i].table;
            return BERTH_OK;
        }
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
    uint32_t index = has("loops_twice") ? 0 : (uint32_t)(loop - loops);
    if (plugin->lifecycle->loop_start(instance, index, &loop->context, &error)) {
        abort();
    }
}

static void stop_loop(void *arg) {
    struct loop *loop = arg;
    plugin->lifecycle->loop_stop(instance, (uint32_t)(loop - loops), loop->context);
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
    if (!has("values_late")) {
        tell(NULL);
    }
    if (has("serve_first")) {
        serve(NULL);
    }
    for (int i = 0; i < LOOPS; i++) {
        on_loop(&loops[i], start_loop, &loops[i]);
    }
    if (has("values_late")) {
        tell(NULL);
    }
    state = BERTH_STATE_SERVING;
    if (has("on_loop")) {
        on_loop(&loops[0], serve, NULL);
    } else if (!has("serve_first")) {
        serve(NULL);
    }
    return BERTH_OK;
}

static void go_down(void) {
    state = BERTH_STATE_DRAINING;
    plugin->lifecycle->drain(instance);
    for (int i = 0; i < LOOPS; i++) {
        on_loop(&loops[i], stop_loop, &loops[i]);
    }
    plugin->lifecycle->stop(instance);
    state = BERTH_STATE_STOPPED;
    plugin->lifecycle->destroy(instance);
}

/* ---- requests ---- */

struct call {
    const struct berth_route *route;
    struct berth_request *request;
    struct berth_request_view view;
};

static void handle(void *arg) {
    struct call *call = arg;
    call->route->handle(call->route->user, call->request, &call->view);
}

/* pattern: the route's path; path: as it was sent. */
static void ask(const char *pattern, const char *method, const char *path, const char *body,
                struct berth_request *request) {
    static const struct berth_str param = BERTH_STR_INIT("a/b");
    int is_param = strchr(pattern, '{') != NULL;
    for (uint32_t i = 0; i < route_count; i++) {
        if (strcmp(paths[i], pattern) != 0) {
            continue;
        }
        struct call call = {.route = &routes[i],
                            .request = request,
                            .view = {.size = sizeof call.view,
                                     .method = {method, strlen(method)},
                                     .path = {path, strlen(path)},
                                     .body = {body, body ? strlen(body) : 0},
                                     .params = &param,
                                     .param_count = is_param ? 1 : 0,
                                     .received_ns = 1}};
        memset(request, 0, sizeof *request);
        if (routes[i].kind == BERTH_ROUTE_LOOP) {
            call.view.loop_context = has("wrong_context") ? NULL : loops[0].context;
            on_loop(&loops[0], handle, &call);
        } else {
            handle(&call);
        }
        return;
    }
}

int main(int argc, char **argv) {
    static struct berth_request request;
    void *code = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    plugin = code ? dlsym(code, BERTH_PLUGIN_SYMBOL) : NULL;
    if (!plugin) {
        (void)fprintf(stderr, "usage: mini_host PLUGIN.so [FAULT]\n");
        return 2;
    }
    fault = argc > 2 ? argv[2] : "";
    if (has("short_host")) {
        face.known.size -= 8;
    }
    if (has("tail")) {
        face.known.size += 8;
        face.tail = 1;
    }
    if (has("old_major")) {
        face.known.abi_major = 0;
    }
    if (has("holes")) {
        routes_v1.stream_close = NULL;
    }
    open_loops();
    if (go_up()) {
        return 1;
    }
    const char *word =
        has("wrong_path") ? "/_plugins/_abi_probe/word/a/b" : "/_plugins/_abi_probe/word/a%2Fb";
    ask("/_plugins/_abi_probe/word/{word}", "GET", word, NULL, &request);
    ask("/_plugins/_abi_probe/work", "POST", "/_plugins/_abi_probe/work", "{\"a\":1}", &request);
    const int64_t limits[] = {7, 13, 101, 0};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        change(limits[i]);
    }
    ask("/_plugins/_abi_probe/report", "GET", "/_plugins/_abi_probe/report", NULL, &request);
    (void)puts(request.text);
    go_down();
    close_loops();
    return dlclose(code) != 0;
}
