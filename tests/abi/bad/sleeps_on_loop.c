/* SPDX-License-Identifier: Apache-2.0 */
/* @check threads.blocked: It sleeps on a loop. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    static _Atomic bool slept;
    if (!atomic_exchange(&slept, true)) {
        (void)usleep(400000);
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
