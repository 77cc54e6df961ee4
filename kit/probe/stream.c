/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /_plugins/_abi_probe/stream: more than a slow client takes at once.
 */
#include "kit/probe/probe.h"

#define PIECE 65536u
#define PIECES 256u

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
    probe_expect(s->probe, CHECK_WRITABLE, s->waiting == 1 && probe_own_loop(s->probe),
                 "it is told %s", s->waiting ? "off its loop" : "twice");
    s->waiting = 0;
    go_on(s);
}

/* True: the client must read first. */
static int write_piece(struct streaming *s) {
    struct probe *p = s->probe;
    uint64_t queued = 0;
    const struct berth_str piece = {s->piece, PIECE};
    int32_t code = p->routes->stream_write(s->request, piece, &queued);
    if (code) {
        probe_expect(p, CHECK_FLOW, 0, "a write below the high water gives %" PRId32, code);
        s->sent = PIECES;
        return 0;
    }
    s->sent++;
    if (queued <= BERTH_STREAM_HIGH_WATER) {
        return 0;
    }
    if (!s->refused++) {
        code = p->routes->stream_write(s->request, piece, &queued);
        probe_expect(p, CHECK_FLOW, code == BERTH_E_LIMIT,
                     "a write above the high water gives %" PRId32, code);
    }
    s->waiting = 1;
    return 1;
}

static void go_on(struct streaming *s) {
    while (s->sent < PIECES) {
        if (write_piece(s)) {
            (void)s->probe->routes->stream_on_writable(s->request, writable, s);
            return;
        }
    }
    end_stream(s, 1);
}

void probe_get_stream(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct probe *p = user;
    struct streaming *s = calloc(1, sizeof *s);
    const struct berth_reply head = {
        .size = sizeof head, .status = 200, .content_type = BERTH_STR("text/plain")};
    (void)view;
    char *piece = malloc(PIECE);
    if (!s || !piece || p->routes->stream_open(request, &head)) {
        free(piece);
        free(s);
        probe_answer(p, request, "{}");
        return;
    }
    memset(piece, 'x', PIECE);
    *s = (struct streaming){.probe = p, .request = request, .piece = piece};
    go_on(s);
}
