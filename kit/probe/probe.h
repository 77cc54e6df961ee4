/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi_probe.so: a plugin that checks the host that it is loaded into against the headers.
 *
 * What it can see by itself it checks as it lives; for the rest a client calls its routes
 * (docs/abi/probe.md). GET /_plugins/_abi_probe/report tells each check: ok, failed and why, or
 * untried. It stands on the headers alone.
 *
 * abi_probe.c has its lifecycle; each other file the checks of one area.
 */
#ifndef KIT_PROBE_PROBE_H
#define KIT_PROBE_PROBE_H

#include <berth/identity.h>
#include <berth/log.h>
#include <berth/loop.h>
#include <berth/nodes.h>
#include <berth/peers.h>
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/settings.h>
#include <berth/store.h>
#include <berth/worker.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_BASE "/_plugins/_abi_probe"
#define PROBE_LIMIT_KEY "plugins.abi_probe.limit"
#define PROBE_INDEX BERTH_STR("abi_probe")
#define PROBE_LOOPS_MAX 256

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
    X(WATCH, "store.watch", "each write is told, in order")                                        \
    X(PEERS_REFUSED, "peers.refused",                                                              \
      "too many questions, one that is not whole, no fn: INVALID, none is answered")               \
    X(PEERS_BLOCKING, "peers.blocking",                                                            \
      "ask is refused on a loop, and before the plugin is started")                                \
    X(PEERS_NOBODY, "peers.nobody", "a node that does not exist answers with status 0, and why")   \
    X(PEERS_ONCE, "peers.once",                                                                    \
      "each question is answered once, on the thread that asks, before ask returns")               \
    X(PEERS_TIME_OUT, "peers.time_out",                                                            \
      "ask waits for the time-out, no longer, and tells who did not answer")                       \
    X(PEERS_ANSWER, "peers.answer", "what another node answers comes with its status and body")    \
    X(PEERS_INTERNAL, "peers.internal", "a route for nodes alone is called by nodes alone")        \
    X(PEERS_CIRCLE, "peers.circle", "the handler of a route for nodes alone asks nobody")          \
    X(FORWARD_NOBODY, "peers.forward_nobody",                                                      \
      "to a node that does not exist: NOT_FOUND, and it stays the plugin's")                       \
    X(FORWARD_THREAD, "peers.forward_thread", "forward is refused off the loop of the request")    \
    X(FORWARD_TWICE, "peers.forward_twice", "what is forwarded already is not forwarded again")    \
    X(FORWARD_SAME, "peers.forward_same", "it arrives with all that it had")                       \
    X(FORWARD_END, "peers.forward_end",                                                            \
      "its end is told once, on the loop of the request, with BERTH_OK")                           \
    X(FORWARD_ONCE, "peers.forward_once", "what another node forwards goes no further")

enum check {
#define CHECK_NUMBER(name, id, text) CHECK_##name,
    CHECKS(CHECK_NUMBER)
#undef CHECK_NUMBER
        CHECK_COUNT,
};

struct outcome {
    uint32_t tried;
    uint32_t failed;
    char reason[160]; /* of the first failure; before it is tried, why it is not */
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
    const struct berth_identity_v1 *identity;
    const struct berth_nodes_v1 *nodes;
    const struct berth_peers_v1 *peers;
    pthread_mutex_t lock; /* guards the rest */
    struct outcome outcomes[CHECK_COUNT];
    uint32_t state; /* as the lifecycle table has it */
    struct loop *loops[PROBE_LOOPS_MAX];
    uint32_t loop_count;
    uint32_t values_told;
    int64_t limit;
    int64_t accepted;
    uint32_t released;
    uint32_t replied; /* with a release */
    uint64_t changes_told;
    uint64_t last_seq_no;
    struct kept *kept;
};

#define PROBE_ID_MAX 64u
#define PROBE_OTHERS_MAX 16u
#define PROBE_NOBODY BERTH_STR("abi_probe_nobody") /* the id of no node */

/* The nodes' ids, with an end; own is empty where the host tells of none. */
struct node_list {
    uint32_t count;
    char own[PROBE_ID_MAX];
    char others[PROBE_OTHERS_MAX][PROBE_ID_MAX];
};

/* ---- report.c ---- */

/* Notes that a check was made, and, where it is not ok, why. Any thread. */
__attribute__((format(printf, 4, 5))) void probe_expect(struct probe *p, enum check check, int ok,
                                                        const char *format, ...);
void probe_get_report(void *user, struct berth_request *request,
                      const struct berth_request_view *view);
/* Says why the checks of a group are not tried; those that were stay as they are. */
void probe_skip(struct probe *p, const char *group, const char *reason);
/* What failed goes into the log. */
void probe_log(struct probe *p);

/* Whether a struct has at least the known size, and zero beyond it. */
int probe_rest_is_zero(const void *object, size_t known);
int probe_is_text(struct berth_str text, const char *wanted);
/* Replies with a text. */
void probe_answer(struct probe *p, struct berth_request *request, const char *text);

/* ---- abi_probe.c ---- */

/* The loop of the calling thread; NULL: it is none. */
struct loop *probe_own_loop(struct probe *p);
/* Zeroed memory until the probe is destroyed; NULL: there is none. Any thread. */
void *probe_keep(struct probe *p, size_t size);
/* A route that is there already. */
const struct berth_route *probe_route(struct probe *p, struct berth_route *out);

/* ---- handlers, and what the host calls back ---- */

void probe_get_word(void *user, struct berth_request *request,
                    const struct berth_request_view *view);
void probe_post_work(void *user, struct berth_request *request,
                     const struct berth_request_view *view);
void probe_post_hold(void *user, struct berth_request *request,
                     const struct berth_request_view *view);
void probe_get_stream(void *user, struct berth_request *request,
                      const struct berth_request_view *view);
void probe_post_peers(void *user, struct berth_request *request,
                      const struct berth_request_view *view);
void probe_post_inside(void *user, struct berth_request *request,
                       const struct berth_request_view *view);
void probe_post_silent(void *user, struct berth_request *request,
                       const struct berth_request_view *view);
void probe_post_forward(void *user, struct berth_request *request,
                        const struct berth_request_view *view);
void probe_timer_fired(void *user);
int32_t probe_validate(void *user, const struct berth_settings_view *view,
                       struct berth_error *error);
void probe_changed(void *user, const struct berth_settings_view *view);
void probe_seen(void *user, const struct berth_change *changes, uint32_t count);

/* ---- parts of what they do ---- */

/* On a worker. */
void probe_try_store(struct probe *p);
/* Where asking is to be refused, and where that is, for the reason. */
void probe_ask_refused(struct probe *p, enum check check, const char *where);
/* On a worker. The request stays the caller's. */
void probe_forward_refused(struct probe *p, struct berth_request *request);
void probe_read_nodes(struct probe *p, struct node_list *out_list);

#endif
