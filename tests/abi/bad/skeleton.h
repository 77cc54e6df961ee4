/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin that keeps every rule and uses every capability; the bad plugins beside this file are
 * made of it, each with one thing wrong.
 *
 * What is wrong in the descriptor is a GOOD_ macro, defined before this file is included. What is
 * wrong in code is a function of struct good_parts, given to GOOD_PLUGIN at the end of the file.
 */
#ifndef BAD_SKELETON_H
#define BAD_SKELETON_H

#include <berth/identity.h>
#include <berth/log.h>
#include <berth/loop.h>
#include <berth/metrics.h>
#include <berth/nodes.h>
#include <berth/peers.h>
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/secrets.h>
#include <berth/settings.h>
#include <berth/state.h>
#include <berth/store.h>
#include <berth/worker.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GOOD_INDEX BERTH_STR(".good-things")
#define GOOD_LIMIT BERTH_STR("plugins.good.limit")
#define GOOD_LOOPS_MAX 64
#define GOOD_PIECE 100000
#define GOOD_PIECES 8

/* What one build does not use of this file. */
#define GOOD_SOME __attribute__((unused))

struct good;

/* Made by loop_start for each loop. */
struct good_loop {
    struct good *good;
    struct berth_fd_watch *watch;
    int fd;
};

struct good {
    const struct berth_host *host;
    const struct berth_routes_v1 *routes;
    const struct berth_settings_v1 *settings;
    const struct berth_nodes_v1 *nodes;
    const struct berth_store_v1 *store;
    const struct berth_identity_v1 *identity;
    const struct berth_loop_v1 *loop;
    const struct berth_worker_v1 *worker;
    const struct berth_secrets_v1 *secrets;
    const struct berth_log_v1 *log;         /* optional: may be NULL */
    const struct berth_metrics_v1 *metrics; /* optional likewise */
    const struct berth_peers_v1 *peers;
    const struct berth_state_v1 *state; /* optional likewise */
    struct good_loop *loops[GOOD_LOOPS_MAX];
    _Atomic int64_t limit;
    _Atomic uint32_t requests;
    uint32_t told; /* of these, in what was saved last */
    void *own;     /* what a bad plugin keeps */
};

typedef void good_handle_fn(struct good *good, struct berth_request *request,
                            const struct berth_request_view *view);

/* NULL: what a good plugin does. Those of the lifecycle are called besides, at the end. */
struct good_parts {
    bool careless; /* looks at no code that get_capability returns */
    int32_t (*create)(struct good *good, struct berth_error *error);
    int32_t (*start)(struct good *good, struct berth_error *error);
    int32_t (*loop_start)(struct good *good, struct good_loop *loop, struct berth_error *error);
    void (*serve)(struct good *good);
    void (*drain)(struct good *good);
    void (*loop_stop)(struct good *good, struct good_loop *loop);
    void (*stop)(struct good *good);
    void (*destroy)(struct good *good);
    good_handle_fn *answer;    /* GET /_plugins/_good/{id}, on a loop */
    good_handle_fn *work;      /* POST /_plugins/_good/_work, on a worker */
    good_handle_fn *later;     /* POST /_plugins/_good/_later, on a loop, replied to later */
    good_handle_fn *stream;    /* POST /_plugins/_good/_stream, on a loop, streamed */
    good_handle_fn *elsewhere; /* POST /_plugins/_good/_elsewhere, on a loop, of another node */
    int32_t (*validate)(struct good *good, const struct berth_settings_view *view,
                        struct berth_error *error);
    void (*changed)(struct good *good, const struct berth_settings_view *view);
    void (*seen)(struct good *good, const struct berth_change *changes, uint32_t count);
    void (*collect)(struct good *good, struct berth_metrics_sink *sink);
    int32_t (*save)(struct good *good, uint32_t part, struct berth_state_sink *sink);
    int32_t (*restore)(struct good *good, const struct berth_handover *handover);
};
static const struct good_parts parts;

/* ---- answering ---- */

GOOD_SOME static int32_t good_reply(struct good *good, struct berth_request *request,
                                    uint32_t status, const char *text) {
    struct berth_str body = {text, strlen(text)};
    struct berth_reply reply = {
        .size = sizeof reply, .status = status, .parts = &body, .part_count = 1};
    return good->routes->reply(request, &reply);
}

GOOD_SOME static void good_refuse(struct good *good, struct berth_request *request, int32_t code) {
    struct berth_error error = {.size = sizeof error, .code = code};
    (void)snprintf(error.message, sizeof error.message, "it could not be done");
    (void)good->routes->reply_error(request, &error);
}

GOOD_SOME static void good_answer(struct good *good, struct berth_request *request,
                                  const struct berth_request_view *view) {
    char text[96];
    struct berth_str verbose = {NULL, 0};
    const struct berth_user *user = NULL;
    (void)good->routes->query(request, BERTH_STR("verbose"), &verbose);
    (void)good->identity->user(request, &user);
    (void)snprintf(text, sizeof text, "{\"limit\":%" PRId64 ",\"length\":%" PRIu64 "}",
                   atomic_load(&good->limit), view->params[0].len + verbose.len);
    (void)good_reply(good, request, 200, text);
}

/* ---- work: seals, writes, reads, searches ---- */

GOOD_SOME static int32_t good_seal(struct good *good, struct berth_error *error) {
    const struct berth_secret *sealed = NULL;
    const struct berth_secret *plain = NULL;
    struct berth_str place = BERTH_STR("good/1/key");
    int32_t code = good->secrets->seal(good->host, place, BERTH_STR("credential"), &sealed, error);
    if (!code) {
        code = good->secrets->open(good->host, place, sealed->text, &plain, error);
        good->secrets->release(sealed);
    }
    if (!code) {
        good->secrets->release(plain);
    }
    return code;
}

GOOD_SOME static int32_t good_store(struct good *good, uint64_t *out_version,
                                    struct berth_error *error) {
    char id[BERTH_ID_LENGTH + 1];
    good->store->generate_id(good->host, id);
    struct berth_write write = {.size = sizeof write,
                                .op = BERTH_WRITE_PUT,
                                .index = GOOD_INDEX,
                                .id = {id, BERTH_ID_LENGTH},
                                .source = BERTH_STR("{\"name\":\"good\"}")};
    struct berth_write_result result = {.size = sizeof result};
    const struct berth_document *document = NULL;
    const struct berth_text *found = NULL;
    int32_t code = good->store->write(good->host, &write, 1, &result, error);
    if (!code) {
        code = good->store->get(good->host, GOOD_INDEX, write.id, &document, error);
    }
    if (!code) {
        *out_version = document->version;
        good->store->document_release(document);
        struct berth_search search = {.size = sizeof search,
                                      .index = GOOD_INDEX,
                                      .body = BERTH_STR("{\"query\":{\"match_all\":{}}}")};
        code = good->store->search(good->host, &search, &found, error);
    }
    if (!code) {
        good->store->text_release(found);
    }
    return code;
}

GOOD_SOME static void good_work(struct good *good, struct berth_request *request,
                                const struct berth_request_view *view) {
    struct berth_error error = {.size = sizeof error};
    char text[96];
    uint64_t version = 0;
    (void)view;
    int32_t code = good_seal(good, &error);
    code = code ? code : good_store(good, &version, &error);
    if (code) {
        (void)good->routes->reply_error(request, &error);
        return;
    }
    (void)snprintf(text, sizeof text, "{\"version\":%" PRIu64 "}", version);
    (void)good_reply(good, request, 200, text);
}

/* ---- later: from the loop to a worker, back to the loop, and by a timer ---- */

struct good_later {
    struct good *good;
    struct berth_request *request;
    struct berth_timer *timer;
    uint32_t loop;
};

GOOD_SOME static void good_later_end(struct good_later *later, int32_t code) {
    struct good *good = later->good;
    if (later->timer) {
        good->loop->timer_destroy(later->timer);
    }
    if (code) {
        good_refuse(good, later->request, code);
    } else {
        (void)good_reply(good, later->request, 200, "{\"later\":true}");
    }
    free(later);
}

GOOD_SOME static void good_later_due(void *user) {
    good_later_end(user, BERTH_OK);
}

GOOD_SOME static void good_later_back(void *user, uint32_t loop, void *context) {
    struct good_later *later = user;
    (void)loop;
    (void)context;
    int32_t code =
        later->good->loop->timer_create(later->good->host, good_later_due, later, &later->timer);
    if (code) {
        good_later_end(later, code);
    } else {
        later->good->loop->timer_start(later->timer, 1);
    }
}

GOOD_SOME static void good_later_job(void *user) {
    struct good_later *later = user;
    struct good *good = later->good;
    int32_t code = good->loop->post(good->host, later->loop, good_later_back, later);
    if (code) {
        good_later_end(later, code);
    }
}

GOOD_SOME static void good_later(struct good *good, struct berth_request *request,
                                 const struct berth_request_view *view) {
    struct good_later *later = calloc(1, sizeof *later);
    if (!later) {
        good_refuse(good, request, BERTH_E_NO_MEMORY);
        return;
    }
    *later = (struct good_later){.good = good, .request = request, .loop = view->loop};
    int32_t code = good->worker->submit(good->host, good_later_job, later);
    if (code) {
        good_later_end(later, code);
    }
}

/* ---- stream: pieces, as the client takes them ---- */

struct good_stream {
    struct good *good;
    struct berth_request *request;
    uint32_t pieces;
};

GOOD_SOME static void good_stream_go(void *user) {
    static const char piece[GOOD_PIECE];
    struct good_stream *stream = user;
    const struct berth_routes_v1 *routes = stream->good->routes;
    int32_t code = BERTH_OK;
    uint64_t queued = 0;
    while (!code && stream->pieces < GOOD_PIECES) {
        struct berth_str bytes = {piece, sizeof piece};
        code = routes->stream_write(stream->request, bytes, &queued);
        stream->pieces++;
        if (!code && queued + GOOD_PIECE > BERTH_STREAM_HIGH_WATER) {
            code = routes->stream_on_writable(stream->request, good_stream_go, stream);
            if (!code) {
                return;
            }
        }
    }
    (void)routes->stream_close(stream->request, code == BERTH_OK);
    free(stream);
}

GOOD_SOME static void good_stream(struct good *good, struct berth_request *request,
                                  const struct berth_request_view *view) {
    struct good_stream *stream = calloc(1, sizeof *stream);
    struct berth_reply head = {
        .size = sizeof head, .status = 200, .content_type = BERTH_STR("text/plain")};
    (void)view;
    int32_t code = stream ? good->routes->stream_open(request, &head) : BERTH_E_NO_MEMORY;
    if (code) {
        free(stream);
        good_refuse(good, request, code);
        return;
    }
    *stream = (struct good_stream){.good = good, .request = request};
    good_stream_go(stream);
}

/* ---- figures ---- */

GOOD_SOME static void good_collect(struct good *good, struct berth_metrics_sink *sink) {
    static const double bounds[] = {1, 10};
    static const uint64_t counts[] = {2, 1, 0};
    const struct berth_metrics_v1 *metrics = good->metrics;
    struct berth_metric requests = {.size = sizeof requests,
                                    .type = BERTH_METRIC_COUNTER,
                                    .name = BERTH_STR("good_requests_total"),
                                    .help = BERTH_STR("Requests.")};
    struct berth_metric seconds = {.size = sizeof seconds,
                                   .type = BERTH_METRIC_HISTOGRAM,
                                   .name = BERTH_STR("good_work_seconds"),
                                   .help = BERTH_STR("How long work took.")};
    struct berth_label label = {BERTH_STR("kind"), BERTH_STR("all")};
    struct berth_histogram histogram = {
        .size = sizeof histogram, .bound_count = 2, .bounds = bounds, .counts = counts, .sum = 7};
    if (!metrics->family(sink, &requests)) {
        (void)metrics->sample(sink, &label, 1, atomic_load(&good->requests));
    }
    if (!metrics->family(sink, &seconds)) {
        (void)metrics->distribution(sink, &label, 1, &histogram);
    }
}

/* ---- elsewhere: another node answers, or this one after all ---- */

/* The id of the kit's other node. */
#define GOOD_OTHER_NODE BERTH_STR("kit-node-00000000002")

struct good_elsewhere {
    struct good *good;
    struct berth_request *request;
};

GOOD_SOME static void good_elsewhere_end(void *user, const struct berth_forward_end *end) {
    struct good_elsewhere *elsewhere = user;
    if (end->code == BERTH_E_UNAVAILABLE) {
        (void)good_reply(elsewhere->good, elsewhere->request, 200, "{\"elsewhere\":false}");
    }
    free(elsewhere);
}

/* Has the other node answer a request; what it returns is the host's code. */
GOOD_SOME static int32_t good_forward(struct good *good, struct berth_request *request) {
    struct good_elsewhere *elsewhere = good->peers ? malloc(sizeof *elsewhere) : NULL;
    if (!elsewhere) {
        return BERTH_E_NO_MEMORY;
    }
    *elsewhere = (struct good_elsewhere){good, request};
    int32_t code = good->peers->forward(request, GOOD_OTHER_NODE, good_elsewhere_end, elsewhere);
    if (code) {
        free(elsewhere);
    }
    return code;
}

GOOD_SOME static void good_elsewhere(struct good *good, struct berth_request *request,
                                     const struct berth_request_view *view) {
    (void)view;
    if (good_forward(good, request)) {
        (void)good_reply(good, request, 200, "{\"elsewhere\":false}");
    }
}

/* ---- callbacks ---- */

#define GOOD_ROUTE(name)                                                                           \
    static void route_##name(void *user, struct berth_request *request,                            \
                             const struct berth_request_view *view) {                              \
        struct good *good = user;                                                                  \
        atomic_fetch_add(&good->requests, 1);                                                      \
        (parts.name ? parts.name : good_##name)(good, request, view);                              \
    }
GOOD_ROUTE(answer)
GOOD_ROUTE(work)
GOOD_ROUTE(later)
GOOD_ROUTE(stream)
GOOD_ROUTE(elsewhere)

static int32_t validate(void *user, const struct berth_settings_view *view,
                        struct berth_error *error) {
    return parts.validate ? parts.validate(user, view, error) : BERTH_OK;
}

static void changed(void *user, const struct berth_settings_view *view) {
    struct good *good = user;
    int64_t limit = 0;
    if (good->settings->get_int(view, GOOD_LIMIT, &limit) == BERTH_OK) {
        atomic_store(&good->limit, limit);
    }
    if (parts.changed) {
        parts.changed(good, view);
    }
}

static void seen(void *user, const struct berth_change *changes, uint32_t count) {
    if (parts.seen) {
        parts.seen(user, changes, count);
    }
}

static void collect(void *user, struct berth_metrics_sink *sink) {
    (parts.collect ? parts.collect : good_collect)(user, sink);
}

static void nodes_seen(void *user, const struct berth_node *nodes, uint32_t count) {
    (void)user;
    (void)nodes;
    (void)count;
}

static void fd_ready(void *user, int32_t fd, uint32_t events) {
    (void)user;
    (void)fd;
    (void)events;
}

/* ---- registering ---- */

GOOD_SOME static int32_t good_declare(struct good *good, const char *key, uint32_t type,
                                      const char *value, double min, double max,
                                      struct berth_error *error) {
    struct berth_str text = {value, strlen(value)};
    struct berth_setting setting = {.size = sizeof setting,
                                    .type = type,
                                    .flags = BERTH_SETTING_DYNAMIC,
                                    .default_count = 1,
                                    .key = {key, strlen(key)},
                                    .description = BERTH_STR("A setting of the good plugin."),
                                    .default_values = &text,
                                    .min = min,
                                    .max = max};
    return good->settings->declare(good->host, &setting, 1, error);
}

GOOD_SOME static int32_t good_add(struct good *good, const char *method, const char *path,
                                  uint32_t kind, berth_route_fn handle, struct berth_error *error) {
    static const struct berth_str query[] = {BERTH_STR_INIT("verbose")};
    struct berth_route route = {.size = sizeof route,
                                .kind = kind,
                                .body =
                                    strcmp(method, "GET") ? BERTH_BODY_ALLOWED : BERTH_BODY_NONE,
                                .query_count = 1,
                                .method = {method, strlen(method)},
                                .path = {path, strlen(path)},
                                .permission = BERTH_STR("cluster:admin/good"),
                                .query = query,
                                .handle = handle,
                                .user = good};
    return good->routes->add(good->host, &route, error);
}

/* ---- handing over: the requests, as a number and a line's end ---- */

GOOD_SOME static int32_t good_save(struct good *good, uint32_t part,
                                   struct berth_state_sink *sink) {
    char text[32];
    uint32_t now = atomic_load(&good->requests);
    uint32_t count = part == BERTH_HANDOVER_ALL ? now : now - good->told;
    int len = snprintf(text, sizeof text, "%" PRIu32 "\n", count);
    good->told = now;
    return good->state->append(sink, (struct berth_str){text, (uint64_t)len});
}

GOOD_SOME static int32_t good_restore(struct good *good, const struct berth_handover *handover) {
    uint32_t count = 0;
    uint64_t i = 0;
    for (; i < handover->state.len && i < 9; i++) {
        char c = handover->state.ptr[i];
        if (c < '0' || c > '9') {
            break;
        }
        count = count * 10 + (uint32_t)(c - '0');
    }
    if (i == 0 || i + 1 != handover->state.len || handover->state.ptr[i] != '\n') {
        return BERTH_E_INVALID;
    }
    (void)atomic_fetch_add(&good->requests, count);
    return BERTH_OK;
}

GOOD_SOME static int32_t save(void *user, uint32_t part, struct berth_state_sink *sink,
                              struct berth_error *error) {
    (void)error;
    return parts.save ? parts.save(user, part, sink) : good_save(user, part, sink);
}

GOOD_SOME static int32_t restore(void *user, const struct berth_handover *handover,
                                 struct berth_error *error) {
    (void)error;
    return parts.restore ? parts.restore(user, handover) : good_restore(user, handover);
}

#ifndef GOOD_SCHEMA
#define GOOD_SCHEMA 1
#endif

GOOD_SOME static int32_t good_declare_state(struct good *good, struct berth_error *error) {
    const struct berth_state_hooks hooks = {.size = sizeof hooks,
                                            .schema = GOOD_SCHEMA,
                                            .oldest_schema = 1,
                                            .save = save,
                                            .restore = restore,
                                            .user = good};
    return good->state->declare(good->host, &hooks, error);
}

static int32_t register_all(struct good *good, struct berth_error *error) {
    static const char base[] = "/_plugins/_good";
    const struct {
        const char *method;
        const char *path;
        uint32_t kind;
        berth_route_fn handle;
    } routes[] = {{"GET", "/{id}", BERTH_ROUTE_LOOP, route_answer},
                  {"POST", "/_work", BERTH_ROUTE_WORKER, route_work},
                  {"POST", "/_later", BERTH_ROUTE_LOOP, route_later},
                  {"POST", "/_stream", BERTH_ROUTE_LOOP, route_stream},
                  {"POST", "/_elsewhere", BERTH_ROUTE_LOOP, route_elsewhere}};
    struct berth_index index = {
        .size = sizeof index, .name = GOOD_INDEX, .mapping = BERTH_STR("{\"properties\":{}}")};
    int32_t code =
        good_declare(good, "plugins.good.limit", BERTH_SETTING_INT, "42", 0, 1000, error);
    code = code ? code
                : good_declare(good, "plugins.good.word", BERTH_SETTING_TEXT, "yes", 0, 0, error);
    code = code ? code : good->settings->observe(good->host, validate, changed, good);
    code = code ? code : good->store->declare_index(good->host, &index, error);
    code = code ? code : good->store->watch(good->host, GOOD_INDEX, seen, good, error);
    code = code ? code : good->nodes->watch(good->host, nodes_seen, good);
    if (!code && good->metrics) {
        code = good->metrics->collect(good->host, collect, good, error);
    }
    if (!code && good->state) {
        code = good_declare_state(good, error);
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0] && !code; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s%s", base, routes[i].path);
        code = good_add(good, routes[i].method, path, routes[i].kind, routes[i].handle, error);
    }
    return code;
}

/* ---- the lifecycle ---- */

static int32_t get_all(struct good *good, struct berth_error *error) {
    const struct {
        struct berth_str id;
        const void *table;
    } wanted[] = {{BERTH_STR_INIT(BERTH_ROUTES_ID), &good->routes},
                  {BERTH_STR_INIT(BERTH_SETTINGS_ID), &good->settings},
                  {BERTH_STR_INIT(BERTH_NODES_ID), &good->nodes},
                  {BERTH_STR_INIT(BERTH_STORE_ID), &good->store},
                  {BERTH_STR_INIT(BERTH_IDENTITY_ID), &good->identity},
                  {BERTH_STR_INIT(BERTH_LOOP_ID), &good->loop},
                  {BERTH_STR_INIT(BERTH_WORKER_ID), &good->worker},
                  {BERTH_STR_INIT(BERTH_SECRETS_ID), &good->secrets}};
    const void *log = NULL;
    const void *metrics = NULL;
    const void *state = NULL;
    const void *peers = NULL;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const void **table = (const void **)(uintptr_t)wanted[i].table;
        int32_t code = good->host->get_capability(good->host, wanted[i].id, table, error);
        if (code && !parts.careless) {
            return code;
        }
    }
    if (good->host->get_capability(good->host, BERTH_STR(BERTH_LOG_ID), &log, NULL) == BERTH_OK) {
        good->log = log;
    }
    if (good->host->get_capability(good->host, BERTH_STR(BERTH_METRICS_ID), &metrics, NULL) ==
        BERTH_OK) {
        good->metrics = metrics;
    }
    if (good->host->get_capability(good->host, BERTH_STR(BERTH_STATE_ID), &state, NULL) ==
        BERTH_OK) {
        good->state = state;
    }
    if (good->host->get_capability(good->host, BERTH_STR(BERTH_PEERS_ID), &peers, NULL) ==
        BERTH_OK) {
        good->peers = peers;
    }
    return BERTH_OK;
}

static int32_t create(const struct berth_host *host, void **out_plugin, struct berth_error *error) {
    struct good *good = calloc(1, sizeof *good);
    if (!good) {
        return BERTH_E_NO_MEMORY;
    }
    good->host = host;
    int32_t code = get_all(good, error);
    code = code || !parts.create ? code : parts.create(good, error);
    if (code) {
        free(good);
        return code;
    }
    *out_plugin = good;
    return BERTH_OK;
}

static int32_t start(void *user, struct berth_error *error) {
    struct good *good = user;
    int32_t code = register_all(good, error);
    if (!code && good->log) {
        good->log->write(good->host, BERTH_LOG_INFO, BERTH_STR("good_started"), NULL, 0);
    }
    return code || !parts.start ? code : parts.start(good, error);
}

GOOD_SOME static void good_loop_free(struct good *good, struct good_loop *loop) {
    if (loop->watch) {
        good->loop->fd_unwatch(loop->watch);
    }
    if (loop->fd >= 0) {
        (void)close(loop->fd);
    }
    free(loop);
}

static int32_t loop_start(void *user, uint32_t index, void **out_context,
                          struct berth_error *error) {
    struct good *good = user;
    struct good_loop *loop = index < GOOD_LOOPS_MAX ? calloc(1, sizeof *loop) : NULL;
    if (!loop) {
        return BERTH_E_NO_MEMORY;
    }
    loop->good = good;
    loop->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int32_t code = loop->fd < 0 ? BERTH_E_LIMIT
                                : good->loop->fd_watch(good->host, loop->fd, BERTH_FD_READ,
                                                       fd_ready, loop, &loop->watch);
    code = code || !parts.loop_start ? code : parts.loop_start(good, loop, error);
    if (code) {
        good_loop_free(good, loop);
        return code;
    }
    good->loops[index] = loop;
    *out_context = loop;
    return BERTH_OK;
}

static void serve(void *user) {
    if (parts.serve) {
        parts.serve(user);
    }
}

static void drain(void *user) {
    if (parts.drain) {
        parts.drain(user);
    }
}

static void loop_stop(void *user, uint32_t index, void *context) {
    struct good *good = user;
    if (parts.loop_stop) {
        parts.loop_stop(good, context);
    }
    good->loops[index] = NULL;
    good_loop_free(good, context);
}

static void stop(void *user) {
    if (parts.stop) {
        parts.stop(user);
    }
}

static void destroy(void *user) {
    if (parts.destroy) {
        parts.destroy(user);
    }
    free(user);
}

/* ---- the descriptor ---- */

#ifndef GOOD_MAJOR
#define GOOD_MAJOR BERTH_ABI_MAJOR
#endif
#ifndef GOOD_MINOR
#define GOOD_MINOR BERTH_ABI_MINOR
#endif
#ifndef GOOD_FLOOR
#define GOOD_FLOOR 0
#endif
#ifndef GOOD_SIZE
#define GOOD_SIZE sizeof(struct berth_plugin_descriptor)
#endif
#ifndef GOOD_TAIL
#define GOOD_TAIL 0
#endif
#ifndef GOOD_FLAGS
#define GOOD_FLAGS 0
#endif
#ifndef GOOD_NAME
#define GOOD_NAME BERTH_STR_INIT("good")
#endif
#ifndef GOOD_VERSION
#define GOOD_VERSION BERTH_STR_INIT("1.2.3")
#endif
#ifndef GOOD_DESCRIPTION
#define GOOD_DESCRIPTION BERTH_STR_INIT("A plugin that keeps every rule")
#endif
#ifndef GOOD_COMPONENT
#define GOOD_COMPONENT BERTH_STR_INIT("good-component")
#endif
#ifndef GOOD_ALSO_NEEDS
#define GOOD_ALSO_NEEDS
#endif
#ifndef GOOD_NEED_COUNT
#define GOOD_NEED_COUNT sizeof needs / sizeof needs[0]
#endif
#ifndef GOOD_LIFECYCLE
#define GOOD_LIFECYCLE &lifecycle.known
#endif
#ifndef GOOD_LIFECYCLE_SIZE
#define GOOD_LIFECYCLE_SIZE sizeof(struct berth_lifecycle)
#endif
#ifndef GOOD_LIFECYCLE_TAIL
#define GOOD_LIFECYCLE_TAIL 0
#endif
#ifndef GOOD_STOP
#define GOOD_STOP stop
#endif
#ifndef GOOD_SERVE
#define GOOD_SERVE serve
#endif
#ifndef GOOD_SYMBOL
#define GOOD_SYMBOL BERTH_PLUGIN_SYMBOL
#endif
#ifndef GOOD_CONST
#define GOOD_CONST const
#endif

/* The structs as a later minor might have grown them. */
struct grown_lifecycle {
    struct berth_lifecycle known;
    uint64_t tail;
};
struct grown_descriptor {
    struct berth_plugin_descriptor known;
    uint64_t tail;
};

/* Functions that a bad descriptor leaves out. */
GOOD_SOME static void (*const unused[])(void *) = {stop, serve};

GOOD_SOME static const struct grown_lifecycle lifecycle = {
    .known = {.size = GOOD_LIFECYCLE_SIZE,
              .create = create,
              .start = start,
              .loop_start = loop_start,
              .serve = GOOD_SERVE,
              .drain = drain,
              .loop_stop = loop_stop,
              .stop = GOOD_STOP,
              .destroy = destroy},
    .tail = GOOD_LIFECYCLE_TAIL,
};

static const struct berth_capability_need needs[] = {
    {BERTH_STR_INIT(BERTH_ROUTES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SETTINGS_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_NODES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_STORE_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_IDENTITY_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_LOOP_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_WORKER_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SECRETS_ID), BERTH_NEED_REQUIRED, 0},
#ifndef GOOD_HIDES_LOG
    {BERTH_STR_INIT(BERTH_LOG_ID), BERTH_NEED_OPTIONAL, 0},
#endif
    {BERTH_STR_INIT(BERTH_METRICS_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_STATE_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_PEERS_ID), BERTH_NEED_OPTIONAL, 0},
    GOOD_ALSO_NEEDS};

extern BERTH_EXPORT GOOD_CONST struct grown_descriptor exported __asm__(GOOD_SYMBOL);
GOOD_CONST struct grown_descriptor exported = {
    .known = {.size = GOOD_SIZE,
              .abi_major = GOOD_MAJOR,
              .abi_minor = GOOD_MINOR,
              .abi_minor_floor = GOOD_FLOOR,
              .flags = GOOD_FLAGS,
              .name = GOOD_NAME,
              .version = GOOD_VERSION,
              .description = GOOD_DESCRIPTION,
              .component = GOOD_COMPONENT,
              .capabilities = needs,
              .capability_count = GOOD_NEED_COUNT,
              .lifecycle = GOOD_LIFECYCLE},
    .tail = GOOD_TAIL,
};

/* Ends each plugin: what of it differs from a good one. */
#define GOOD_PLUGIN(...) static const struct good_parts parts = {__VA_ARGS__}

#endif
