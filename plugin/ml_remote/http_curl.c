/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on the host's loop: its sockets are watched by the loop, its timer is
 * one of the loop's. Connections are kept by the multi handle and used again.
 */
#include "plugin/ml_remote/http_call.h"

#include "base/clock.h"
#include "base/curl/curl_late.h"
#include "plugin/ml_remote/address.h"
#include "plugin/ml_remote/http_headers.h"
#include "plugin/ml_remote/transport.h"

#include <stdio.h>
#include <stdlib.h>

/* Idle connections that a loop keeps, to all services together. */
#define KEPT_CONNECTIONS 256L
/* Easy handles and calls that a loop keeps for reuse. */
#define KEPT_CALLS 64u
/* A service that asks to be left alone for longer is not believed: a day. */
#define RETRY_AFTER_MAX_S 86400

/* Header lines of one call beside those of its action. */
#define MORE_LINES_MAX 8u

/* A socket of libcurl's with the loop's watch of it. */
struct curl_socket {
    struct berth_fd_watch *watch;
    struct ml_http_curl *curl;
};

struct curl_call {
    struct ml_http_call base;
    struct curl_call *next; /* in the list of those that are free */
    CURL *easy;
    bool saw_private;
    bool connected; /* so that what fails from here on is the service's doing */
    bool too_large;
    bool unwatched; /* its socket could not be watched: the next tick ends it */
    char reason[CURL_ERROR_SIZE];
    struct base_buf lines; /* headers of this call alone */
    struct curl_slist line_nodes[MORE_LINES_MAX];
};

struct ml_http_curl {
    struct ml_http_client *client;
    CURLM *multi;
    struct berth_timer *timer;
    struct curl_call *free_calls;
    uint32_t free_count;
};

/* ---- what libcurl calls ---- */

static bool is_success(const struct curl_call *call) {
    long status = 0;
    return curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
           status >= 200 && status < 300;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    struct curl_call *call = user;
    size_t len = size * count;
    call->base.last_byte_ns = base_monotonic_ns();
    if (call->base.is_paused) {
        return CURL_WRITEFUNC_PAUSE;
    }
    if (call->base.on_bytes && is_success(call)) {
        return call->base.on_bytes(call->base.user, base_str(bytes, len)) ? CURL_WRITEFUNC_ERROR
                                                                          : len;
    }
    base_buf_append(&call->base.answer.body, bytes, len);
    if (call->base.answer.body.error) {
        call->too_large = call->base.answer.body.error == BERTH_E_TOO_LARGE;
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
    struct curl_call *call = user;
    struct berth_str line = base_str(bytes, size * count);
    struct berth_str value;
    int64_t seconds;
    call->base.last_byte_ns = base_monotonic_ns();
    if (header_value(line, BERTH_STR("x-amzn-errortype"), &value)) {
        call->base.answer.is_throttled = base_str_starts(value, BERTH_STR("ThrottlingException"));
    } else if (header_value(line, BERTH_STR("retry-after"), &value) &&
               base_str_i64(value, &seconds) && seconds > 0 && seconds <= RETRY_AFTER_MAX_S) {
        call->base.answer.retry_after_ms = (uint64_t)seconds * BASE_MS_PER_S;
    }
    return size * count;
}

/* Called with the address that is about to be connected to: names cannot be turned in between. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
    struct curl_call *call = user;
    (void)purpose;
    if (!call->base.allow_private && ml_address_is_private(&address->addr)) {
        call->saw_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

/* Called before a request is sent, on a kept connection too: the setting may have changed. */
static int on_before_request(void *user, char *remote_ip, char *local_ip, int remote_port,
                             int local_port) {
    struct curl_call *call = user;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    if (!call->base.allow_private && ml_address_text_is_private(remote_ip)) {
        call->saw_private = true;
        return CURL_PREREQFUNC_ABORT;
    }
    call->connected = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- the end of a call ---- */

static void leave(struct curl_call *call) {
    (void)curl_multi_remove_handle(call->base.client->curl->multi, call->easy);
    ml_http_call_leave(&call->base);
}

static void free_call(struct curl_call *call) {
    struct ml_http_curl *curl = call->base.client->curl;
    base_buf_deinit(&call->base.answer.body);
    base_buf_deinit(&call->lines);
    if (curl->free_count < KEPT_CALLS) {
        call->next = curl->free_calls;
        curl->free_calls = call;
        curl->free_count++;
        return;
    }
    curl_easy_cleanup(call->easy);
    free(call);
}

/* What libcurl's codes mean. */
static enum ml_http_outcome outcome_of(const struct curl_call *call, CURLcode code) {
    if (call->saw_private) {
        return ML_HTTP_PRIVATE;
    }
    if (call->too_large) {
        return ML_HTTP_TOO_LARGE;
    }
    if (call->base.answer.body.error == BERTH_E_NO_MEMORY) {
        return ML_HTTP_NO_MEMORY;
    }
    long tunnel = 0; /* the proxy's status where it was asked for a tunnel */
    if (code && curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel) == CURLE_OK &&
        tunnel >= 300) {
        return ML_HTTP_PROXY;
    }
    switch (code) {
    case CURLE_OK:
        return ML_HTTP_ANSWERED;
    case CURLE_URL_MALFORMAT:
        return ML_HTTP_BAD_URL;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also of an answer that is no HTTP */
        return call->connected ? ML_HTTP_BROKEN : ML_HTTP_BAD_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
        return ML_HTTP_UNRESOLVED;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return ML_HTTP_PROXY;
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

static void read_answer(struct curl_call *call, CURLcode code) {
    struct ml_http_answer *answer = &call->base.answer;
    long status = 0;
    const char *text = NULL;
    if (answer->outcome != ML_HTTP_ANSWERED) {
        return;
    }
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

static void end_call(struct curl_call *call, CURLcode code) {
    read_answer(call, code);
    leave(call);
    ml_http_call_tell(&call->base);
    free_call(call);
}

static void check_done(struct ml_http_curl *curl) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(curl->multi, &left))) {
        struct curl_call *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK) {
            end_call(call, code);
        }
    }
}

static void act(struct ml_http_curl *curl, curl_socket_t fd, int events) {
    int running = 0;
    (void)curl_multi_socket_action(curl->multi, fd, events, &running);
    check_done(curl);
}

/* ---- sockets and timers ---- */

static void on_fd(void *user, int32_t fd, uint32_t events) {
    struct curl_socket *socket = user;
    int seen = (events & BERTH_FD_READ ? CURL_CSELECT_IN : 0) |
               (events & BERTH_FD_WRITE ? CURL_CSELECT_OUT : 0) |
               (events & BERTH_FD_ERROR ? CURL_CSELECT_ERR : 0);
    act(socket->curl, fd, seen);
}

/* An error returned to libcurl would end all calls of the loop, and not before one is driven. */
static int give_up_watching(CURL *easy) {
    struct curl_call *call = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK && call) {
        call->unwatched = true;
    }
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned) {
    struct ml_http_curl *curl = user;
    const struct ml_plugin *plugin = curl->client->plugin;
    const struct berth_loop_v1 *loop = plugin->loop;
    struct curl_socket *socket = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (socket) {
            loop->fd_unwatch(socket->watch);
            free(socket);
            (void)curl_multi_assign(curl->multi, fd, NULL);
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
    socket->curl = curl;
    if (loop->fd_watch(plugin->host, fd, events, on_fd, socket, &socket->watch)) {
        free(socket);
        return give_up_watching(easy);
    }
    (void)curl_multi_assign(curl->multi, fd, socket);
    return 0;
}

static void on_timer(void *user) {
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *user) {
    struct ml_http_curl *curl = user;
    const struct berth_loop_v1 *loop = curl->client->plugin->loop;
    (void)multi;
    if (timeout_ms < 0) {
        loop->timer_stop(curl->timer);
    } else {
        loop->timer_start(curl->timer, (uint64_t)timeout_ms);
    }
    return 0;
}

/* ---- the engine ---- */

static struct curl_call *of(struct ml_http_call *call) {
    return (struct curl_call *)call;
}

static void pause_call(struct ml_http_call *call) {
    (void)call; /* on_body looks whether it is */
}

static void resume_call(struct ml_http_call *call) {
    struct ml_http_curl *curl = call->client->curl;
    (void)curl_easy_pause(of(call)->easy, CURLPAUSE_CONT);
    act(curl, CURL_SOCKET_TIMEOUT, 0);
}

static void cancel_call(struct ml_http_call *call) {
    leave(of(call));
    free_call(of(call));
}

static bool expire_call(struct ml_http_call *call, uint64_t now_ns) {
    if (!of(call)->unwatched && !ml_http_call_is_late(call, now_ns)) {
        return false;
    }
    end_call(of(call), CURLE_OUT_OF_MEMORY); /* where it is not late */
    return true;
}

static const struct ml_http_engine engine = {
    .pause = pause_call,
    .resume = resume_call,
    .cancel = cancel_call,
    .expire = expire_call,
};

static int32_t create(struct ml_http_client *client, struct ml_http_curl **out_curl) {
    if (!base_curl_load()) {
        return BERTH_E_UNAVAILABLE;
    }
    struct ml_http_curl *curl = calloc(1, sizeof *curl);
    CURLM *multi = curl_multi_init();
    if (!curl || !multi ||
        client->plugin->loop->timer_create(client->plugin->host, on_timer, curl, &curl->timer)) {
        free(curl);
        (void)curl_multi_cleanup(multi);
        return BERTH_E_NO_MEMORY;
    }
    curl->client = client;
    curl->multi = multi;
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, curl);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, curl);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *out_curl = curl;
    return BERTH_OK;
}

void ml_http_curl_destroy(struct ml_http_curl *curl) {
    if (!curl) {
        return;
    }
    while (curl->free_calls) {
        struct curl_call *next = curl->free_calls->next;
        curl_easy_cleanup(curl->free_calls->easy);
        free(curl->free_calls);
        curl->free_calls = next;
    }
    (void)curl_multi_cleanup(curl->multi);
    curl->client->plugin->loop->timer_destroy(curl->timer);
    free(curl);
}

/* A call with its easy handle, new or kept. */
static struct curl_call *take_call(struct ml_http_curl *curl) {
    struct curl_call *call = curl->free_calls;
    if (call) {
        curl->free_calls = call->next;
        curl->free_count--;
        CURL *easy = call->easy;
        *call = (struct curl_call){.easy = easy};
        curl_easy_reset(easy);
        return call;
    }
    call = calloc(1, sizeof *call);
    CURL *easy = call ? curl_easy_init() : NULL;
    if (!easy) {
        free(call);
        return NULL;
    }
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
static const struct curl_slist *make_headers(struct curl_call *call,
                                             const struct ml_http_request *request) {
    base_buf_init_private(&call->lines, BASE_BUF_MAX_DEFAULT);
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

static CURLcode set_options(struct curl_call *call, const struct ml_http_request *request,
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
    code = code ? code : ml_transport_apply(request->transport, easy, url);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code =
        code ? code
             : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    return code;
}

int32_t ml_http_curl_start(struct ml_http_client *client, const struct ml_http_request *request,
                           ml_http_done_fn done, void *user, struct ml_http_call **out_call) {
    int32_t missing = client->curl ? BERTH_OK : create(client, &client->curl);
    if (missing) {
        return missing;
    }
    struct ml_http_curl *curl = client->curl;
    struct curl_call *call = take_call(curl);
    char *url = call ? strndup(request->url.ptr, BASE_LEN(request->url)) : NULL;
    if (!url) {
        if (call) {
            call->base.client = client;
            free_call(call);
        }
        return BERTH_E_NO_MEMORY;
    }
    ml_http_call_begin(&call->base, client, &engine, request, done, user);
    if (!request->allow_private && ml_transport_leads_to_private(request->transport, url)) {
        free(url);
        ml_http_call_fail(&call->base, ML_HTTP_PRIVATE, "asked of a proxy");
        end_call(call, CURLE_OK);
        return BERTH_OK;
    }
    CURLcode code = set_options(call, request, url);
    free(url);
    code = call->lines.error ? CURLE_OUT_OF_MEMORY : code;
    if (code || curl_multi_add_handle(curl->multi, call->easy) != CURLM_OK) {
        ml_http_call_leave(&call->base);
        free_call(call);
        return BERTH_E_NO_MEMORY;
    }
    *out_call = &call->base;
    /* Begins at once, rather than with the loop's next turn. */
    act(curl, CURL_SOCKET_TIMEOUT, 0);
    return BERTH_OK;
}
