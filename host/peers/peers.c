/* SPDX-License-Identifier: Apache-2.0 */
#include "host/peers/peers_internal.h"

#include "base/clock.h"
#include "base/curl/curl_late.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define OWNER "peers"
/* An answer between nodes. */
#define ANSWER_MAX ((size_t)64 << 20)
/* Three weeks: what libcurl counts in milliseconds has no room for more. */
#define WAIT_MAX_MS (UINT64_C(21) * 24 * 3600 * 1000)

/* ---- where nodes are ---- */

struct find_call {
    struct berth_str id;
    char *address;
    bool found;
};

static void find_node(void *user, const struct berth_node *nodes, uint32_t count) {
    struct find_call *call = user;
    for (uint32_t i = 0; i < count; i++) {
        if (!nodes[i].is_local && base_str_eq(nodes[i].id, call->id) &&
            nodes[i].address.len < PEERS_ADDRESS_MAX) {
            memcpy(call->address, nodes[i].address.ptr, BASE_LEN(nodes[i].address));
            call->address[nodes[i].address.len] = '\0';
            call->found = true;
        }
    }
}

bool peers_find(struct peers *peers, struct berth_str node_id,
                char out_address[PEERS_ADDRESS_MAX]) {
    struct find_call call = {.id = node_id, .address = out_address};
    nodes_read(peers->options.nodes, find_node, &call);
    return call.found;
}

/* ---- their clocks ---- */

struct node_clock {
    struct node_clock *next;
    int64_t ahead_ms;
    char id[PEERS_ID_MAX];
};

/* Under the lock. */
static struct node_clock *find_clock(const struct peers *peers, struct berth_str node_id) {
    struct node_clock *clock = peers->clocks;
    while (clock && !base_str_is(node_id, clock->id)) {
        clock = clock->next;
    }
    return clock;
}

static int64_t ahead_of(struct peers *peers, struct berth_str node_id) {
    (void)pthread_mutex_lock(&peers->lock);
    const struct node_clock *clock = find_clock(peers, node_id);
    int64_t ahead_ms = clock ? clock->ahead_ms : 0;
    (void)pthread_mutex_unlock(&peers->lock);
    return ahead_ms;
}

static void note_clock(struct peers *peers, struct berth_str node_id, int64_t ahead_ms) {
    (void)pthread_mutex_lock(&peers->lock);
    struct node_clock *clock = find_clock(peers, node_id);
    bool is_new = !clock && node_id.len < PEERS_ID_MAX;
    if (is_new) {
        clock = calloc(1, sizeof *clock);
    }
    if (is_new && clock) {
        memcpy(clock->id, node_id.ptr, BASE_LEN(node_id));
        clock->next = peers->clocks;
        peers->clocks = clock;
    }
    if (clock) {
        clock->ahead_ms = ahead_ms;
    }
    (void)pthread_mutex_unlock(&peers->lock);
}

static struct berth_str token_of(const struct peer_call *call) {
    return base_cstr(call->token.ptr + strlen(PEER_TOKEN_HEADER ": "));
}

bool peer_clock_learn(struct peers *peers, struct berth_str node_id, const struct peer_call *call,
                      const char *refusal) {
    int64_t ahead_ms;
    if (!peer_refusal_clock(peers->options.secrets, token_of(call), base_cstr(refusal),
                            &ahead_ms)) {
        return false;
    }
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)ahead_ms);
    note_clock(peers, node_id, ahead_ms);
    LOG(peers->options.log, BERTH_LOG_WARN, "clocks_differ", LOG_FIELD("node_id", node_id),
        LOG_FIELD("ahead_ms", base_str(text, (size_t)len)));
    return true;
}

/* ---- one request ---- */

int32_t peer_call_prepare(struct peers *peers, struct peer_call *call, CURL *easy,
                          struct berth_str node_id, const struct peer_request *request,
                          struct peer_sender sender) {
    static char type[] = "Content-Type: application/json";
    static char expect[] = "Expect:";
    char method[16];
    char address[PEERS_ADDRESS_MAX];
    if (!peers_find(peers, node_id, address)) {
        return BERTH_E_NOT_FOUND;
    }
    base_buf_init(&call->url, PEERS_URL_MAX);
    base_buf_format(&call->url, "%s://%s", peers->options.tls ? "https" : "http", address);
    base_buf_str(&call->url, request->path);
    base_buf_char(&call->url, '\0');
    sender.ahead_ms = ahead_of(peers, node_id);
    base_buf_init(&call->token, 262144);
    base_buf_cstr(&call->token, PEER_TOKEN_HEADER ": ");
    int32_t code = peer_token_make(peers->options.secrets, request, &sender, &call->token);
    base_buf_char(&call->token, '\0');
    if (code || call->token.error || call->url.error) {
        return BERTH_E_NO_MEMORY;
    }
    call->headers[0] = (struct curl_slist){expect, &call->headers[1]};
    call->headers[1] =
        (struct curl_slist){call->token.ptr, request->body.len ? &call->headers[2] : call->more};
    call->headers[2] = (struct curl_slist){type, call->more};
    (void)snprintf(method, sizeof method, BASE_FMT, BASE_ARG(request->method));
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, call->url.ptr) == CURLE_OK;
    if (request->body.len || base_str_is(request->method, "POST")) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                               request->body.len ? request->body.ptr : "");
    }
    ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, PEERS_CONNECT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (peers->ca[0]) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, peers->ca) == CURLE_OK;
    }
    if (peers->certificate[0]) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_SSLCERT, peers->certificate) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_SSLKEY, peers->key) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_KEYPASSWD, peers->key_password) == CURLE_OK;
    }
    return ok ? BERTH_OK : BERTH_E_NO_MEMORY;
}

void peer_call_deinit(struct peer_call *call) {
    base_buf_deinit(&call->url);
    base_buf_deinit(&call->token);
    base_buf_deinit(&call->more_text);
    free(call->more);
    call->more = NULL;
}

void peer_header_take(const char *name, struct berth_str line, char *to, size_t size) {
    size_t len = strlen(name);
    if (line.len > len && strncasecmp(line.ptr, name, len) == 0) {
        struct berth_str value = base_str_trim(base_str_from(line, len));
        (void)snprintf(to, size, BASE_FMT, BASE_ARG(value));
    }
}

/* ---- asking and waiting ---- */

/* Kept connections of one who waits. */
struct asker {
    struct asker *next;
    CURLM *multi;
};

struct question {
    const struct berth_peer_question *asked;
    CURL *easy;
    struct peer_call call;
    struct base_buf answer;
    CURLcode result;
    const char *why; /* it was not sent */
    bool is_done;
    bool is_second; /* asked again, since the clocks differ */
    char refusal[PEER_REFUSAL_MAX];
};

static struct asker *take_asker(struct peers *peers) {
    (void)pthread_mutex_lock(&peers->lock);
    struct asker *asker = peers->askers;
    if (asker) {
        peers->askers = asker->next;
    }
    (void)pthread_mutex_unlock(&peers->lock);
    if (!asker) {
        asker = calloc(1, sizeof *asker);
        if (asker) {
            asker->multi = curl_multi_init();
        }
        if (asker && !asker->multi) {
            free(asker);
            asker = NULL;
        }
    }
    return asker;
}

static void give_asker(struct peers *peers, struct asker *asker) {
    (void)pthread_mutex_lock(&peers->lock);
    asker->next = peers->askers;
    peers->askers = asker;
    (void)pthread_mutex_unlock(&peers->lock);
}

static size_t keep(char *bytes, size_t size, size_t count, void *user) {
    struct base_buf *out = user;
    base_buf_append(out, bytes, size * count);
    return out->error ? 0 : size * count;
}

static size_t take_refusal(char *bytes, size_t size, size_t count, void *user) {
    struct question *q = user;
    peer_header_take(PEER_REFUSAL_HEADER ":", base_str(bytes, size * count), q->refusal,
                     sizeof q->refusal);
    return size * count;
}

static void end_question(struct asker *asker, struct question *q) {
    if (q->easy) {
        (void)curl_multi_remove_handle(asker->multi, q->easy);
        curl_easy_cleanup(q->easy);
        q->easy = NULL;
    }
    peer_call_deinit(&q->call);
    base_buf_deinit(&q->answer);
}

static int32_t begin_question(struct peers *peers, struct asker *asker, struct question *q) {
    const struct peer_request request = {BERTH_STR("POST"), q->asked->path, q->asked->body};
    const struct peer_sender sender = {.asker = PEER_NODE};
    base_buf_init(&q->answer, ANSWER_MAX);
    q->refusal[0] = '\0';
    q->easy = curl_easy_init();
    int32_t code =
        q->easy ? peer_call_prepare(peers, &q->call, q->easy, q->asked->node_id, &request, sender)
                : BERTH_E_NO_MEMORY;
    if (code == BERTH_E_NOT_FOUND) {
        q->why = "there is no such node";
        return BERTH_OK;
    }
    if (code) {
        return code;
    }
    (void)curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
    (void)curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, take_refusal);
    (void)curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q);
    (void)curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, &q->answer);
    return curl_multi_add_handle(asker->multi, q->easy) == CURLM_OK ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* Asks again where only the clocks were in the way. */
static bool ask_again(struct peers *peers, struct asker *asker, struct question *q) {
    if (q->result || !q->refusal[0]) {
        return false;
    }
    q->why = "it refuses what this node shows of itself";
    if (q->is_second || !peer_clock_learn(peers, q->asked->node_id, &q->call, q->refusal)) {
        return false;
    }
    q->why = NULL;
    q->is_second = true;
    end_question(asker, q);
    if (begin_question(peers, asker, q)) {
        q->why = "no memory is left to ask it again";
    }
    return !q->why;
}

/* Returns whether some are asked again. */
static bool note_done(struct peers *peers, struct asker *asker) {
    CURLMsg *message;
    int left = 0;
    bool again = false;
    while ((message = curl_multi_info_read(asker->multi, &left))) {
        struct question *q = NULL;
        if (message->msg == CURLMSG_DONE) {
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&q);
            q->result = message->data.result;
            q->is_done = !ask_again(peers, asker, q);
            again = again || !q->is_done;
        }
    }
    return again;
}

static void wait_for_answers(struct peers *peers, struct asker *asker, uint64_t timeout_ms) {
    uint64_t wait_ms = timeout_ms < WAIT_MAX_MS ? timeout_ms : WAIT_MAX_MS;
    uint64_t end = base_monotonic_ns() + wait_ms * BASE_NS_PER_MS;
    int running = 1;
    while (running) {
        if (curl_multi_perform(asker->multi, &running) != CURLM_OK) {
            break;
        }
        bool again = note_done(peers, asker);
        uint64_t now = base_monotonic_ns();
        if (now >= end) {
            break;
        }
        if (again || !running) {
            running = again;
            continue;
        }
        (void)curl_multi_poll(asker->multi, NULL, 0, (int)((end - now) / BASE_NS_PER_MS) + 1, NULL);
    }
    (void)note_done(peers, asker);
}

static void tell(const struct question *q, uint32_t number, berth_peer_answer_fn fn, void *user) {
    struct berth_peer_answer answer = {.size = sizeof answer};
    long status = 0;
    if (!q->why && q->is_done && q->result == CURLE_OK) {
        (void)curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (uint32_t)status;
        answer.body = base_buf_view(&q->answer);
    } else {
        answer.body = base_cstr(q->why       ? q->why
                                : q->is_done ? curl_easy_strerror(q->result)
                                             : "it did not answer in time");
    }
    fn(user, number, &answer);
}

static int32_t check_questions(const struct berth_peer_question *questions, uint32_t count,
                               berth_peer_answer_fn fn, struct berth_error *error) {
    if (count > BERTH_PEER_QUESTIONS_MAX || !fn) {
        return base_error(error, BERTH_E_INVALID,
                          "up to %u questions are asked at once, with a "
                          "function for the answers",
                          BERTH_PEER_QUESTIONS_MAX);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct berth_peer_question *question = &questions[i];
        if (question->size != sizeof *question) {
            return base_error(error, BERTH_E_INVALID,
                              "berth_peer_question has %u bytes, expected %zu", question->size,
                              sizeof *question);
        }
        if (question->node_id.len == 0 || !base_str_starts(question->path, BERTH_STR("/"))) {
            return base_error(error, BERTH_E_INVALID,
                              "question %u needs a node, and a path that begins with a slash: "
                              "node [" BASE_FMT "], path [" BASE_FMT "]",
                              i, BASE_ARG(question->node_id), BASE_ARG(question->path));
        }
    }
    return BERTH_OK;
}

/* On a node that is alone. */
static int32_t tell_all(uint32_t count, berth_peer_answer_fn fn, void *user) {
    for (uint32_t i = 0; i < count; i++) {
        const struct berth_peer_answer answer = {
            .size = sizeof answer, .body = BERTH_STR("there is no such node: this one is alone")};
        fn(user, i, &answer);
    }
    return BERTH_OK;
}

int32_t peers_ask(struct peers *peers, const struct berth_peer_question *questions, uint32_t count,
                  uint64_t timeout_ms, berth_peer_answer_fn fn, void *user,
                  struct berth_error *error) {
    int32_t code = check_questions(questions, count, fn, error);
    if (code || !peers) {
        return code ? code : tell_all(count, fn, user);
    }
    struct asker *asker = take_asker(peers);
    struct question *asked = calloc(count + 1u, sizeof *asked);
    code = asker && asked ? BERTH_OK : BERTH_E_NO_MEMORY;
    for (uint32_t i = 0; i < count && !code; i++) {
        asked[i].asked = &questions[i];
        code = begin_question(peers, asker, &asked[i]);
    }
    if (!code) {
        wait_for_answers(peers, asker, timeout_ms);
        for (uint32_t i = 0; i < count; i++) {
            tell(&asked[i], i, fn, user);
        }
    }
    for (uint32_t i = 0; asked && i < count; i++) {
        end_question(asker, &asked[i]);
    }
    free(asked);
    if (asker) {
        give_asker(peers, asker);
    }
    return code ? base_error_memory(error) : BERTH_OK;
}

/* ---- nodes that go ---- */

static void check_loop(struct loop *loop, void *arg) {
    struct peers *peers = arg;
    peer_loop_check(&peers->loops[loop_index(loop)]);
}

static void on_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    struct peers *peers = user;
    (void)nodes;
    (void)count;
    if (!peers->is_stopped) {
        loop_run_on_all(peers->options.loops, check_loop, peers);
    }
}

/* ---- creation ---- */

int32_t peers_create(const struct peers_options *options, struct peers **out_peers,
                     struct berth_error *error) {
    if (!base_curl_load()) {
        return base_error(error, BERTH_E_UNSUPPORTED,
                          "a cluster needs libcurl (Debian's package libcurl4)");
    }
    struct peers *peers = calloc(1, sizeof *peers);
    if (!peers) {
        return base_error_memory(error);
    }
    peers->options = *options;
    (void)snprintf(peers->ca, sizeof peers->ca, BASE_FMT, BASE_ARG(options->ca));
    (void)snprintf(peers->certificate, sizeof peers->certificate, BASE_FMT,
                   BASE_ARG(options->certificate));
    (void)snprintf(peers->key, sizeof peers->key, BASE_FMT, BASE_ARG(options->key));
    (void)snprintf(peers->key_password, sizeof peers->key_password, BASE_FMT,
                   BASE_ARG(options->key_password));
    (void)pthread_mutex_init(&peers->lock, NULL);
    for (uint32_t i = 0; i < loop_group_count(options->loops); i++) {
        peers->loops[i] =
            (struct peer_loop){.peers = peers, .loop = loop_group_at(options->loops, i)};
    }
    int32_t code = nodes_watch(options->nodes, OWNER, on_nodes, peers, error);
    if (code) {
        peers_destroy(peers);
        return code;
    }
    *out_peers = peers;
    return BERTH_OK;
}

static void close_loop(struct loop *loop, void *arg) {
    struct peers *peers = arg;
    peer_loop_close(&peers->loops[loop_index(loop)]);
}

void peers_stop(struct peers *peers) {
    if (peers) {
        peers->is_stopped = true;
        nodes_unwatch(peers->options.nodes, OWNER);
        loop_run_on_all(peers->options.loops, close_loop, peers);
    }
}

void peers_destroy(struct peers *peers) {
    if (!peers) {
        return;
    }
    while (peers->askers) {
        struct asker *next = peers->askers->next;
        (void)curl_multi_cleanup(peers->askers->multi);
        free(peers->askers);
        peers->askers = next;
    }
    while (peers->clocks) {
        struct node_clock *next = peers->clocks->next;
        free(peers->clocks);
        peers->clocks = next;
    }
    (void)pthread_mutex_destroy(&peers->lock);
    explicit_bzero(peers->key_password, sizeof peers->key_password);
    free(peers);
}
