/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.view: It keeps the view of its settings, and reads it at a request. */
#include "skeleton.h"

static void changed_limit(struct good *good, const struct berth_settings_view *view) {
    good->own = (void *)(uintptr_t)view;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    int64_t limit = 0;
    (void)good->settings->get_int(good->own, GOOD_LIMIT, &limit);
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer, .changed = changed_limit);
