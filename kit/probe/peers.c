/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking other nodes: POST /_plugins/_abi_probe/peers. What is asked of them are the probe's routes
 * there, inside and silent, which are for nodes alone.
 */
#include "kit/probe/probe.h"

#include <stdatomic.h>
#include <time.h>

#define INSIDE PROBE_BASE "/inside"
#define SILENT PROBE_BASE "/silent"
/* No route; and as long as a path can well be. */
#define NOWHERE PROBE_BASE "/nowhere/"
#define NOWHERE_LEN 4000u
/* What a probe's questions begin with, and nobody else's. */
#define OWN_BODY "{\"probe\":"
#define PATIENCE_MS 60000u
#define TIME_OUT_MS 200u
/* A machine may be busy, but not for so long. */
#define LATE_MS 20000u

/* What came of one question. */
struct told {
    uint32_t times;
    uint32_t status;
    uint64_t len;
    char body[32]; /* its beginning */
};

/* One call of ask. It is kept to the end: an answer that comes too late finds it. */
struct asking {
    struct probe *probe;
    pthread_t thread;
    uint32_t count;
    atomic_int is_over;
    struct told *told; /* until it is over */
};

static void on_answer(void *user, uint32_t question, const struct berth_peer_answer *answer) {
    struct asking *asking = user;
    struct probe *p = asking->probe;
    int is_over = atomic_load(&asking->is_over);
    int is_own = pthread_equal(asking->thread, pthread_self());
    probe_expect(p, CHECK_PEERS_ONCE, !is_over && is_own, "an answer comes %s",
                 is_over ? "when ask has returned" : "on another thread");
    probe_expect(p, CHECK_PEERS_ONCE, question < asking->count,
                 "question %" PRIu32 " of %" PRIu32 " is answered", question, asking->count);
    probe_expect(p, CHECK_PEERS_ONCE, probe_rest_is_zero(answer, sizeof *answer),
                 "an answer has %" PRIu32 " bytes, or a tail", answer->size);
    if (!is_over && is_own && question < asking->count) {
        struct told *told = &asking->told[question];
        size_t len =
            answer->body.len < sizeof told->body ? (size_t)answer->body.len : sizeof told->body - 1;
        told->times++;
        told->status = answer->status;
        told->len = answer->body.len;
        if (len) {
            memcpy(told->body, answer->body.ptr, len);
        }
    }
}

/* Asks; told is of count. */
static int32_t ask(struct probe *p, const struct berth_peer_question *questions, uint32_t count,
                   uint64_t timeout_ms, struct told *told) {
    struct berth_error error = {.size = sizeof error};
    struct asking *asking = probe_keep(p, sizeof *asking);
    if (!asking) {
        return BERTH_E_NO_MEMORY;
    }
    asking->probe = p;
    asking->thread = pthread_self();
    asking->count = count;
    asking->told = told;
    int32_t code = p->peers->ask(p->host, questions, count, timeout_ms, on_answer, asking, &error);
    atomic_store(&asking->is_over, 1);
    for (uint32_t i = 0; i < count; i++) {
        probe_expect(p, CHECK_PEERS_ONCE, told[i].times == (code ? 0 : 1),
                     "question %" PRIu32 " is answered %" PRIu32
                     " times by a call that gives %" PRId32,
                     i, told[i].times, code);
    }
    return code;
}

static struct berth_peer_question question(struct berth_str node_id, struct berth_str path) {
    return (struct berth_peer_question){.size = sizeof(struct berth_peer_question),
                                        .node_id = node_id,
                                        .path = path,
                                        .body = BERTH_STR(OWN_BODY "0}")};
}

/* ---- what is refused ---- */

void probe_ask_refused(struct probe *p, enum check check, const char *where) {
    const struct berth_peer_question asked = question(PROBE_NOBODY, BERTH_STR(INSIDE));
    struct told told = {0};
    int32_t code = p->peers ? ask(p, &asked, 1, 0, &told) : BERTH_E_STATE;
    if (p->peers) {
        probe_expect(p, check, code == BERTH_E_STATE, "ask gives %" PRId32 " %s", code, where);
    }
}

static void try_malformed(struct probe *p) {
    const struct {
        const char *what;
        uint32_t size;
        struct berth_str node_id;
        struct berth_str path;
    } cases[] = {
        {"too small", 16, PROBE_NOBODY, BERTH_STR(INSIDE)},
        {"without a size", 0, PROBE_NOBODY, BERTH_STR(INSIDE)},
        {"without a node", sizeof(struct berth_peer_question), {NULL, 0}, BERTH_STR(INSIDE)},
        {"without a path", sizeof(struct berth_peer_question), PROBE_NOBODY, {NULL, 0}},
        {"of a path without a slash", sizeof(struct berth_peer_question), PROBE_NOBODY,
         BERTH_STR("inside")},
    };
    struct berth_error error = {.size = sizeof error};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct told told[2] = {{0}};
        struct berth_peer_question asked[] = {question(PROBE_NOBODY, BERTH_STR(INSIDE)),
                                              question(cases[i].node_id, cases[i].path)};
        asked[1].size = cases[i].size;
        int32_t code = ask(p, asked, 2, PATIENCE_MS, told);
        probe_expect(p, CHECK_PEERS_REFUSED, code == BERTH_E_INVALID,
                     "a question that is %s gives %" PRId32, cases[i].what, code);
    }
    const struct berth_peer_question whole = question(PROBE_NOBODY, BERTH_STR(INSIDE));
    int32_t code = p->peers->ask(p->host, &whole, 1, PATIENCE_MS, NULL, NULL, &error);
    probe_expect(p, CHECK_PEERS_REFUSED, code == BERTH_E_INVALID,
                 "ask without a function gives %" PRId32, code);
}

/* ---- a node that does not exist ---- */

static int has_reason(const struct told *told) {
    return told->status == 0 && told->len > 0;
}

/* Of as many as may be asked at once, and of one more. */
static void try_nobody(struct probe *p) {
    uint32_t count = BERTH_PEER_QUESTIONS_MAX + 1;
    struct berth_peer_question *asked = calloc(count, sizeof *asked);
    struct told *told = calloc(count, sizeof *told);
    for (uint32_t i = 0; i < count && asked; i++) {
        asked[i] = question(PROBE_NOBODY, BERTH_STR(INSIDE));
    }
    if (asked && told) {
        int32_t code = ask(p, asked, count, PATIENCE_MS, told);
        probe_expect(p, CHECK_PEERS_REFUSED, code == BERTH_E_INVALID,
                     "%" PRIu32 " questions at once give %" PRId32, count, code);
        memset(told, 0, count * sizeof *told);
        code = ask(p, asked, count - 1, PATIENCE_MS, told);
        probe_expect(p, CHECK_PEERS_NOBODY, !code,
                     "asking a node that does not exist gives %" PRId32, code);
        for (uint32_t i = 0; i < count - 1 && !code; i++) {
            probe_expect(p, CHECK_PEERS_NOBODY, has_reason(&told[i]),
                         "a node that does not exist answers with status %" PRIu32 "%s",
                         told[i].status, told[i].len ? "" : ", without a reason");
        }
    }
    free(asked);
    free(told);
}

/* ---- other nodes ---- */

static void try_answers(struct probe *p, struct berth_str other) {
    char nowhere[NOWHERE_LEN];
    memset(nowhere, 'x', sizeof nowhere);
    memcpy(nowhere, NOWHERE, sizeof NOWHERE - 1);
    struct berth_peer_question asked[] = {
        question(other, BERTH_STR(INSIDE)), question(PROBE_NOBODY, BERTH_STR(INSIDE)),
        question(other, BERTH_STR(INSIDE)),
        question(other, (struct berth_str){nowhere, sizeof nowhere})};
    struct told told[4] = {{0}};
    asked[2].body = BERTH_STR(OWN_BODY "2}");
    int32_t code = ask(p, asked, 4, PATIENCE_MS, told);
    probe_expect(p, CHECK_PEERS_ANSWER, !code, "asking another node gives %" PRId32, code);
    if (code) {
        return;
    }
    for (uint32_t i = 0; i < 4; i += 2) {
        probe_expect(p, CHECK_PEERS_ANSWER,
                     told[i].status == 200 && told[i].len == asked[i].body.len &&
                         probe_is_text(asked[i].body, told[i].body),
                     "question %" PRIu32 " is answered with status %" PRIu32
                     ", or with what another was asked",
                     i, told[i].status);
    }
    probe_expect(p, CHECK_PEERS_NOBODY, has_reason(&told[1]),
                 "a node that does not exist answers with status %" PRIu32 " among others",
                 told[1].status);
    probe_expect(p, CHECK_PEERS_ANSWER, told[3].status >= 400,
                 "a path that is no route there is answered with status %" PRIu32, told[3].status);
}

static uint64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* One who never answers; and one who does, with all the time that there is. */
static void try_time_out(struct probe *p, struct berth_str other) {
    const struct berth_peer_question silent = question(other, BERTH_STR(SILENT));
    const struct berth_peer_question inside = question(other, BERTH_STR(INSIDE));
    struct told told = {0};
    uint64_t begin = now_ms();
    int32_t code = ask(p, &silent, 1, TIME_OUT_MS, &told);
    uint64_t took = now_ms() - begin;
    probe_expect(p, CHECK_PEERS_TIME_OUT, !code && has_reason(&told),
                 "who does not answer is told with %" PRId32 " as status %" PRIu32, code,
                 told.status);
    probe_expect(p, CHECK_PEERS_TIME_OUT, took + 1 >= TIME_OUT_MS && took < LATE_MS,
                 "with a time-out of %u ms ask takes %" PRIu64 " ms", TIME_OUT_MS, took);
    told = (struct told){0};
    code = ask(p, &inside, 1, UINT64_MAX, &told);
    probe_expect(p, CHECK_PEERS_TIME_OUT, !code && told.status == 200,
                 "with a time-out that never ends ask gives %" PRId32 ", and status %" PRIu32, code,
                 told.status);
}

void probe_post_peers(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct probe *p = user;
    struct node_list nodes;
    (void)view;
    probe_read_nodes(p, &nodes);
    if (p->peers) {
        try_malformed(p);
        try_nobody(p);
        probe_forward_refused(p, request);
    }
    for (uint32_t i = 0; i < nodes.count && p->peers; i++) {
        const struct berth_str other = {nodes.others[i], strlen(nodes.others[i])};
        try_answers(p, other);
        try_time_out(p, other);
    }
    if (nodes.count == 0) {
        probe_skip(p, "peers.", "it is told of no other node");
    }
    probe_answer(p, request, "{\"peers\":true}");
}

/* ---- the routes for nodes alone ---- */

static void expect_node(struct probe *p, const struct berth_request_view *view) {
    size_t len = strlen(OWN_BODY);
    probe_expect(p, CHECK_PEERS_INTERNAL,
                 view->body.len > len && memcmp(view->body.ptr, OWN_BODY, len) == 0,
                 "a route for nodes alone is called by somebody else");
}

void probe_post_inside(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    struct probe *p = user;
    expect_node(p, view);
    probe_expect(p, CHECK_WORKER_THREAD, !probe_own_loop(p), "a worker route runs on a loop");
    probe_ask_refused(p, CHECK_PEERS_CIRCLE, "to a route for nodes alone");
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &view->body, .part_count = 1};
    (void)p->routes->reply(request, &reply);
}

/* Whoever asks leaves without an answer. */
void probe_post_silent(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    expect_node(user, view);
    probe_post_hold(user, request, view);
}
