/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.leaving: When the client leaves it replies, and once more when it is done. */
#include "skeleton.h"

struct slow {
    struct good *good;
    struct berth_request *request;
    struct berth_timer *timer;
};

static void due(void *user) {
    struct slow *slow = user;
    slow->good->loop->timer_destroy(slow->timer);
    (void)good_reply(slow->good, slow->request, 200, "{}");
    free(slow);
}

static void left(void *user) {
    struct slow *slow = user;
    if (slow->timer) {
        good_refuse(slow->good, slow->request, BERTH_E_CANCELLED);
        due(slow);
    }
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct slow *slow = calloc(1, sizeof *slow);
    (void)view;
    if (!slow) {
        good_refuse(good, request, BERTH_E_NO_MEMORY);
        return;
    }
    *slow = (struct slow){.good = good, .request = request};
    (void)good->routes->on_cancel(request, left, slow);
    if (good->loop->timer_create(good->host, due, slow, &slow->timer)) {
        good_refuse(good, request, BERTH_E_NO_MEMORY);
        free(slow);
        return;
    }
    good->loop->timer_start(slow->timer, 10);
}

GOOD_PLUGIN(.answer = answer);
