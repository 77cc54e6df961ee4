/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.in_flight: It forgets its requests as it drains. */
#include "skeleton.h"

static struct berth_timer *pending;
static struct berth_request *waiting;
static _Atomic uint32_t pending_loop;

static void due(void *user) {
    struct good *good = user;
    good->loop->timer_destroy(pending);
    pending = NULL;
    (void)good_reply(good, waiting, 200, "{}");
}

/* The kit sends to all routes before it drains; which of them come to the second loop is its own.
 */
static bool holds(struct good *good, struct berth_request *request,
                  const struct berth_request_view *view) {
    if (view->loop != 1 || atomic_load(&good->requests) > 5 || pending ||
        good->loop->timer_create(good->host, due, good, &pending)) {
        return false;
    }
    waiting = request;
    pending_loop = view->loop;
    good->loop->timer_start(pending, 100);
    return true;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (!holds(good, request, view)) {
        good_answer(good, request, view);
    }
}

static void stream(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (!holds(good, request, view)) {
        good_stream(good, request, view);
    }
}

static void forget(void *user, uint32_t loop, void *context) {
    struct good *good = user;
    (void)context;
    if (pending && pending_loop == loop) {
        good->loop->timer_destroy(pending);
        pending = NULL;
    }
}

static void drained(struct good *good) {
    (void)good->loop->run_on_all(good->host, forget, good);
}

GOOD_PLUGIN(.answer = answer, .stream = stream, .drain = drained);
