/* SPDX-License-Identifier: Apache-2.0 */
/* @check threads.changes: It crashes when settings change while it handles a request. */
#include "skeleton.h"

static _Atomic uint32_t in_flight;

struct slow {
    struct good *good;
    struct berth_request *request;
    struct berth_timer *timer;
};

static void due(void *user) {
    struct slow *slow = user;
    in_flight--;
    slow->good->loop->timer_destroy(slow->timer);
    (void)good_reply(slow->good, slow->request, 200, "{}");
    free(slow);
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct slow *slow = calloc(1, sizeof *slow);
    (void)view;
    if (!slow || good->loop->timer_create(good->host, due, slow, &slow->timer)) {
        free(slow);
        good_refuse(good, request, BERTH_E_NO_MEMORY);
        return;
    }
    slow->good = good;
    slow->request = request;
    in_flight++;
    good->loop->timer_start(slow->timer, 200);
}

static void changed_limit(struct good *good, const struct berth_settings_view *view) {
    (void)good;
    (void)view;
    if (in_flight) {
        abort();
    }
}

GOOD_PLUGIN(.answer = answer, .changed = changed_limit);
