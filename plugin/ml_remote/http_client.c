/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on the host's loop: its sockets are watched by the loop, its timer is
 * one of the loop's. Connections are kept by the multi handle and used again.
 */
#include "plugin/ml_remote/http_client.h"

#include "base/clock.h"
#include "plugin/ml_remote/address.h"
#include "plugin/ml_remote/http_headers.h"

#include <stdio.h>
#include <stdlib.h>

/* Idle connections that a loop keeps, to all services together. */
#define KEPT_CONNECTIONS 256L
/* Easy handles and calls that a loop keeps for reuse. */
#define KEPT_CALLS 64u
/* How often waiting calls are looked at for their time-outs. */
#define TICK_MS 50u
/* A service that asks to be left alone for longer is not believed: a day. */
#define RETRY_AFTER_MAX_S 86400

/* Header lines of one call beside those of its action. */
#define MORE_LINES_MAX 8u

/* A socket of libcurl's with the loop's watch of it. */
struct curl_socket {
    struct berth_fd_watch *watch;
    struct ml_http_client *client;
};

struct ml_http_call {
    struct ml_http_call *next;
    struct ml_http_call *previous;
    struct ml_http_client *client;
    CURL *easy;
    ml_http_done_fn done;
    ml_http_bytes_fn on_bytes;
    void *user;
    bool paused;
    struct ml_http_answer answer;
    uint64_t max_body;
    uint64_t read_timeout_ms;
    uint64_t last_byte_ns; /* or when the request was begun */
    bool allow_private;
    bool saw_private;
    bool connected; /* so that what fails from here on is the service's doing */
    bool too_large;
    bool unwatched; /* its socket could not be watched: the next tick ends it */
    char reason[CURL_ERROR_SIZE];
    struct base_buf lines; /* headers of this call alone */
    struct curl_slist line_nodes[MORE_LINES_MAX];
};

struct ml_http_client {
    struct ml_plugin *plugin;
    CURLM *multi;
    struct berth_timer *timer; /* libcurl's */
    struct berth_timer *tick;  /* for read time-outs; runs while there are calls */
    struct ml_http_call *calls;
    struct ml_http_call *free_calls;
    uint32_t free_count;
    uint32_t call_count;
};

/* ---- what libcurl calls ---- */

static bool is_success(const struct ml_http_call *call) {
    long status = 0;
    return curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
           status >= 200 && status < 300;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    struct ml_http_call *call = user;
    size_t len = size * count;
    call->last_byte_ns = base_monotonic_ns();
    if (call->paused) {
        return CURL_WRITEFUNC_PAUSE;
    }
    if (call->on_bytes && is_success(call)) {
        return call->on_bytes(call->user, base_str(bytes, len)) ? CURL_WRITEFUNC_ERROR : len;
    }
    base_buf_append(&call->answer.body, bytes, len);
    if (call->answer.body.error) {
        call->too_large = call->answer.body.error == BERTH_E_TOO_LARGE;
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

/* Whether a line is this header, and its value. */
static bool header_value(struct berth_str line, struct berth_str name, struct berth_str *out) {
    if (line.len <= name.len || line.ptr[name.len] != ':' ||
        !base_str_eq_nocase(base_str_slice(line, 0, name.len), name)) {
        return false;
    }
    *out = base_str_trim(base_str_from(line, name.len + 1));
    return true;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user) {
    struct ml_http_call *call = user;
    struct berth_str line = base_str(bytes, size * count);
    struct berth_str value;
    int64_t seconds;
    call->last_byte_ns = base_monotonic_ns();
    if (header_value(line, BERTH_STR("x-amzn-errortype"), &value)) {
        call->answer.is_throttled = base_str_starts(value, BERTH_STR("ThrottlingException"));
    } else if (header_value(line, BERTH_STR("retry-after"), &value) &&
               base_str_i64(value, &seconds) && seconds > 0 && seconds <= RETRY_AFTER_MAX_S) {
        call->answer.retry_after_ms = (uint64_t)seconds * BASE_MS_PER_S;
    }
    return size * count;
}

/* Called with the address that is about to be connected to: names cannot be turned in between. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
    struct ml_http_call *call = user;
    (void)purpose;
    if (!call->allow_private && ml_address_is_private(&address->addr)) {
        call->saw_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

/* Called before a request is sent, on a kept connection too: the setting may have changed. */
static int on_before_request(void *user, char *remote_ip, char *local_ip, int remote_port,
                             int local_port) {
    struct ml_http_call *call = user;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    if (!call->allow_private && ml_address_text_is_private(remote_ip)) {
        call->saw_private = true;
        return CURL_PREREQFUNC_ABORT;
    }
    call->connected = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- the end of a call ---- */

static void unlink_call(struct ml_http_call *call) {
    struct ml_http_client *client = call->client;
    (void)curl_multi_remove_handle(client->multi, call->easy);
    *(call->previous ? &call->previous->next : &client->calls) = call->next;
    if (call->next) {
        call->next->previous = call->previous;
    }
    client->call_count--;
    if (client->call_count == 0) {
        client->plugin->loop->timer_stop(client->tick);
    }
}

static void free_call(struct ml_http_call *call) {
    struct ml_http_client *client = call->client;
    base_buf_deinit(&call->answer.body);
    base_buf_wipe(&call->lines);
    if (client->free_count < KEPT_CALLS) {
        call->next = client->free_calls;
        client->free_calls = call;
        client->free_count++;
        return;
    }
    curl_easy_cleanup(call->easy);
    free(call);
}

/* What libcurl's codes mean. */
static enum ml_http_outcome outcome_of(const struct ml_http_call *call, CURLcode code) {
    if (call->saw_private) {
        return ML_HTTP_PRIVATE;
    }
    if (call->too_large) {
        return ML_HTTP_TOO_LARGE;
    }
    if (call->answer.body.error == BERTH_E_NO_MEMORY) {
        return ML_HTTP_NO_MEMORY;
    }
    switch (code) {
    case CURLE_OK:
        return ML_HTTP_ANSWERED;
    case CURLE_URL_MALFORMAT:
        return ML_HTTP_BAD_URL;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also of an answer that is no HTTP */
        return call->connected ? ML_HTTP_BROKEN : ML_HTTP_BAD_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return ML_HTTP_UNRESOLVED;
    case CURLE_COULDNT_CONNECT:
        return ML_HTTP_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return ML_HTTP_TIMED_OUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
        return ML_HTTP_TLS;
    case CURLE_OUT_OF_MEMORY:
        return ML_HTTP_NO_MEMORY;
    default:
        return ML_HTTP_BROKEN;
    }
}

static void read_answer(struct ml_http_call *call, CURLcode code) {
    struct ml_http_answer *answer = &call->answer;
    long status = 0;
    const char *text = NULL;
    answer->outcome = outcome_of(call, code);
    (void)snprintf(answer->detail, sizeof answer->detail, "%s",
                   call->reason[0] ? call->reason : curl_easy_strerror(code));
    if (answer->outcome != ML_HTTP_ANSWERED) {
        return;
    }
    if (curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
        answer->status = (uint32_t)status;
    }
    if (curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text) {
        (void)snprintf(answer->content_type, sizeof answer->content_type, "%s", text);
    }
    if (status >= 300 && status < 400 &&
        curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &text) == CURLE_OK && text) {
        (void)snprintf(answer->location, sizeof answer->location, "%s", text);
    }
}

static void end_call(struct ml_http_call *call, CURLcode code) {
    read_answer(call, code);
    unlink_call(call);
    call->done(call->user, &call->answer);
    free_call(call);
}

static void check_done(struct ml_http_client *client) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct ml_http_call *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK) {
            end_call(call, code);
        }
    }
}

static void act(struct ml_http_client *client, curl_socket_t fd, int events) {
    int running = 0;
    (void)curl_multi_socket_action(client->multi, fd, events, &running);
    check_done(client);
}

/* ---- sockets and timers ---- */

static void on_fd(void *user, int32_t fd, uint32_t events) {
    struct curl_socket *socket = user;
    int seen = (events & BERTH_FD_READ ? CURL_CSELECT_IN : 0) |
               (events & BERTH_FD_WRITE ? CURL_CSELECT_OUT : 0) |
               (events & BERTH_FD_ERROR ? CURL_CSELECT_ERR : 0);
    act(socket->client, fd, seen);
}

/* An error returned to libcurl would end all calls of the loop, and not before one is driven. */
static int give_up_watching(CURL *easy) {
    struct ml_http_call *call = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK && call) {
        call->unwatched = true;
    }
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned) {
    struct ml_http_client *client = user;
    const struct berth_loop_v1 *loop = client->plugin->loop;
    struct curl_socket *socket = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (socket) {
            loop->fd_unwatch(socket->watch);
            free(socket);
            (void)curl_multi_assign(client->multi, fd, NULL);
        }
        return 0;
    }
    uint32_t events =
        (what & CURL_POLL_IN ? BERTH_FD_READ : 0) | (what & CURL_POLL_OUT ? BERTH_FD_WRITE : 0);
    if (socket) {
        return loop->fd_modify(socket->watch, events) ? give_up_watching(easy) : 0;
    }
    socket = calloc(1, sizeof *socket);
    if (!socket) {
        return give_up_watching(easy);
    }
    socket->client = client;
    if (loop->fd_watch(client->plugin->host, fd, events, on_fd, socket, &socket->watch)) {
        free(socket);
        return give_up_watching(easy);
    }
    (void)curl_multi_assign(client->multi, fd, socket);
    return 0;
}

static void on_timer(void *user) {
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *user) {
    struct ml_http_client *client = user;
    (void)multi;
    if (timeout_ms < 0) {
        client->plugin->loop->timer_stop(client->timer);
    } else {
        client->plugin->loop->timer_start(client->timer, (uint64_t)timeout_ms);
    }
    return 0;
}

static void on_tick(void *user) {
    struct ml_http_client *client = user;
    uint64_t now = base_monotonic_ns();
    struct ml_http_call *next;
    for (struct ml_http_call *call = client->calls; call; call = next) {
        next = call->next;
        if (call->unwatched) {
            end_call(call, CURLE_OUT_OF_MEMORY);
            next = client->calls;
        } else if (!call->paused && now > call->last_byte_ns &&
                   now - call->last_byte_ns > call->read_timeout_ms * BASE_NS_PER_MS) {
            /* One that was begun while this runs has a later time than now. */
            (void)snprintf(call->reason, sizeof call->reason, "no byte came for %llu ms",
                           (unsigned long long)call->read_timeout_ms);
            end_call(call, CURLE_OPERATION_TIMEDOUT);
            next = client->calls; /* what done did may have ended others: look from the start */
        }
    }
    if (client->call_count > 0) {
        client->plugin->loop->timer_start(client->tick, TICK_MS);
    }
}

/* ---- the client ---- */

int32_t ml_http_client_create(struct ml_plugin *plugin, struct ml_http_client **out_client,
                              struct berth_error *error) {
    struct ml_http_client *client = calloc(1, sizeof *client);
    CURLM *multi = curl_multi_init();
    if (!client || !multi) {
        free(client);
        (void)curl_multi_cleanup(multi);
        return base_error_memory(error);
    }
    client->plugin = plugin;
    client->multi = multi;
    if (plugin->loop->timer_create(plugin->host, on_timer, client, &client->timer) ||
        plugin->loop->timer_create(plugin->host, on_tick, client, &client->tick)) {
        ml_http_client_destroy(client);
        return base_error_memory(error);
    }
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *out_client = client;
    return BERTH_OK;
}

void ml_http_client_destroy(struct ml_http_client *client) {
    if (!client) {
        return;
    }
    while (client->calls) {
        ml_http_cancel(client->calls);
    }
    while (client->free_calls) {
        struct ml_http_call *next = client->free_calls->next;
        curl_easy_cleanup(client->free_calls->easy);
        free(client->free_calls);
        client->free_calls = next;
    }
    (void)curl_multi_cleanup(client->multi);
    client->plugin->loop->timer_destroy(client->timer);
    client->plugin->loop->timer_destroy(client->tick);
    free(client);
}

/* A call with its easy handle, new or kept. */
static struct ml_http_call *take_call(struct ml_http_client *client) {
    struct ml_http_call *call = client->free_calls;
    if (call) {
        client->free_calls = call->next;
        client->free_count--;
        CURL *easy = call->easy;
        *call = (struct ml_http_call){.client = client, .easy = easy};
        curl_easy_reset(easy);
        return call;
    }
    call = calloc(1, sizeof *call);
    CURL *easy = call ? curl_easy_init() : NULL;
    if (!easy) {
        free(call);
        return NULL;
    }
    call->client = client;
    call->easy = easy;
    return call;
}

static CURLcode set_method(CURL *easy, const struct ml_http_request *request) {
    if (base_str_is(request->method, "GET")) {
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    char method[16];
    (void)snprintf(method, sizeof method, BASE_FMT, BASE_ARG(request->method));
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    code = code ? code
                : curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                                   request->body.ptr ? request->body.ptr : "");
    return code
               ? code
               : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
}

/* The lines of this call, and behind them those that all calls of its action share. */
static const struct curl_slist *make_headers(struct ml_http_call *call,
                                             const struct ml_http_request *request) {
    base_buf_init(&call->lines, BASE_BUF_MAX_DEFAULT);
    base_buf_str(&call->lines, request->more_lines);
    struct curl_slist *shared = request->headers->list;
    struct curl_slist *first = shared;
    char *at = call->lines.ptr;
    for (uint32_t i = 0; i < MORE_LINES_MAX && at && at < call->lines.ptr + call->lines.len; i++) {
        call->line_nodes[i] = (struct curl_slist){at, shared};
        if (i > 0) {
            call->line_nodes[i - 1].next = &call->line_nodes[i];
        } else {
            first = &call->line_nodes[0];
        }
        at += strlen(at) + 1;
    }
    return first;
}

static CURLcode set_options(struct ml_http_call *call, const struct ml_http_request *request,
                            const char *url) {
    CURL *easy = call->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, url);
    code = code ? code : set_method(easy, request);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, make_headers(call, request));
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->reason);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code ? code : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code = code ? code : curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code =
        code ? code
             : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    return code;
}

static CURLcode set_blob(CURL *easy, CURLoption option, struct berth_str text) {
    struct curl_blob blob = {(void *)(uintptr_t)text.ptr, BASE_LEN(text), CURL_BLOB_NOCOPY};
    return text.len ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

/* libcurl keeps apart connections whose TLS was set up in different ways. */
static CURLcode set_tls(CURL *easy, const struct ml_http_tls *tls) {
    if (!tls) {
        return CURLE_OK;
    }
    CURLcode code = CURLE_OK;
    if (tls->accept_any) {
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        code = code ? code : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    code = code ? code : set_blob(easy, CURLOPT_CAINFO_BLOB, tls->authorities);
    code = code ? code : set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->certificate);
    return code ? code : set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key);
}

int32_t ml_http_start(struct ml_http_client *client, const struct ml_http_request *request,
                      ml_http_done_fn done, void *user, struct ml_http_call **out_call) {
    struct ml_http_call *call = take_call(client);
    char *url = call ? strndup(request->url.ptr, BASE_LEN(request->url)) : NULL;
    if (!url) {
        if (call) {
            free_call(call);
        }
        return BERTH_E_NO_MEMORY;
    }
    call->done = done;
    call->on_bytes = request->on_bytes;
    call->user = user;
    call->max_body = request->max_body;
    call->read_timeout_ms = request->read_timeout_ms;
    call->allow_private = request->allow_private;
    call->last_byte_ns = base_monotonic_ns();
    base_buf_init(&call->answer.body, (size_t)request->max_body);
    CURLcode code = set_options(call, request, url);
    code = code ? code : set_tls(call->easy, request->tls);
    free(url);
    code = call->lines.error ? CURLE_OUT_OF_MEMORY : code;
    if (code || curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
        free_call(call);
        return BERTH_E_NO_MEMORY;
    }
    call->next = client->calls;
    if (call->next) {
        call->next->previous = call;
    }
    client->calls = call;
    if (client->call_count++ == 0) {
        client->plugin->loop->timer_start(client->tick, TICK_MS);
    }
    *out_call = call;
    /* Begins at once, rather than with the loop's next turn. */
    act(client, CURL_SOCKET_TIMEOUT, 0);
    return BERTH_OK;
}

void ml_http_pause(struct ml_http_call *call) {
    call->paused = true;
}

void ml_http_resume(struct ml_http_call *call) {
    struct ml_http_client *client = call->client;
    call->paused = false;
    call->last_byte_ns = base_monotonic_ns();
    (void)curl_easy_pause(call->easy, CURLPAUSE_CONT);
    act(client, CURL_SOCKET_TIMEOUT, 0);
}

void ml_http_cancel(struct ml_http_call *call) {
    unlink_call(call);
    free_call(call);
}
