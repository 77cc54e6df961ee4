/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.static_tls: Its thread-local variable needs room from the start. */
#include "skeleton.h"

static __thread int calls __attribute__((tls_model("initial-exec")));

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    calls++;
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
