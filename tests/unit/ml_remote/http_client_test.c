/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking remote services: against a service on the loopback interface, on a thread of its own.
 * @threads
 */
#include "plugin/ml_remote/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/curl/curl_late.h"
#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

/* ---- the service ---- */

/* What it sends for each request, in order; NULL ends the list. SILENCE: nothing, until the client
 * closes; CLOSE ends the connection, so that the next request comes on a new one. */
#define SILENCE "silence"
#define CLOSE "close"
/* The request is read, and the connection ends without an answer. */
#define DROP "drop"
/* The answer comes after the head, and nothing is taken any more until the client closes. */
#define EARLY "early"
#define EARLY_ANSWER "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge"
#define ANSWERS_MAX 8

struct service {
    const char *answers[ANSWERS_MAX];
    int listener;
    uint16_t port;
    pthread_t thread;
    uint32_t connections; /* that were accepted; read when the thread has ended */
    char requests[8192];  /* all that came */
    size_t request_len;
};

/* Reads a request: its head, and as much body as its Content-Length says. */
static bool read_request(struct service *s, int fd) {
    size_t start = s->request_len;
    for (;;) {
        s->requests[s->request_len] = '\0';
        const char *head = strstr(s->requests + start, "\r\n\r\n");
        const char *length = head ? strstr(s->requests + start, "Content-Length: ") : NULL;
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        if (head && s->requests + s->request_len >= head + 4 + body) {
            return true;
        }
        ssize_t got =
            read(fd, s->requests + s->request_len, sizeof s->requests - 1 - s->request_len);
        if (got <= 0) {
            return false;
        }
        s->request_len += (size_t)got;
    }
}

static void answer_early(int fd) {
    char bytes[4096];
    (void)!read(fd, bytes, sizeof bytes);
    (void)!send(fd, EARLY_ANSWER, strlen(EARLY_ANSWER), MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}

static void *serve(void *user) {
    struct service *s = user;
    int fd = -1;
    for (size_t i = 0; i < ANSWERS_MAX && s->answers[i];) {
        if (fd < 0) {
            fd = accept(s->listener, NULL, NULL);
            if (fd < 0) {
                break;
            }
            s->connections++;
        }
        bool early = strcmp(s->answers[i], EARLY) == 0;
        bool close_now = strcmp(s->answers[i], CLOSE) == 0;
        bool came = !early && !close_now && read_request(s, fd);
        bool drop = came && strcmp(s->answers[i], DROP) == 0;
        if (early) {
            answer_early(fd);
        }
        if (!came || drop) {
            (void)close(fd);
            fd = -1;
            i += close_now || drop || early;
            continue;
        }
        if (strcmp(s->answers[i], SILENCE) == 0) {
            char rest;
            (void)!read(fd, &rest, 1);
        } else {
            (void)!send(fd, s->answers[i], strlen(s->answers[i]), MSG_NOSIGNAL);
        }
        i++;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

static void service_start(struct service *s) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void service_end(struct service *s) {
    (void)shutdown(s->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listener);
}

/* ---- the client ---- */

/* Each test runs with both engines. */
static bool by_libcurl;

struct rig {
    struct fake_host host;
    struct ml_http_client *client;
    struct ml_http_headers *headers;
    struct service service;
};

/* One call and what became of it. */
struct asked {
    bool done;
    struct ml_http_answer answer;
    struct ml_http_call *call;
};

static void rig_begin(struct rig *rig, const char *const *answers) {
    static const struct berth_str lines[] = {BERTH_STR_INIT("X-Test: yes"),
                                             BERTH_STR_INIT("Expect:")};
    memset(rig, 0, sizeof *rig);
    fake_host_init(&rig->host);
    assert_int_equal(ml_http_client_create(&rig->host.plugin, &rig->client, NULL), BERTH_OK);
    assert_int_equal(ml_http_headers_create(NULL, lines, 2, NULL, 0, &rig->headers), BERTH_OK);
    for (size_t i = 0; answers[i]; i++) {
        rig->service.answers[i] = answers[i];
    }
    service_start(&rig->service);
}

/* The client goes first: a silent service waits for it to close. */
static void rig_end(struct rig *rig) {
    ml_http_client_destroy(rig->client);
    service_end(&rig->service);
    for (size_t i = 0; i < FAKE_WATCHES_MAX; i++) {
        assert_null(rig->host.loop.watches[i].loop);
    }
    for (size_t i = 0; i < FAKE_TIMERS_MAX; i++) {
        assert_null(rig->host.loop.timers[i].loop);
    }
    ml_http_headers_destroy(rig->headers);
    fake_host_deinit(&rig->host);
}

/* Takes over the body, as a prediction does. */
static void on_done(void *user, struct ml_http_answer *answer) {
    struct asked *asked = user;
    asked->done = true;
    asked->answer = *answer;
    answer->body = (struct base_buf){.max = answer->body.max};
}

static struct ml_http_request request_to(const struct rig *rig, char *url, size_t size) {
    (void)snprintf(url, size, "http://127.0.0.1:%u/path?q", rig->service.port);
    return (struct ml_http_request){.method = BERTH_STR("POST"),
                                    .url = base_cstr(url),
                                    .headers = rig->headers,
                                    .body = BERTH_STR("{\"a\":1}"),
                                    .connect_timeout_ms = 20000,
                                    .read_timeout_ms = 20000,
                                    .max_body = 1024,
                                    .allow_private = true,
                                    .by_libcurl = by_libcurl};
}

static int32_t start(struct rig *rig, const struct ml_http_request *request, struct asked *asked) {
    *asked = (struct asked){0};
    return ml_http_start(rig->client, request, on_done, asked, &asked->call);
}

static void ask(struct rig *rig, const struct ml_http_request *request, struct asked *asked) {
    assert_int_equal(start(rig, request, asked), BERTH_OK);
    fake_host_run_jobs(&rig->host); /* names are looked up there */
    fake_loop_run(&rig->host.loop, &asked->done);
}

#define OK_ANSWER                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: 8\r\n"    \
    "\r\n{\"b\":22}"

/* ---- tests ---- */

static void asks_and_is_answered(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked;
    char url[128];
    rig_begin(&rig, (const char *const[]){OK_ANSWER, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    ask(&rig, &request, &asked);
    assert_int_equal(asked.answer.outcome, ML_HTTP_ANSWERED);
    assert_int_equal(asked.answer.status, 200);
    assert_string_equal(asked.answer.content_type, "application/json; charset=UTF-8");
    assert_string_equal(asked.answer.location, "");
    assert_true(base_str_is(base_buf_view(&asked.answer.body), "{\"b\":22}"));
    base_buf_deinit(&asked.answer.body);
    rig_end(&rig);
    assert_true(
        base_str_starts(base_cstr(rig.service.requests), BERTH_STR("POST /path?q HTTP/1.1\r\n")));
    assert_non_null(strstr(rig.service.requests, "\r\nX-Test: yes\r\n"));
    assert_null(strstr(rig.service.requests, "Expect"));
    assert_non_null(strstr(rig.service.requests, "\r\n\r\n{\"a\":1}"));
}

static void uses_each_method(void **state) {
    (void)state;
    static const char *const methods[] = {"GET", "PUT", "DELETE"};
    struct rig rig;
    struct asked asked;
    char url[128];
    rig_begin(&rig, (const char *const[]){OK_ANSWER, OK_ANSWER, OK_ANSWER, NULL});
    for (size_t i = 0; i < BASE_COUNT(methods); i++) {
        struct ml_http_request request = request_to(&rig, url, sizeof url);
        request.method = base_cstr(methods[i]);
        ask(&rig, &request, &asked);
        assert_int_equal(asked.answer.outcome, ML_HTTP_ANSWERED);
        base_buf_deinit(&asked.answer.body);
    }
    rig_end(&rig);
    const char *put = strstr(rig.service.requests, "PUT /path?q HTTP/1.1\r\n");
    assert_true(base_str_starts(base_cstr(rig.service.requests), BERTH_STR("GET /path?q ")));
    assert_non_null(put);
    assert_non_null(strstr(put, "DELETE /path?q HTTP/1.1\r\n"));
    assert_true(strstr(rig.service.requests, "{\"a\":1}") > put);
}

static void uses_a_connection_again(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked;
    char url[128];
    rig_begin(&rig, (const char *const[]){OK_ANSWER, OK_ANSWER, CLOSE, OK_ANSWER, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    for (int i = 0; i < 3; i++) {
        ask(&rig, &request, &asked);
        assert_int_equal(asked.answer.outcome, ML_HTTP_ANSWERED);
        assert_int_equal(asked.answer.status, 200);
        base_buf_deinit(&asked.answer.body);
    }
    rig_end(&rig);
    /* The first two on one; the third found it closed. */
    assert_int_equal(rig.service.connections, 2);
}

/* Once more where it was kept, since nothing of an answer came; a new one is taken at its word. */
static void asks_again_where_a_kept_connection_ends(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked;
    char url[128];
    rig_begin(&rig,
              (const char *const[]){OK_ANSWER, DROP, OK_ANSWER, CLOSE, DROP, OK_ANSWER, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    static const enum ml_http_outcome outcomes[] = {ML_HTTP_ANSWERED, ML_HTTP_ANSWERED,
                                                    ML_HTTP_BROKEN, ML_HTTP_ANSWERED};
    for (size_t i = 0; i < BASE_COUNT(outcomes); i++) {
        ask(&rig, &request, &asked);
        if (asked.answer.outcome != outcomes[i]) {
            fail_msg("call %zu: %d, %s", i, asked.answer.outcome, asked.answer.detail);
        }
        base_buf_deinit(&asked.answer.body);
    }
    rig_end(&rig);
    assert_int_equal(rig.service.connections, 4);
}

static void takes_an_answer_before_all_is_sent(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked;
    char url[128];
    rig_begin(&rig, (const char *const[]){EARLY, OK_ANSWER, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    size_t len = (size_t)32 << 20; /* more than sockets hold */
    char *body = test_calloc(len, 1);
    request.body = base_str(body, len);
    ask(&rig, &request, &asked);
    assert_int_equal(asked.answer.outcome, ML_HTTP_ANSWERED);
    assert_int_equal(asked.answer.status, 413);
    base_buf_deinit(&asked.answer.body);
    /* The connection, on which half a request lies, is not used again. */
    request.body = BERTH_STR("{}");
    ask(&rig, &request, &asked);
    assert_int_equal(asked.answer.status, 200);
    base_buf_deinit(&asked.answer.body);
    test_free(body);
    rig_end(&rig);
    assert_int_equal(rig.service.connections, 2);
}

/* One answer, its outcome, and what of it is passed on. */
static const struct {
    const char *answer;
    uint64_t max_body;
    enum ml_http_outcome outcome;
    uint32_t status;
    const char *body;
    const char *location;
} answers[] = {
    {"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops", 1024, ML_HTTP_ANSWERED, 500, "oops", ""},
    {"HTTP/1.1 204 No Content\r\n\r\n", 1024, ML_HTTP_ANSWERED, 204, "", ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n\n\r\n0\r\n\r\n", 1024,
     ML_HTTP_ANSWERED, 200, "{}\n", ""},
    /* Redirects are told, not followed. */
    {"HTTP/1.1 302 Found\r\nLocation: http://other.example/x?y\r\nContent-Length: 0\r\n\r\n", 1024,
     ML_HTTP_ANSWERED, 302, "", "http://other.example/x?y"},
    {"HTTP/1.1 307 Found\r\nContent-Length: 0\r\n\r\n", 1024, ML_HTTP_ANSWERED, 307, "", ""},
    /* At the limit, and beyond; the second does not say before how long it is. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678", 8, ML_HTTP_ANSWERED, 200, "12345678",
     ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789", 8, ML_HTTP_TOO_LARGE, 0, "", ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n",
     8, ML_HTTP_TOO_LARGE, 0, NULL, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", 0, ML_HTTP_TOO_LARGE, 0, "", ""},
    /* Broken. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n1234", 1024, ML_HTTP_BROKEN, 0, NULL, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123", 1024, ML_HTTP_BROKEN, 0, NULL,
     ""},
    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 1024,
     ML_HTTP_BROKEN, 0, NULL, ""},
    {"this is no HTTP\r\n\r\n", 1024, ML_HTTP_BROKEN, 0, NULL, ""},
};

static void takes_answers_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(answers); i++) {
        struct rig rig;
        struct asked asked;
        char url[128];
        rig_begin(&rig, (const char *const[]){answers[i].answer, CLOSE, NULL});
        struct ml_http_request request = request_to(&rig, url, sizeof url);
        request.max_body = answers[i].max_body;
        ask(&rig, &request, &asked);
        if (asked.answer.outcome != answers[i].outcome) {
            fail_msg("answer %zu: %d, %s", i, asked.answer.outcome, asked.answer.detail);
        }
        assert_int_equal(asked.answer.status, answers[i].status);
        assert_string_equal(asked.answer.location, answers[i].location);
        assert_true(!answers[i].body ||
                    base_str_is(base_buf_view(&asked.answer.body), answers[i].body));
        base_buf_deinit(&asked.answer.body);
        rig_end(&rig);
    }
}

static void ends_a_call_that_waits_too_long(void **state) {
    (void)state;
    static const char *const cases[] = {SILENCE,
                                        "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n1234"};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct rig rig;
        struct asked asked;
        char url[128];
        rig_begin(&rig, (const char *const[]){cases[i], SILENCE, NULL});
        struct ml_http_request request = request_to(&rig, url, sizeof url);
        request.read_timeout_ms = 20;
        ask(&rig, &request, &asked);
        assert_int_equal(asked.answer.outcome, ML_HTTP_TIMED_OUT);
        assert_string_equal(asked.answer.detail, "no byte came for 20 ms");
        base_buf_deinit(&asked.answer.body);
        rig_end(&rig);
    }
}

static void refuses_a_private_address(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked;
    char url[128];
    rig_begin(&rig, (const char *const[]){OK_ANSWER, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    request.allow_private = false;
    ask(&rig, &request, &asked);
    assert_int_equal(asked.answer.outcome, ML_HTTP_PRIVATE);
    /* Nor on a connection that was kept from when it was allowed. */
    request.allow_private = true;
    ask(&rig, &request, &asked);
    assert_int_equal(asked.answer.outcome, ML_HTTP_ANSWERED);
    base_buf_deinit(&asked.answer.body);
    request.allow_private = false;
    ask(&rig, &request, &asked);
    assert_int_equal(asked.answer.outcome, ML_HTTP_PRIVATE);
    rig_end(&rig);
    assert_int_equal(rig.service.connections, 1);
    assert_null(strstr(rig.service.requests + 1, "POST"));
}

static const struct {
    const char *url; /* with the port of nobody, where it has %u */
    enum ml_http_outcome outcome;
} unreachable[] = {
    {"http://127.0.0.1:%u/", ML_HTTP_REFUSED},
    {"https://127.0.0.1:%u/", ML_HTTP_REFUSED},
    {"http://nowhere.invalid/", ML_HTTP_UNRESOLVED},
    {"ftp://127.0.0.1/", ML_HTTP_BAD_URL},
    {"file:///etc/hostname", ML_HTTP_BAD_URL},
    {"http://127.0.0.1:99999/", ML_HTTP_BAD_URL},
    {"http://[::/", ML_HTTP_BAD_URL},
    {"http://", ML_HTTP_BAD_URL},
};

/* A port on which nobody listens: bound, and not listened on. */
static int unused_port(uint16_t *out_port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static void tells_why_there_is_no_connection(void **state) {
    (void)state;
    struct rig rig;
    uint16_t port = 0;
    int unused = unused_port(&port);
    rig_begin(&rig, (const char *const[]){OK_ANSWER, NULL});
    for (size_t i = 0; i < BASE_COUNT(unreachable); i++) {
        struct asked asked;
        char url[128];
        struct ml_http_request request = request_to(&rig, url, sizeof url);
        (void)snprintf(url, sizeof url, unreachable[i].url, port);
        request.url = base_cstr(url);
        ask(&rig, &request, &asked);
        if (asked.answer.outcome != unreachable[i].outcome) {
            fail_msg("%s: %d, %s", url, asked.answer.outcome, asked.answer.detail);
        }
        assert_string_not_equal(asked.answer.detail, "");
    }
    (void)close(unused);
    rig_end(&rig);
}

static void no_tls_where_there_is_none(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked;
    char url[128];
    /* The service takes the greeting for a request without end, and closes. */
    rig_begin(&rig, (const char *const[]){CLOSE, CLOSE, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", rig.service.port);
    request.url = base_cstr(url);
    ask(&rig, &request, &asked);
    assert_true(asked.answer.outcome == ML_HTTP_TLS || asked.answer.outcome == ML_HTTP_BROKEN);
    rig_end(&rig);
}

static void ends_a_call_that_is_cancelled(void **state) {
    (void)state;
    struct rig rig;
    struct asked cancelled;
    struct asked other;
    char url[128];
    rig_begin(&rig, (const char *const[]){OK_ANSWER, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    assert_int_equal(start(&rig, &request, &cancelled), BERTH_OK);
    ml_http_cancel(cancelled.call);
    ask(&rig, &request, &other);
    assert_int_equal(other.answer.outcome, ML_HTTP_ANSWERED);
    assert_false(cancelled.done);
    base_buf_deinit(&other.answer.body);
    rig_end(&rig);
}

/* Those that have not ended are dropped without done. */
static void drops_calls_when_it_is_destroyed(void **state) {
    (void)state;
    struct rig rig;
    struct asked asked[3];
    char url[128];
    rig_begin(&rig, (const char *const[]){SILENCE, NULL});
    struct ml_http_request request = request_to(&rig, url, sizeof url);
    for (size_t i = 0; i < BASE_COUNT(asked); i++) {
        assert_int_equal(start(&rig, &request, &asked[i]), BERTH_OK);
    }
    rig_end(&rig);
    for (size_t i = 0; i < BASE_COUNT(asked); i++) {
        assert_false(asked[i].done);
    }
    ml_http_client_destroy(NULL);
}

static void is_not_created_without_timers(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_http_client *client = NULL;
    fake_host_init(&host);
    host.loop.fail_next = true;
    assert_int_equal(ml_http_client_create(&host.plugin, &client, NULL), BERTH_E_NO_MEMORY);
    assert_null(client);
    fake_host_deinit(&host);
}

/* A call that lacks memory fails as such; it is not blamed on the service. */
static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct fake_host host;
        struct ml_http_client *client = NULL;
        fake_host_init(&host);
        int32_t code = ml_http_client_create(&host.plugin, &client, NULL);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        ml_http_client_destroy(client);
        fake_host_deinit(&host);
    });
    struct rig rig;
    const char *list[ANSWERS_MAX + 1] = {NULL};
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        list[i] = OK_ANSWER;
    }
    rig_begin(&rig, list);
    FAULT_EACH_ALLOCATION({
        struct asked asked;
        char url[128];
        struct ml_http_request request = request_to(&rig, url, sizeof url);
        int32_t code = start(&rig, &request, &asked);
        if (code == BERTH_OK) {
            fake_loop_run(&rig.host.loop, &asked.done);
            if (asked.answer.outcome != ML_HTTP_ANSWERED &&
                asked.answer.outcome != ML_HTTP_NO_MEMORY) {
                fail_msg("allocation %u: %d, %s", fault_n, asked.answer.outcome,
                         asked.answer.detail);
            }
            base_buf_deinit(&asked.answer.body);
        } else {
            assert_int_equal(code, BERTH_E_NO_MEMORY);
        }
    });
    rig_end(&rig);
}

static int set_up(void **state) {
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the host does */
    /* By the first in a process: what it keeps is no leak of a test. */
    return by_libcurl && !base_curl_load() ? -1 : 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_and_is_answered),
        cmocka_unit_test(uses_each_method),
        cmocka_unit_test(uses_a_connection_again),
        cmocka_unit_test(asks_again_where_a_kept_connection_ends),
        cmocka_unit_test(takes_an_answer_before_all_is_sent),
        cmocka_unit_test(takes_answers_by_table),
        cmocka_unit_test(ends_a_call_that_waits_too_long),
        cmocka_unit_test(refuses_a_private_address),
        cmocka_unit_test(tells_why_there_is_no_connection),
        cmocka_unit_test(no_tls_where_there_is_none),
        cmocka_unit_test(ends_a_call_that_is_cancelled),
        cmocka_unit_test(drops_calls_when_it_is_destroyed),
        cmocka_unit_test(is_not_created_without_timers),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    int failed = cmocka_run_group_tests_name("ml_remote.http_client, our own", tests, set_up, NULL);
    by_libcurl = true;
    return failed +
           cmocka_run_group_tests_name("ml_remote.http_client, libcurl", tests, set_up, NULL);
}
