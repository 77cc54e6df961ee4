/* SPDX-License-Identifier: Apache-2.0 */
/* A connection whose client leaves while it is answered. */
#include "host/http/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/loop/loop.h"

static const struct http_limits limits = {
    .max_initial_line_length = 100, .max_header_size = 900, .max_content_length = 100000};

/* One request under way; the loop turns when the test says so. */
struct rig {
    struct loop_group *loops;
    struct http_loop home;
    struct http_conn *conn;
    struct http_request *request;
    int peer;
    uint32_t gone; /* how often the handler was told */
    bool ends_it;  /* the handler then ends the streamed answer */
};

/* Stands in for the server, which is told of connections that end while it drains. */
void http_server_note_closed(struct http_server *server) {
    (void)server;
}

static void on_gone(void *user) {
    struct rig *r = user;
    r->gone++;
    if (r->ends_it) {
        http_stream_close(r->request, false);
    }
}

static void begin(struct rig *r) {
    int fds[2];
    *r = (struct rig){0};
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(loop_group_create(1, &r->loops, NULL), BERTH_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    r->home.loop = loop_group_at(r->loops, 0);
    r->home.limits = &limits;
    r->home.stats.connections_open = 1;
    r->home.stats.in_flight = 1;
    r->conn = calloc(1, sizeof *r->conn);
    r->request = http_request_create(&r->home);
    assert_non_null(r->conn);
    assert_non_null(r->request);
    assert_int_equal(uv_tcp_init(loop_uv(r->home.loop), &r->conn->tcp), 0);
    assert_int_equal(uv_tcp_open(&r->conn->tcp, fds[0]), 0);
    r->peer = fds[1];
    r->conn->tcp.data = r->conn;
    r->conn->home = &r->home;
    r->conn->active = r->request;
    r->home.conns = r->conn;
    r->request->conn = r->conn;
    r->request->on_gone = on_gone;
    r->request->user = r;
}

static void turn(struct rig *r) {
    (void)uv_run(loop_uv(r->home.loop), UV_RUN_NOWAIT);
}

static void end(struct rig *r) {
    turn(r);
    assert_int_equal(r->home.stats.connections_open, 0);
    assert_int_equal(r->home.stats.in_flight, 0);
    while (r->home.free_requests) {
        struct http_request *request = r->home.free_requests;
        r->home.free_requests = request->next;
        base_buf_deinit(&request->head);
        base_buf_deinit(&request->body);
        free(request);
    }
    loop_group_destroy(r->loops);
}

static const struct http_reply streamed = {.status = 200};

/* Who writes would be ended by its own call, with what it works on. */
static void a_write_that_fails_tells_the_handler_later(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    r.ends_it = true;
    http_stream_open(r.request, &streamed);
    (void)close(r.peer);
    assert_int_equal(http_stream_write(r.request, BERTH_STR("piece")), BERTH_E_CANCELLED);
    assert_int_equal(r.gone, 0);
    assert_false(http_request_is_live(r.request));
    assert_int_equal(http_stream_write(r.request, BERTH_STR("more")), BERTH_E_CANCELLED);
    turn(&r);
    assert_int_equal(r.gone, 1);
    assert_int_equal(r.home.stats.clients_gone, 1);
    end(&r);
}

static void a_head_that_cannot_be_sent_tells_the_handler_later(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    r.ends_it = true;
    (void)close(r.peer);
    http_stream_open(r.request, &streamed);
    assert_int_equal(r.gone, 0);
    assert_int_equal(http_stream_queued(r.request), 0);
    turn(&r);
    assert_int_equal(r.gone, 1);
    end(&r);
}

/* A handler that ended its answer meanwhile is told nothing. */
static void an_answer_that_ended_is_not_gone(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    http_stream_open(r.request, &streamed);
    (void)close(r.peer);
    assert_int_equal(http_stream_write(r.request, BERTH_STR("piece")), BERTH_E_CANCELLED);
    http_stream_close(r.request, false);
    end(&r);
    assert_int_equal(r.gone, 0);
}

static void releases_the_parts_of_a_reply_that_comes_too_late(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    char *body = strdup("body");
    struct berth_str part = base_cstr(body);
    http_conn_close(r.conn);
    http_reply(r.request,
               &(struct http_reply){
                   .status = 200, .parts = &part, .part_count = 1, .release = free, .owner = body});
    (void)close(r.peer);
    end(&r);
    assert_int_equal(r.gone, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_fails_tells_the_handler_later),
        cmocka_unit_test(a_head_that_cannot_be_sent_tells_the_handler_later),
        cmocka_unit_test(an_answer_that_ended_is_not_gone),
        cmocka_unit_test(releases_the_parts_of_a_reply_that_comes_too_late),
    };
    return cmocka_run_group_tests_name("host.http.conn", tests, NULL, NULL);
}
