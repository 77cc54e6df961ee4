/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that another node answers. On the loop of the request; libcurl's sockets and its timer
 * are the loop's.
 */
#include "host/peers/peers_internal.h"
#include "host/router/pass_on.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define BODY_MAX ((size_t)1 << 30)
#define TYPE_MAX 200u

struct forward {
    struct forward *next;
    struct peer_loop *home;
    struct berth_request *request; /* NULL: the client left */
    berth_forward_fn fn;
    void *user;
    CURL *easy;
    struct peer_call call;
    char node_id[PEERS_ID_MAX];
    char type[TYPE_MAX];
    char retry_after[24];
    char load[24];
    char refusal[PEER_REFUSAL_MAX]; /* of the token; empty: it was taken */
    struct base_buf body;
    bool is_second; /* sent again, since the clocks differ */
    bool is_streaming;
    bool is_paused;
};

/* A socket of libcurl's that the loop watches. */
struct watched {
    uv_poll_t poll;
    struct peer_loop *home;
    curl_socket_t fd;
};

/* ---- the end of one ---- */

static void unlink_forward(struct forward *f) {
    struct forward **link = &f->home->first;
    while (*link != f) {
        link = &(*link)->next;
    }
    *link = f->next;
}

static void stop_transfer(struct forward *f) {
    if (f->easy) {
        (void)curl_multi_remove_handle(f->home->multi, f->easy);
        curl_easy_cleanup(f->easy);
        f->easy = NULL;
    }
    peer_call_deinit(&f->call);
}

static void free_forward(struct forward *f) {
    stop_transfer(f);
    base_buf_deinit(&f->body);
    free(f);
}

static void answer(struct forward *f) {
    long status = 0;
    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    struct berth_str part = base_buf_view(&f->body);
    struct berth_header retry = {BERTH_STR_INIT("retry-after"), base_cstr(f->retry_after)};
    struct berth_reply reply = {.size = sizeof reply,
                                .status = (uint32_t)status,
                                .content_type = base_cstr(f->type),
                                .headers = &retry,
                                .header_count = f->retry_after[0] != '\0',
                                .parts = &part,
                                .part_count = 1};
    (void)router_on_cancel(f->request, NULL, NULL);
    (void)router_reply(f->request, &reply);
}

static uint32_t load_of(const struct forward *f) {
    int64_t load = 0;
    (void)base_str_i64(base_cstr(f->load), &load);
    return load > 0 && load <= UINT32_MAX ? (uint32_t)load : 0;
}

/* It is over: with an answer, with a part of one, or with nothing. */
static void end(struct forward *f, bool is_answered) {
    berth_forward_fn fn = f->fn;
    void *user = f->user;
    struct berth_forward_end how = {.size = sizeof how,
                                    .code = f->request ? BERTH_OK : BERTH_E_CANCELLED,
                                    .load = is_answered ? load_of(f) : 0};
    unlink_forward(f);
    if (f->request) {
        router_take_back(f->request);
    }
    if (f->is_streaming && f->request) {
        (void)router_stream_close(f->request, is_answered);
    } else if (f->request && is_answered) {
        answer(f);
    } else if (f->request) {
        (void)router_on_cancel(f->request, NULL, NULL);
        how.code = BERTH_E_UNAVAILABLE;
    }
    free_forward(f);
    fn(user, &how);
}

/* ---- what comes ---- */

static size_t on_header(char *bytes, size_t size, size_t count, void *user) {
    struct forward *f = user;
    struct berth_str line = base_str(bytes, size * count);
    peer_header_take("content-type:", line, f->type, sizeof f->type);
    peer_header_take("retry-after:", line, f->retry_after, sizeof f->retry_after);
    peer_header_take(ROUTER_LOAD_HEADER ":", line, f->load, sizeof f->load);
    peer_header_take(PEER_REFUSAL_HEADER ":", line, f->refusal, sizeof f->refusal);
    return size * count;
}

static void read_done(struct peer_loop *home);

static void on_writable(void *user) {
    struct forward *f = user;
    struct peer_loop *home = f->home;
    f->is_paused = false;
    home->is_acting = true;
    (void)curl_easy_pause(f->easy, CURLPAUSE_CONT);
    home->is_acting = false;
    read_done(home);
}

static bool open_stream(struct forward *f) {
    long status = 0;
    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    struct berth_reply reply = {
        .size = sizeof reply, .status = (uint32_t)status, .content_type = base_cstr(f->type)};
    router_take_back(f->request);
    f->is_streaming = router_stream_open(f->request, &reply) == BERTH_OK;
    return f->is_streaming;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    struct forward *f = user;
    size_t len = size * count;
    uint64_t queued = 0;
    if (!f->request) {
        return 0;
    }
    if (!f->is_streaming && strncasecmp(f->type, "text/event-stream", 17) != 0) {
        base_buf_append(&f->body, bytes, len);
        return f->body.error ? 0 : len;
    }
    if (!f->is_streaming && !open_stream(f)) {
        return 0;
    }
    int32_t code = router_stream_write(f->request, base_str(bytes, len), &queued);
    if (code == BERTH_E_LIMIT) {
        f->is_paused = router_stream_on_writable(f->request, on_writable, f) == BERTH_OK;
        return f->is_paused ? CURL_WRITEFUNC_PAUSE : 0;
    }
    return code ? 0 : len;
}

/* ---- libcurl on the loop ---- */

static int32_t start(struct forward *f);

/* Sends it again where only the clocks were in the way. */
static bool send_again(struct forward *f) {
    if (f->is_second || !f->request ||
        !peer_clock_learn(f->home->peers, base_cstr(f->node_id), &f->call, f->refusal)) {
        return false;
    }
    f->is_second = true;
    f->refusal[0] = f->load[0] = f->type[0] = f->retry_after[0] = '\0';
    base_buf_clear(&f->body);
    stop_transfer(f);
    return start(f) == BERTH_OK;
}

static void read_done(struct peer_loop *home) {
    CURLMsg *message;
    int left = 0;
    while ((message = curl_multi_info_read(home->multi, &left))) {
        struct forward *f = NULL;
        if (message->msg == CURLMSG_DONE) {
            CURLcode result = message->data.result;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
            if (result != CURLE_OK || !f->refusal[0]) {
                end(f, result == CURLE_OK);
            } else if (!send_again(f)) {
                end(f, false); /* what it says is for this node, not for the client */
            }
        }
    }
}

static void act(struct peer_loop *home, curl_socket_t fd, int events) {
    int running = 0;
    home->is_acting = true;
    (void)curl_multi_socket_action(home->multi, fd, events, &running);
    home->is_acting = false;
    read_done(home);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watched *watched = poll->data;
    int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
               (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    act(watched->home, watched->fd, what);
}

static void free_handle(uv_handle_t *handle) {
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket) {
    struct peer_loop *home = user;
    struct watched *watched = socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched) {
            (void)uv_poll_stop(&watched->poll);
            uv_close((uv_handle_t *)&watched->poll, free_handle);
            (void)curl_multi_assign(home->multi, fd, NULL);
        }
        return 0;
    }
    if (!watched) {
        watched = calloc(1, sizeof *watched);
        if (!watched) {
            return -1;
        }
        *watched = (struct watched){.home = home, .fd = fd};
        if (uv_poll_init(loop_uv(home->loop), &watched->poll, fd) != 0) {
            free(watched);
            return -1;
        }
        watched->poll.data = watched;
        (void)curl_multi_assign(home->multi, fd, watched);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    (void)uv_poll_start(&watched->poll, events, on_poll);
    return 0;
}

static void on_timer(uv_timer_t *timer) {
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *user) {
    struct peer_loop *home = user;
    (void)multi;
    if (ms < 0) {
        (void)uv_timer_stop(&home->timer);
    } else {
        (void)uv_timer_start(&home->timer, on_timer, (uint64_t)ms, 0);
    }
    return 0;
}

static bool open_loop(struct peer_loop *home) {
    if (home->multi || home->is_closed) {
        return !home->is_closed;
    }
    home->multi = curl_multi_init();
    if (!home->multi) {
        return false;
    }
    (void)uv_timer_init(loop_uv(home->loop), &home->timer);
    home->timer.data = home;
    (void)curl_multi_setopt(home->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(home->multi, CURLMOPT_SOCKETDATA, home);
    (void)curl_multi_setopt(home->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    (void)curl_multi_setopt(home->multi, CURLMOPT_TIMERDATA, home);
    return true;
}

void peer_loop_close(struct peer_loop *home) {
    home->is_closed = true;
    while (home->first) {
        end(home->first, false);
    }
    if (home->multi) {
        (void)curl_multi_cleanup(home->multi);
        home->multi = NULL;
        uv_close((uv_handle_t *)&home->timer, NULL);
    }
}

void peer_loop_check(struct peer_loop *home) {
    char address[PEERS_ADDRESS_MAX];
    for (struct forward *f = home->first, *next; f; f = next) {
        next = f->next;
        if (!peers_find(home->peers, base_cstr(f->node_id), address)) {
            end(f, false);
            next = home->first; /* whoever was told may have ended others */
        }
    }
}

/* ---- beginning ---- */

/* The client left: what it asked for is ended, which the other node sees. */
static void on_gone(void *user) {
    struct forward *f = user;
    struct berth_request *request = f->request;
    struct berth_error error = BASE_ERROR_INIT;
    f->request = NULL;
    router_take_back(request);
    if (f->is_streaming) {
        (void)router_stream_close(request, 0);
    } else {
        (void)base_error(&error, BERTH_E_CANCELLED, "the client left");
        (void)router_reply_error(request, &error);
    }
    if (!f->home->is_acting) {
        end(f, false); /* else what it takes next ends it */
    }
}

/* The client's headers, in the form that libcurl takes. */
static int32_t take_headers(const struct berth_request *request, struct peer_call *call) {
    base_buf_init_private(&call->more_text, PEERS_URL_MAX);
    uint32_t count = pass_on_put_headers(request, &call->more_text);
    call->more = count ? calloc(count, sizeof *call->more) : NULL;
    if (call->more_text.error || (count && !call->more)) {
        return BERTH_E_NO_MEMORY;
    }
    char *line = call->more_text.ptr;
    for (uint32_t i = 0; i < count; i++) {
        call->more[i] = (struct curl_slist){line, i + 1 < count ? &call->more[i + 1] : NULL};
        line += strlen(line) + 1;
    }
    return BERTH_OK;
}

static int32_t start(struct forward *f) {
    const struct berth_request_view *view = router_view(f->request);
    const struct security_caller *caller = router_caller(f->request);
    BASE_BUF_AUTO target;
    base_buf_init(&target, PEERS_URL_MAX);
    pass_on_put_target(f->request, &target);
    if (target.error || take_headers(f->request, &f->call)) {
        return BERTH_E_NO_MEMORY;
    }
    const struct peer_request asked = {view->method, base_buf_view(&target), view->body};
    f->easy = curl_easy_init();
    const struct peer_sender sender = {.user = caller ? &caller->user : NULL, .asker = PEER_CLIENT};
    int32_t code = f->easy ? peer_call_prepare(f->home->peers, &f->call, f->easy,
                                               base_cstr(f->node_id), &asked, sender)
                           : BERTH_E_NO_MEMORY;
    if (code) {
        return code;
    }
    (void)curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    (void)curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
    (void)curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
    return curl_multi_add_handle(f->home->multi, f->easy) == CURLM_OK ? BERTH_OK
                                                                      : BERTH_E_NO_MEMORY;
}

static int32_t begin(struct peers *peers, struct berth_request *request, struct berth_str node_id,
                     berth_forward_fn fn, void *user) {
    struct peer_loop *home = &peers->loops[loop_index(loop_current())];
    if (node_id.len == 0 || node_id.len >= PEERS_ID_MAX) {
        return BERTH_E_NOT_FOUND;
    }
    if (!open_loop(home)) {
        return home->is_closed ? BERTH_E_STATE : BERTH_E_NO_MEMORY;
    }
    struct forward *f = calloc(1, sizeof *f);
    if (!f) {
        return BERTH_E_NO_MEMORY;
    }
    *f = (struct forward){.home = home, .request = request, .fn = fn, .user = user};
    memcpy(f->node_id, node_id.ptr, BASE_LEN(node_id));
    base_buf_init(&f->body, BODY_MAX);
    int32_t code = start(f);
    if (code) {
        free_forward(f);
        return code;
    }
    f->next = home->first;
    home->first = f;
    /* A client that has left is told of here. */
    (void)router_on_cancel(request, on_gone, f);
    return BERTH_OK;
}

int32_t peers_forward(struct peers *peers, struct berth_request *request, struct berth_str node_id,
                      berth_forward_fn fn, void *user) {
    int32_t code = router_lend(request);
    if (!code) {
        code = peers ? begin(peers, request, node_id, fn, user) : BERTH_E_NOT_FOUND;
        if (code) {
            router_take_back(request);
        }
    }
    return code;
}
