/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi_probe.so: a plugin that checks the host that it is loaded into against the headers.
 *
 * What it can see by itself it checks as it lives; for the rest a client calls its routes
 * (docs/abi/probe.md). GET /_plugins/_abi_probe/report tells each check: ok, failed and why, or
 * untried. It stands on the headers alone.
 */
#include <berth/identity.h>
#include <berth/log.h>
#include <berth/loop.h>
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/settings.h>
#include <berth/state.h>
#include <berth/store.h>
#include <berth/worker.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOPS_MAX 256
#define LIMIT_KEY "plugins.abi_probe.limit"
#define LIMIT_DEFAULT "5"
#define LIMIT_REFUSED 13 /* the plugin's own refusal, by validate */
#define INDEX BERTH_STR("abi_probe")
#define STREAM_PIECE 65536u
#define STREAM_PIECES 256u

/* X(name, "group.what", what the host must do) */
#define CHECKS(X)                                                                                  \
    X(HOST_SIZE, "host.size", "berth_host has at least the known size, and zero beyond it")        \
    X(HOST_NUMBERS, "host.numbers", "it has the major and at least the minor built for")           \
    X(TABLES, "host.tables", "tables have at least the known size, each function, zero beyond")    \
    X(UNKNOWN, "host.unknown", "an unknown or undeclared capability is refused, with a reason")    \
    X(ORDER, "lifecycle.order", "calls come in the order of the table, each where it may")         \
    X(LOOPS, "lifecycle.loops", "each loop is started once, with a number and thread of its own")  \
    X(VALUES_FIRST, "lifecycle.values", "the values in force are told before the first loop")      \
    X(CONTROL, "threads.control", "lifecycle calls do not come on a loop")                         \
    X(LOOP_THREAD, "threads.loop", "a loop route runs on its loop, with the loop's context")       \
    X(WORKER_THREAD, "threads.worker", "a worker route and submitted work do not run on a loop")   \
    X(FEED_THREAD, "threads.feed", "changes of settings are not told on a loop")                   \
    X(POST, "threads.post", "posted work runs once, on the loop that it was posted to")            \
    X(TIMER, "threads.timer", "a timer fires on its loop, once for each start")                    \
    X(VIEW, "routes.view", "a request shows method, path, parameters and body as they were sent")  \
    X(QUERY, "routes.query", "registered query parameters are given decoded, others are not")      \
    X(HEADER, "routes.header", "headers are found whatever their case")                            \
    X(RELEASE, "routes.release", "a reply's release is called once")                               \
    X(LATE, "refusals.late", "what start alone may do is refused later")                           \
    X(TWICE, "refusals.twice", "a route that is there already is refused")                         \
    X(SIZES, "refusals.sizes", "a struct that is too small is refused")                            \
    X(BLOCKING, "refusals.blocking", "what may block is refused on a loop")                        \
    X(CANCEL, "requests.cancel", "a client that leaves is told once, on the request's loop")       \
    X(AFTER_CANCEL, "requests.after_cancel", "a reply to one who left is no error of the plugin")  \
    X(FLOW, "streams.flow", "writes above the high water are refused with LIMIT")                  \
    X(WRITABLE, "streams.writable", "when the client has read, it is told once, with room")        \
    X(VALIDATED, "settings.two_phases", "no value is in force that validate has not accepted")     \
    X(REFUSED, "settings.refused", "a value that validate refused never comes in force")           \
    X(BOUNDS, "settings.bounds", "a value out of its bounds does not reach validate")              \
    X(CAS, "store.compare_and_set", "a write on another state than the one named is a CONFLICT")   \
    X(ALL_OR_NONE, "store.all_or_none", "of several writes all are made, or none")                 \
    X(GET, "store.get", "what was written is read as it was written")                              \
    X(WATCH, "store.watch", "each write is told, in order")

enum check {
#define CHECK_NUMBER(name, id, text) CHECK_##name,
    CHECKS(CHECK_NUMBER)
#undef CHECK_NUMBER
        CHECK_COUNT,
};

static const struct {
    const char *id;
    const char *text;
} checks[] = {
#define CHECK_ROW(name, id, text) {id, text},
    CHECKS(CHECK_ROW)
#undef CHECK_ROW
};

struct outcome {
    uint32_t tried;
    uint32_t failed;
    char reason[160]; /* of the first failure */
};

struct loop {
    struct probe *probe;
    uint32_t index;
    pthread_t thread;
    struct berth_timer *timer;
    uint32_t fired;
};

struct probe {
    const struct berth_host *host;
    const struct berth_routes_v1 *routes;
    const struct berth_settings_v1 *settings; /* these may be NULL */
    const struct berth_store_v1 *store;
    const struct berth_loop_v1 *loop;
    const struct berth_worker_v1 *worker;
    const struct berth_log_v1 *log;
    pthread_mutex_t lock; /* guards the rest */
    struct outcome outcomes[CHECK_COUNT];
    uint32_t state; /* as the lifecycle table has it */
    struct loop *loops[LOOPS_MAX];
    uint32_t loop_count;
    uint32_t values_told;
    int64_t limit;
    int64_t accepted;
    uint32_t released;
    uint32_t replied; /* with a release */
    uint64_t changes_told;
    uint64_t last_seq_no;
};

/* ---- noting ---- */

__attribute__((format(printf, 4, 5))) static void expect(struct probe *p, enum check check, int ok,
                                                         const char *format, ...) {
    (void)pthread_mutex_lock(&p->lock);
    struct outcome *o = &p->outcomes[check];
    o->tried++;
    if (!ok && o->failed++ == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(o->reason, sizeof o->reason, format, args);
        va_end(args);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

/* Whether a struct has at least the known size, and zero beyond it. */
static int rest_is_zero(const void *object, size_t known) {
    uint32_t size = 0;
    memcpy(&size, object, sizeof size);
    for (size_t i = known; i < size; i++) {
        if (((const unsigned char *)object)[i]) {
            return 0;
        }
    }
    return size >= known;
}

static int is_text(struct berth_str text, const char *wanted) {
    return text.len == strlen(wanted) && (!text.len || memcmp(text.ptr, wanted, text.len) == 0);
}

/* The loop of the calling thread; NULL: it is none. */
static struct loop *own_loop(struct probe *p) {
    struct loop *found = NULL;
    (void)pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < LOOPS_MAX && !found; i++) {
        if (p->loops[i] && pthread_equal(p->loops[i]->thread, pthread_self())) {
            found = p->loops[i];
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}

static void enter(struct probe *p, const char *call, uint32_t from, uint32_t to) {
    expect(p, CHECK_ORDER, p->state == from, "%s came in state %" PRIu32 ", not in %" PRIu32, call,
           p->state, from);
    expect(p, CHECK_CONTROL, !own_loop(p), "%s came on a loop", call);
    p->state = to;
}

/* ---- answers ---- */

static void answer(struct probe *p, struct berth_request *request, const char *text) {
    const struct berth_str body = {text, strlen(text)};
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    (void)p->routes->reply(request, &reply);
}

static void put_report(struct probe *p, char *out, size_t size) {
    uint32_t counts[3] = {0, 0, 0};
    size_t at = (size_t)snprintf(out, size, "{\"checks\":[");
    (void)pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < CHECK_COUNT; i++) {
        const struct outcome *o = &p->outcomes[i];
        uint32_t result = !o->tried ? 2 : o->failed ? 1 : 0;
        static const char *const names[] = {"ok", "failed", "untried"};
        counts[result]++;
        at +=
            (size_t)snprintf(out + at, size - at,
                             "%s{\"name\":\"%s\",\"result\":\"%s\",\"required\":\"%s\","
                             "\"reason\":\"%s\"}",
                             i ? "," : "", checks[i].id, names[result], checks[i].text, o->reason);
    }
    (void)pthread_mutex_unlock(&p->lock);
    (void)snprintf(out + at, size - at,
                   "],\"ok\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"untried\":%" PRIu32 "}",
                   counts[0], counts[1], counts[2]);
}

static void get_report(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    struct probe *p = user;
    char *text = malloc(CHECK_COUNT * 512);
    (void)view;
    (void)pthread_mutex_lock(&p->lock);
    uint32_t replied = p->replied;
    uint32_t released = p->released;
    (void)pthread_mutex_unlock(&p->lock);
    if (replied) {
        expect(p, CHECK_RELEASE, released == replied,
               "%" PRIu32 " replies were released %" PRIu32 " times", replied, released);
    }
    if (text) {
        put_report(p, text, CHECK_COUNT * 512);
        answer(p, request, text);
    } else {
        answer(p, request, "{}");
    }
    free(text);
}

/* ---- refusals, on a loop while it serves ---- */

static const struct berth_route *a_route(struct probe *p, struct berth_route *out);

static void try_refusals(struct probe *p) {
    struct berth_route route;
    struct berth_error error = {.size = sizeof error};
    const struct berth_document *document = NULL;
    int32_t code = p->routes->add(p->host, a_route(p, &route), &error);
    expect(p, CHECK_LATE, code == BERTH_E_STATE, "routes.add gave %" PRId32 " while it serves",
           code);
    if (p->settings) {
        code = p->settings->observe(p->host, NULL, NULL, NULL);
        expect(p, CHECK_LATE, code == BERTH_E_STATE,
               "settings.observe gave %" PRId32 " while it serves", code);
    }
    if (p->store) {
        code = p->store->get(p->host, INDEX, BERTH_STR("1"), &document, &error);
        expect(p, CHECK_BLOCKING, code == BERTH_E_STATE, "store.get gave %" PRId32 " on a loop",
               code);
        if (!code) {
            p->store->document_release(document);
        }
    }
    if (p->loop) {
        code = p->loop->run_on_all(p->host, NULL, NULL);
        expect(p, CHECK_BLOCKING, code == BERTH_E_STATE,
               "loop.run_on_all gave %" PRId32 " on a loop", code);
    }
}

/* ---- GET /_plugins/_abi_probe/word/{word}?loud=a%20b, with the header X-Probe: yes ---- */

static void release(void *owner) {
    struct probe *p = owner;
    (void)pthread_mutex_lock(&p->lock);
    p->released++;
    (void)pthread_mutex_unlock(&p->lock);
}

static void posted(void *user, uint32_t index, void *context) {
    struct probe *p = user;
    struct loop *loop = context;
    expect(p, CHECK_POST, loop && loop->index == index && own_loop(p) == loop,
           "work that was posted to loop %" PRIu32 " runs elsewhere", index);
}

static void fired(void *user) {
    struct loop *loop = user;
    loop->fired++;
    expect(loop->probe, CHECK_TIMER, loop->fired == 1 && own_loop(loop->probe) == loop,
           "a timer fires %" PRIu32 " times, or on another loop", loop->fired);
}

static void get_word(void *user, struct berth_request *request,
                     const struct berth_request_view *view) {
    struct probe *p = user;
    struct loop *loop = own_loop(p);
    struct berth_str text = {NULL, 0};
    expect(p, CHECK_LOOP_THREAD, loop && view->loop == loop->index && view->loop_context == loop,
           "a request of loop %" PRIu32 " runs on %s, with another context", view->loop,
           loop ? "another loop" : "no loop");
    expect(p, CHECK_VIEW,
           rest_is_zero(view, sizeof *view) && is_text(view->method, "GET") &&
               is_text(view->path, "/_plugins/_abi_probe/word/a%2Fb") && view->param_count == 1 &&
               is_text(view->params[0], "a/b") && !view->body.len && view->received_ns,
           "the view of GET is not what was sent");
    int32_t code = p->routes->query(request, BERTH_STR("loud"), &text);
    expect(p, CHECK_QUERY, !code && is_text(text, "a b"), "loud is given with %" PRId32, code);
    code = p->routes->query(request, BERTH_STR("quiet"), &text);
    expect(p, CHECK_QUERY, code == BERTH_E_NOT_FOUND, "quiet is given with %" PRId32, code);
    code = p->routes->header(request, BERTH_STR("x-PROBE"), &text);
    expect(p, CHECK_HEADER, !code && is_text(text, "yes"), "x-PROBE is given with %" PRId32, code);
    try_refusals(p);
    if (p->loop && loop) {
        uint32_t now = p->loop->current(p->host);
        expect(p, CHECK_LOOP_THREAD, now == loop->index, "loop.current gives %" PRIu32, now);
        (void)p->loop->post(p->host, (loop->index + 1) % p->loop->count(p->host), posted, p);
        if (!loop->fired) {
            p->loop->timer_start(loop->timer, 1);
        }
    }
    const struct berth_str parts[] = {BERTH_STR_INIT("{\"word\":"), BERTH_STR_INIT("true}")};
    const struct berth_reply reply = {.size = sizeof reply,
                                      .status = 200,
                                      .parts = parts,
                                      .part_count = 2,
                                      .release = release,
                                      .owner = p};
    (void)pthread_mutex_lock(&p->lock);
    p->replied++;
    (void)pthread_mutex_unlock(&p->lock);
    (void)p->routes->reply(request, &reply);
}

/* ---- POST /_plugins/_abi_probe/work with {"a":1}: on a worker ---- */

static int32_t put(struct probe *p, const char *id, const char *source, uint32_t flags,
                   uint64_t if_seq_no, struct berth_write_result *result) {
    struct berth_error error = {.size = sizeof error};
    const struct berth_write writes[] = {
        {.size = sizeof writes[0],
         .op = BERTH_WRITE_PUT,
         .index = INDEX,
         .id = BERTH_STR("other"),
         .source = {source, strlen(source)}},
        {.size = sizeof writes[0],
         .op = BERTH_WRITE_PUT,
         .flags = flags,
         .index = INDEX,
         .id = {id, strlen(id)},
         .source = {source, strlen(source)},
         .if_seq_no = if_seq_no},
    };
    struct berth_write_result results[2] = {{.size = sizeof results[0]},
                                            {.size = sizeof results[0]}};
    int32_t code = p->store->write(p->host, writes, 2, results, &error);
    *result = results[1];
    return code;
}

static void read_back(struct probe *p, const char *id, const char *wanted, enum check check) {
    struct berth_error error = {.size = sizeof error};
    const struct berth_document *document = NULL;
    const struct berth_str name = {id, strlen(id)};
    int32_t code = p->store->get(p->host, INDEX, name, &document, &error);
    expect(p, check,
           !code && rest_is_zero(document, sizeof *document) && is_text(document->source, wanted) &&
               is_text(document->id, id),
           "[%s] is read with %" PRId32 ", or is another one", id, code);
    if (!code) {
        p->store->document_release(document);
    }
}

static void try_store(struct probe *p) {
    struct berth_write_result first = {0};
    struct berth_write_result second = {0};
    int32_t code = put(p, "one", "{\"n\":1}", 0, 0, &first);
    expect(p, CHECK_GET, !code, "a write fails with %" PRId32, code);
    read_back(p, "one", "{\"n\":1}", CHECK_GET);
    code = put(p, "one", "{\"n\":2}", BERTH_WRITE_IF_SEQ_NO, first.seq_no, &second);
    expect(p, CHECK_CAS, !code, "a write on the state that it names fails with %" PRId32, code);
    code = put(p, "one", "{\"n\":3}", BERTH_WRITE_IF_SEQ_NO, first.seq_no, &second);
    expect(p, CHECK_CAS, code == BERTH_E_CONFLICT, "a write on a state that is gone gives %" PRId32,
           code);
    read_back(p, "one", "{\"n\":2}", CHECK_CAS);
    read_back(p, "other", "{\"n\":2}", CHECK_ALL_OR_NONE);
}

static void work(void *user) {
    struct probe *p = user;
    expect(p, CHECK_WORKER_THREAD, !own_loop(p), "submitted work runs on a loop");
}

static void post_work(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct probe *p = user;
    expect(p, CHECK_WORKER_THREAD, !own_loop(p) && !view->loop_context,
           "a worker route runs on a loop, or with its context");
    expect(p, CHECK_VIEW, is_text(view->method, "POST") && is_text(view->body, "{\"a\":1}"),
           "the view of POST is not what was sent");
    if (p->loop) {
        uint32_t now = p->loop->current(p->host);
        expect(p, CHECK_WORKER_THREAD, now == BERTH_LOOP_NONE, "loop.current gives %" PRIu32, now);
    }
    if (p->store) {
        try_store(p);
    }
    if (p->worker) {
        (void)p->worker->submit(p->host, work, p);
    }
    answer(p, request, "{\"work\":true}");
}

/* ---- POST /_plugins/_abi_probe/hold: never replied to; the client is to leave ---- */

struct held {
    struct probe *probe;
    struct berth_request *request;
    struct loop *loop;
    uint32_t told;
};

static void left(void *user) {
    struct held *held = user;
    struct probe *p = held->probe;
    held->told++;
    expect(p, CHECK_CANCEL, held->told == 1 && own_loop(p) == held->loop,
           "it is told %" PRIu32 " times, or on another thread", held->told);
    const struct berth_str body = BERTH_STR("{}");
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    int32_t code = p->routes->reply(held->request, &reply);
    expect(p, CHECK_AFTER_CANCEL, code == BERTH_OK || code == BERTH_E_CANCELLED,
           "a reply to one who left gives %" PRId32, code);
    free(held);
}

static void post_hold(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct probe *p = user;
    struct held *held = calloc(1, sizeof *held);
    (void)view;
    if (!held) {
        answer(p, request, "{}");
        return;
    }
    *held = (struct held){.probe = p, .request = request, .loop = own_loop(p)};
    (void)p->routes->on_cancel(request, left, held);
}

/* ---- GET /_plugins/_abi_probe/stream: more than a slow client takes at once ---- */

struct streaming {
    struct probe *probe;
    struct berth_request *request;
    char *piece;
    uint32_t sent;
    uint32_t waiting;
    uint32_t refused; /* once, on purpose */
};

static void go_on(struct streaming *s);

static void end_stream(struct streaming *s, uint32_t complete) {
    (void)s->probe->routes->stream_close(s->request, complete);
    free(s->piece);
    free(s);
}

static void writable(void *user) {
    struct streaming *s = user;
    expect(s->probe, CHECK_WRITABLE, s->waiting == 1 && own_loop(s->probe), "it is told %s",
           s->waiting ? "off its loop" : "twice");
    s->waiting = 0;
    go_on(s);
}

/* True: the client must read first. */
static int write_piece(struct streaming *s) {
    struct probe *p = s->probe;
    uint64_t queued = 0;
    const struct berth_str piece = {s->piece, STREAM_PIECE};
    int32_t code = p->routes->stream_write(s->request, piece, &queued);
    if (code) {
        expect(p, CHECK_FLOW, 0, "a write below the high water gives %" PRId32, code);
        s->sent = STREAM_PIECES;
        return 0;
    }
    s->sent++;
    if (queued <= BERTH_STREAM_HIGH_WATER) {
        return 0;
    }
    if (!s->refused++) {
        code = p->routes->stream_write(s->request, piece, &queued);
        expect(p, CHECK_FLOW, code == BERTH_E_LIMIT, "a write above the high water gives %" PRId32,
               code);
    }
    s->waiting = 1;
    return 1;
}

static void go_on(struct streaming *s) {
    while (s->sent < STREAM_PIECES) {
        if (write_piece(s)) {
            (void)s->probe->routes->stream_on_writable(s->request, writable, s);
            return;
        }
    }
    end_stream(s, 1);
}

static void get_stream(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    struct probe *p = user;
    struct streaming *s = calloc(1, sizeof *s);
    const struct berth_reply head = {
        .size = sizeof head, .status = 200, .content_type = BERTH_STR("text/plain")};
    (void)view;
    char *piece = malloc(STREAM_PIECE);
    if (!s || !piece || p->routes->stream_open(request, &head)) {
        free(piece);
        free(s);
        answer(p, request, "{}");
        return;
    }
    memset(piece, 'x', STREAM_PIECE);
    *s = (struct streaming){.probe = p, .request = request, .piece = piece};
    go_on(s);
}

/* ---- settings and the store's feed ---- */

static int32_t validate(void *user, const struct berth_settings_view *view,
                        struct berth_error *error) {
    struct probe *p = user;
    int64_t limit = 0;
    int32_t code = p->settings->get_int(view, BERTH_STR(LIMIT_KEY), &limit);
    expect(p, CHECK_BOUNDS, !code && limit >= 0 && limit <= 100,
           "validate is shown %" PRId64 ", with %" PRId32, limit, code);
    if (limit == LIMIT_REFUSED) {
        error->code = BERTH_E_INVALID;
        (void)snprintf(error->message, sizeof error->message, "[" LIMIT_KEY "] is not to be %d",
                       LIMIT_REFUSED);
        return BERTH_E_INVALID;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->accepted = limit;
    (void)pthread_mutex_unlock(&p->lock);
    return BERTH_OK;
}

static void changed(void *user, const struct berth_settings_view *view) {
    struct probe *p = user;
    int64_t limit = 0;
    (void)p->settings->get_int(view, BERTH_STR(LIMIT_KEY), &limit);
    expect(p, CHECK_FEED_THREAD, !own_loop(p), "settings are told on a loop");
    (void)pthread_mutex_lock(&p->lock);
    int first = p->values_told++ == 0;
    int same = limit == p->limit;
    int64_t accepted = p->accepted;
    p->limit = limit;
    (void)pthread_mutex_unlock(&p->lock);
    if (!first && !same) {
        expect(p, CHECK_VALIDATED, limit == accepted,
               "%" PRId64 " is in force, accepted was %" PRId64, limit, accepted);
        expect(p, CHECK_REFUSED, limit != LIMIT_REFUSED, "%d is in force", LIMIT_REFUSED);
    }
}

static void seen(void *user, const struct berth_change *changes, uint32_t count) {
    struct probe *p = user;
    for (uint32_t i = 0; i < count; i++) {
        expect(p, CHECK_WATCH,
               rest_is_zero(&changes[i], sizeof changes[i]) && changes[i].seq_no > p->last_seq_no,
               "change %" PRIu64 " comes behind %" PRIu64, changes[i].seq_no, p->last_seq_no);
        p->last_seq_no = changes[i].seq_no;
        p->changes_told++;
    }
}

/* ---- the lifecycle ---- */

static const struct {
    struct berth_str id;
    size_t size;
    size_t place;
} wanted[] = {
    {BERTH_STR_INIT(BERTH_ROUTES_ID), sizeof(struct berth_routes_v1),
     offsetof(struct probe, routes)},
    {BERTH_STR_INIT(BERTH_SETTINGS_ID), sizeof(struct berth_settings_v1),
     offsetof(struct probe, settings)},
    {BERTH_STR_INIT(BERTH_STORE_ID), sizeof(struct berth_store_v1), offsetof(struct probe, store)},
    {BERTH_STR_INIT(BERTH_LOOP_ID), sizeof(struct berth_loop_v1), offsetof(struct probe, loop)},
    {BERTH_STR_INIT(BERTH_WORKER_ID), sizeof(struct berth_worker_v1),
     offsetof(struct probe, worker)},
    {BERTH_STR_INIT(BERTH_LOG_ID), sizeof(struct berth_log_v1), offsetof(struct probe, log)},
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
            continue; /* a host need not have all of them */
        }
        expect(p, CHECK_TABLES,
               rest_is_zero(table, wanted[i].size) && functions_are_there(table, wanted[i].size),
               "the table of [%.*s] is not whole", (int)wanted[i].id.len, wanted[i].id.ptr);
        memcpy((char *)p + wanted[i].place, &table, sizeof table);
    }
}

static void try_unknown(struct probe *p, const struct berth_host *host) {
    static const struct berth_str ids[] = {BERTH_STR_INIT("berth.nothing/1"), BERTH_STR_INIT(""),
                                           BERTH_STR_INIT("berth.routes/9"),
                                           BERTH_STR_INIT(BERTH_IDENTITY_ID)};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct berth_error error = {.size = sizeof error};
        const void *table = NULL;
        int32_t code = host->get_capability(host, ids[i], &table, &error);
        expect(
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
    expect(p, CHECK_HOST_SIZE, rest_is_zero(host, sizeof *host), "its size is %" PRIu32,
           host->size);
    expect(p, CHECK_HOST_NUMBERS,
           host->abi_major == BERTH_ABI_MAJOR && (uint32_t)host->abi_minor + 1 > BERTH_ABI_MINOR,
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

static const struct berth_route *a_route(struct probe *p, struct berth_route *out) {
    *out = (struct berth_route){.size = sizeof *out,
                                .kind = BERTH_ROUTE_LOOP,
                                .method = BERTH_STR("GET"),
                                .path = BERTH_STR("/_plugins/_abi_probe/report"),
                                .handle = get_report,
                                .user = p};
    return out;
}

static int32_t add_routes(struct probe *p, struct berth_error *error) {
    static const struct berth_str query[] = {BERTH_STR_INIT("loud")};
    const struct {
        const char *method;
        const char *path;
        uint32_t kind;
        uint32_t body;
        berth_route_fn handle;
    } rows[] = {
        {"GET", "/_plugins/_abi_probe/report", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, get_report},
        {"GET", "/_plugins/_abi_probe/word/{word}", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, get_word},
        {"POST", "/_plugins/_abi_probe/work", BERTH_ROUTE_WORKER, BERTH_BODY_ALLOWED, post_work},
        {"POST", "/_plugins/_abi_probe/hold", BERTH_ROUTE_LOOP, BERTH_BODY_ALLOWED, post_hold},
        {"GET", "/_plugins/_abi_probe/stream", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, get_stream},
    };
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !code; i++) {
        const struct berth_route route = {.size = sizeof route,
                                          .kind = rows[i].kind,
                                          .body = rows[i].body,
                                          .query_count = 1,
                                          .method = {rows[i].method, strlen(rows[i].method)},
                                          .path = {rows[i].path, strlen(rows[i].path)},
                                          .query = query,
                                          .handle = rows[i].handle,
                                          .user = p};
        code = p->routes->add(p->host, &route, error);
    }
    struct berth_error refusal = {.size = sizeof refusal};
    struct berth_route route;
    int32_t again = code ? code : p->routes->add(p->host, a_route(p, &route), &refusal);
    expect(p, CHECK_TWICE, again == BERTH_E_EXISTS, "it is answered with %" PRId32, again);
    (void)a_route(p, &route);
    route.size = 16;
    route.path = BERTH_STR("/_plugins/_abi_probe/small");
    again = p->routes->add(p->host, &route, &refusal);
    expect(p, CHECK_SIZES, again < 0, "a berth_route of 16 bytes is taken");
    return code;
}

static int32_t start(void *user, struct berth_error *error) {
    struct probe *p = user;
    static const struct berth_str value = BERTH_STR_INIT(LIMIT_DEFAULT);
    const struct berth_setting setting = {.size = sizeof setting,
                                          .type = BERTH_SETTING_INT,
                                          .flags = BERTH_SETTING_DYNAMIC,
                                          .default_count = 1,
                                          .key = BERTH_STR(LIMIT_KEY),
                                          .description = BERTH_STR("A number to change."),
                                          .default_values = &value,
                                          .min = 0,
                                          .max = 100};
    const struct berth_index index = {
        .size = sizeof index, .name = INDEX, .mapping = BERTH_STR("{\"properties\":{}}")};
    enter(p, "start", BERTH_STATE_CREATED, BERTH_STATE_STARTED);
    int32_t code = add_routes(p, error);
    if (p->settings && !code) {
        code = p->settings->declare(p->host, &setting, 1, error);
        code = code ? code : p->settings->observe(p->host, validate, changed, p);
    }
    if (p->store && !code) {
        code = p->store->declare_index(p->host, &index, error);
        code = code ? code : p->store->watch(p->host, INDEX, seen, p, error);
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
    expect(p, CHECK_ORDER, p->state == BERTH_STATE_STARTED, "loop_start came in state %" PRIu32,
           p->state);
    if (p->settings) {
        expect(p, CHECK_VALUES_FIRST, p->values_told > 0, "loop_start comes before the values");
    }
    struct loop *other = own_loop(p);
    expect(p, CHECK_LOOPS, index < LOOPS_MAX && !p->loops[index % LOOPS_MAX] && !other,
           "loop %" PRIu32 " is started twice, or on another's thread", index);
    *loop = (struct loop){.probe = p, .index = index, .thread = pthread_self()};
    int32_t code = p->loop ? p->loop->timer_create(p->host, fired, loop, &loop->timer) : BERTH_OK;
    if (code) {
        free(loop);
        return code;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->loops[index % LOOPS_MAX] = loop;
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
        expect(p, CHECK_LOOPS, p->loop_count == count,
               "%" PRIu32 " of %" PRIu32 " loops were started", p->loop_count, count);
    }
}

static void drain(void *user) {
    enter(user, "drain", BERTH_STATE_SERVING, BERTH_STATE_DRAINING);
}

static void loop_stop(void *user, uint32_t index, void *context) {
    struct probe *p = user;
    struct loop *loop = context;
    expect(p, CHECK_ORDER, p->state == BERTH_STATE_STARTED || p->state == BERTH_STATE_DRAINING,
           "loop_stop came in state %" PRIu32, p->state);
    expect(p, CHECK_LOOPS, loop && loop->index == index && own_loop(p) == loop,
           "loop %" PRIu32 " is stopped on another thread, or with another context", index);
    (void)pthread_mutex_lock(&p->lock);
    p->loops[index % LOOPS_MAX] = NULL;
    p->loop_count--;
    (void)pthread_mutex_unlock(&p->lock);
    if (p->loop) {
        p->loop->timer_destroy(loop->timer);
    }
    free(loop);
}

static void stop(void *user) {
    struct probe *p = user;
    uint32_t from = p->state == BERTH_STATE_STARTED ? BERTH_STATE_STARTED : BERTH_STATE_DRAINING;
    enter(p, "stop", from, BERTH_STATE_STOPPED);
    expect(p, CHECK_LOOPS, p->loop_count == 0, "%" PRIu32 " loops are not stopped", p->loop_count);
}

/* Nobody can ask any more: what failed on the way down goes into the log. */
static void destroy(void *user) {
    struct probe *p = user;
    uint32_t from = p->state == BERTH_STATE_CREATED ? BERTH_STATE_CREATED : BERTH_STATE_STOPPED;
    enter(p, "destroy", from, BERTH_STATE_DESTROYED);
    uint32_t failed = 0;
    for (uint32_t i = 0; i < CHECK_COUNT && p->log; i++) {
        const struct outcome *o = &p->outcomes[i];
        const struct berth_log_field fields[] = {
            {BERTH_STR_INIT("check"), {checks[i].id, strlen(checks[i].id)}},
            {BERTH_STR_INIT("reason"), {o->reason, strlen(o->reason)}}};
        if (o->failed) {
            failed++;
            p->log->write(p->host, BERTH_LOG_ERROR, BERTH_STR("abi_probe_failed"), fields, 2);
        }
    }
    if (p->log && !failed) {
        p->log->write(p->host, BERTH_LOG_INFO, BERTH_STR("abi_probe_content"), NULL, 0);
    }
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
    {BERTH_STR_INIT(BERTH_ROUTES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SETTINGS_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_STORE_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_LOOP_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_WORKER_ID), BERTH_NEED_OPTIONAL, 0},
    {BERTH_STR_INIT(BERTH_LOG_ID), BERTH_NEED_OPTIONAL, 0},
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
