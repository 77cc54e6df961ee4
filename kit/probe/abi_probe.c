/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probe asks of the host, its routes, and its lifecycle.
 */
#include "kit/probe/probe.h"

#include <berth/secrets.h>

#define LIMIT_DEFAULT "5"

struct loop *probe_own_loop(struct probe *p) {
    struct loop *found = NULL;
    (void)pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < PROBE_LOOPS_MAX && !found; i++) {
        if (p->loops[i] && pthread_equal(p->loops[i]->thread, pthread_self())) {
            found = p->loops[i];
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}

struct kept {
    struct kept *next;
    max_align_t memory[];
};

void *probe_keep(struct probe *p, size_t size) {
    struct kept *kept = calloc(1, sizeof *kept + size);
    if (!kept) {
        return NULL;
    }
    (void)pthread_mutex_lock(&p->lock);
    kept->next = p->kept;
    p->kept = kept;
    (void)pthread_mutex_unlock(&p->lock);
    return kept->memory;
}

static void free_kept(struct probe *p) {
    while (p->kept) {
        struct kept *next = p->kept->next;
        free(p->kept);
        p->kept = next;
    }
}

static void enter(struct probe *p, const char *call, uint32_t from, uint32_t to) {
    probe_expect(p, CHECK_ORDER, p->state == from, "%s came in state %" PRIu32 ", not in %" PRIu32,
                 call, p->state, from);
    probe_expect(p, CHECK_CONTROL, !probe_own_loop(p), "%s came on a loop", call);
    p->state = to;
}

/* X(member of struct probe, id, how it is needed, the group of checks that needs it or NULL) */
#define CAPABILITIES(X)                                                                            \
    X(routes, BERTH_ROUTES_ID, REQUIRED, NULL)                                                     \
    X(settings, BERTH_SETTINGS_ID, OPTIONAL, "settings.")                                          \
    X(store, BERTH_STORE_ID, OPTIONAL, "store.")                                                   \
    X(loop, BERTH_LOOP_ID, OPTIONAL, NULL)                                                         \
    X(worker, BERTH_WORKER_ID, OPTIONAL, NULL)                                                     \
    X(log, BERTH_LOG_ID, OPTIONAL, NULL)                                                           \
    X(identity, BERTH_IDENTITY_ID, OPTIONAL, NULL)                                                 \
    X(nodes, BERTH_NODES_ID, OPTIONAL, NULL)                                                       \
    X(peers, BERTH_PEERS_ID, OPTIONAL, "peers.")

static const struct {
    struct berth_str id;
    size_t size;
    size_t place;
    const char *group;
} wanted[] = {
#define WANTED_ROW(member, name, need, group)                                                      \
    {BERTH_STR_INIT(name), sizeof(struct berth_##member##_v1), offsetof(struct probe, member),     \
     group},
    CAPABILITIES(WANTED_ROW)
#undef WANTED_ROW
};
#define WANTED (sizeof wanted / sizeof wanted[0])

static int functions_are_there(const void *table, size_t size) {
    for (size_t at = 8; at < size; at += sizeof(void (*)(void))) {
        uintptr_t function = 0;
        memcpy(&function, (const char *)table + at, sizeof function);
        if (!function) {
            return 0;
        }
    }
    return 1;
}

static void get_tables(struct probe *p, const struct berth_host *host) {
    for (size_t i = 0; i < WANTED; i++) {
        struct berth_error error = {.size = sizeof error};
        const void *table = NULL;
        if (host->get_capability(host, wanted[i].id, &table, &error)) {
            char reason[64]; /* a host need not have all of them */
            (void)snprintf(reason, sizeof reason, "the host does not grant [%.*s]",
                           (int)wanted[i].id.len, wanted[i].id.ptr);
            if (wanted[i].group) {
                probe_skip(p, wanted[i].group, reason);
            }
            continue;
        }
        probe_expect(p, CHECK_TABLES,
                     probe_rest_is_zero(table, wanted[i].size) &&
                         functions_are_there(table, wanted[i].size),
                     "the table of [%.*s] is not whole", (int)wanted[i].id.len, wanted[i].id.ptr);
        memcpy((char *)p + wanted[i].place, &table, sizeof table);
    }
}

static void try_unknown(struct probe *p, const struct berth_host *host) {
    static const struct berth_str ids[] = {BERTH_STR_INIT("berth.nothing/1"), BERTH_STR_INIT(""),
                                           BERTH_STR_INIT("berth.routes/9"),
                                           BERTH_STR_INIT(BERTH_SECRETS_ID)};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct berth_error error = {.size = sizeof error};
        const void *table = NULL;
        int32_t code = host->get_capability(host, ids[i], &table, &error);
        probe_expect(
            p, CHECK_UNKNOWN,
            (code == BERTH_E_NOT_FOUND || code == BERTH_E_DENIED || code == BERTH_E_UNSUPPORTED) &&
                !table && error.message[0],
            "[%.*s] is answered with %" PRId32, (int)ids[i].len, ids[i].ptr, code);
    }
}

static int32_t create(const struct berth_host *host, void **out_plugin, struct berth_error *error) {
    struct probe *p = calloc(1, sizeof *p);
    (void)error;
    if (!p) {
        return BERTH_E_NO_MEMORY;
    }
    p->host = host;
    p->state = BERTH_STATE_CREATED;
    (void)pthread_mutex_init(&p->lock, NULL);
    probe_expect(p, CHECK_HOST_SIZE, probe_rest_is_zero(host, sizeof *host), "its size is %" PRIu32,
                 host->size);
    probe_expect(p, CHECK_HOST_NUMBERS,
                 host->abi_major == BERTH_ABI_MAJOR &&
                     (uint32_t)host->abi_minor + 1 > BERTH_ABI_MINOR,
                 "it has ABI %u.%u", host->abi_major, host->abi_minor);
    get_tables(p, host);
    try_unknown(p, host);
    if (!p->routes) {
        free(p);
        return BERTH_E_UNSUPPORTED;
    }
    *out_plugin = p;
    return BERTH_OK;
}

const struct berth_route *probe_route(struct probe *p, struct berth_route *out) {
    *out = (struct berth_route){.size = sizeof *out,
                                .kind = BERTH_ROUTE_LOOP,
                                .method = BERTH_STR("GET"),
                                .path = BERTH_STR(PROBE_BASE "/report"),
                                .handle = probe_get_report,
                                .user = p};
    return out;
}

static int32_t add_routes(struct probe *p, struct berth_error *error) {
    static const struct berth_str query[] = {BERTH_STR_INIT("loud")};
    static const struct {
        struct berth_str method;
        struct berth_str path;
        uint32_t kind;
        uint32_t body;
        berth_route_fn handle;
        struct berth_str permission;
    } rows[] = {
#define ROW(method, path, kind, body, handle, permission)                                          \
    {BERTH_STR_INIT(#method),                                                                      \
     BERTH_STR_INIT(PROBE_BASE path),                                                              \
     BERTH_ROUTE_##kind,                                                                           \
     BERTH_BODY_##body,                                                                            \
     handle,                                                                                       \
     permission}
#define OPEN {NULL, 0}
#define INTERNAL BERTH_STR_INIT(BERTH_INTERNAL "abi_probe")
        ROW(GET, "/report", LOOP, NONE, probe_get_report, OPEN),
        ROW(GET, "/word/{word}", LOOP, NONE, probe_get_word, OPEN),
        ROW(POST, "/work", WORKER, ALLOWED, probe_post_work, OPEN),
        ROW(POST, "/hold", LOOP, ALLOWED, probe_post_hold, OPEN),
        ROW(GET, "/stream", LOOP, NONE, probe_get_stream, OPEN),
        ROW(POST, "/peers", WORKER, ALLOWED, probe_post_peers, OPEN),
        ROW(POST, "/inside", WORKER, ALLOWED, probe_post_inside, INTERNAL),
        ROW(POST, "/silent", LOOP, ALLOWED, probe_post_silent, INTERNAL),
        ROW(POST, "/forward/{word}/{user}/{node}", LOOP, ALLOWED, probe_post_forward, OPEN),
#undef INTERNAL
#undef OPEN
#undef ROW
    };
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !code; i++) {
        const struct berth_route route = {.size = sizeof route,
                                          .kind = rows[i].kind,
                                          .body = rows[i].body,
                                          .query_count = 1,
                                          .method = rows[i].method,
                                          .path = rows[i].path,
                                          .permission = rows[i].permission,
                                          .query = query,
                                          .handle = rows[i].handle,
                                          .user = p};
        code = p->routes->add(p->host, &route, error);
    }
    struct berth_error refusal = {.size = sizeof refusal};
    struct berth_route route;
    int32_t again = code ? code : p->routes->add(p->host, probe_route(p, &route), &refusal);
    probe_expect(p, CHECK_TWICE, again == BERTH_E_EXISTS, "it is answered with %" PRId32, again);
    (void)probe_route(p, &route);
    route.size = 16;
    route.path = BERTH_STR(PROBE_BASE "/small");
    again = p->routes->add(p->host, &route, &refusal);
    probe_expect(p, CHECK_SIZES, again < 0, "a berth_route of 16 bytes is taken");
    return code;
}

static int32_t start(void *user, struct berth_error *error) {
    struct probe *p = user;
    static const struct berth_str value = BERTH_STR_INIT(LIMIT_DEFAULT);
    const struct berth_setting setting = {.size = sizeof setting,
                                          .type = BERTH_SETTING_INT,
                                          .flags = BERTH_SETTING_DYNAMIC,
                                          .default_count = 1,
                                          .key = BERTH_STR(PROBE_LIMIT_KEY),
                                          .description = BERTH_STR("A number to change."),
                                          .default_values = &value,
                                          .min = 0,
                                          .max = 100};
    const struct berth_index index = {
        .size = sizeof index, .name = PROBE_INDEX, .mapping = BERTH_STR("{\"properties\":{}}")};
    enter(p, "start", BERTH_STATE_CREATED, BERTH_STATE_STARTED);
    probe_ask_refused(p, CHECK_PEERS_BLOCKING, "before the plugin is started");
    int32_t code = add_routes(p, error);
    if (p->settings && !code) {
        code = p->settings->declare(p->host, &setting, 1, error);
        code = code ? code : p->settings->observe(p->host, probe_validate, probe_changed, p);
    }
    if (p->store && !code) {
        code = p->store->declare_index(p->host, &index, error);
        code = code ? code : p->store->watch(p->host, PROBE_INDEX, probe_seen, p, error);
    }
    return code;
}

static int32_t loop_start(void *user, uint32_t index, void **out_context,
                          struct berth_error *error) {
    struct probe *p = user;
    struct loop *loop = calloc(1, sizeof *loop);
    (void)error;
    if (!loop) {
        return BERTH_E_NO_MEMORY;
    }
    probe_expect(p, CHECK_ORDER, p->state == BERTH_STATE_STARTED,
                 "loop_start came in state %" PRIu32, p->state);
    if (p->settings) {
        probe_expect(p, CHECK_VALUES_FIRST, p->values_told > 0,
                     "loop_start comes before the values");
    }
    struct loop *other = probe_own_loop(p);
    probe_expect(p, CHECK_LOOPS,
                 index < PROBE_LOOPS_MAX && !p->loops[index % PROBE_LOOPS_MAX] && !other,
                 "loop %" PRIu32 " is started twice, or on another's thread", index);
    *loop = (struct loop){.probe = p, .index = index, .thread = pthread_self()};
    int32_t code =
        p->loop ? p->loop->timer_create(p->host, probe_timer_fired, loop, &loop->timer) : BERTH_OK;
    if (code) {
        free(loop);
        return code;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->loops[index % PROBE_LOOPS_MAX] = loop;
    p->loop_count++;
    (void)pthread_mutex_unlock(&p->lock);
    *out_context = loop;
    return BERTH_OK;
}

static void serve(void *user) {
    struct probe *p = user;
    enter(p, "serve", BERTH_STATE_STARTED, BERTH_STATE_SERVING);
    if (p->loop) {
        uint32_t count = p->loop->count(p->host);
        probe_expect(p, CHECK_LOOPS, p->loop_count == count,
                     "%" PRIu32 " of %" PRIu32 " loops were started", p->loop_count, count);
    }
}

static void drain(void *user) {
    enter(user, "drain", BERTH_STATE_SERVING, BERTH_STATE_DRAINING);
}

static void loop_stop(void *user, uint32_t index, void *context) {
    struct probe *p = user;
    struct loop *loop = context;
    probe_expect(p, CHECK_ORDER,
                 p->state == BERTH_STATE_STARTED || p->state == BERTH_STATE_DRAINING,
                 "loop_stop came in state %" PRIu32, p->state);
    probe_expect(p, CHECK_LOOPS, loop && loop->index == index && probe_own_loop(p) == loop,
                 "loop %" PRIu32 " is stopped on another thread, or with another context", index);
    (void)pthread_mutex_lock(&p->lock);
    p->loops[index % PROBE_LOOPS_MAX] = NULL;
    p->loop_count--;
    (void)pthread_mutex_unlock(&p->lock);
    if (p->loop && loop) {
        p->loop->timer_destroy(loop->timer);
    }
    free(loop);
}

static void stop(void *user) {
    struct probe *p = user;
    uint32_t from = p->state == BERTH_STATE_STARTED ? BERTH_STATE_STARTED : BERTH_STATE_DRAINING;
    enter(p, "stop", from, BERTH_STATE_STOPPED);
    probe_expect(p, CHECK_LOOPS, p->loop_count == 0, "%" PRIu32 " loops are not stopped",
                 p->loop_count);
}

/* Nobody can ask any more: what failed on the way down goes into the log. */
static void destroy(void *user) {
    struct probe *p = user;
    uint32_t from = p->state == BERTH_STATE_CREATED ? BERTH_STATE_CREATED : BERTH_STATE_STOPPED;
    enter(p, "destroy", from, BERTH_STATE_DESTROYED);
    probe_log(p);
    free_kept(p);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static const struct berth_lifecycle lifecycle = {
    .size = sizeof lifecycle,
    .create = create,
    .start = start,
    .loop_start = loop_start,
    .serve = serve,
    .drain = drain,
    .loop_stop = loop_stop,
    .stop = stop,
    .destroy = destroy,
};

static const struct berth_capability_need needs[] = {
#define NEED_ROW(member, name, need, group) {BERTH_STR_INIT(name), BERTH_NEED_##need, 0},
    CAPABILITIES(NEED_ROW)
#undef NEED_ROW
};

BERTH_EXPORT const struct berth_plugin_descriptor berth_plugin = {
    .size = sizeof berth_plugin,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .abi_minor_floor = 0,
    .name = BERTH_STR_INIT("abi_probe"),
    .version = BERTH_STR_INIT("1.0.0"),
    .description = BERTH_STR_INIT("Checks the host that it is loaded into"),
    .capabilities = needs,
    .capability_count = sizeof needs / sizeof needs[0],
    .lifecycle = &lifecycle,
};
