/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.worker_submit: It crashes where worker.submit fails. */
#include "skeleton.h"

static void job(void *user) {
    (void)user;
}

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    if (good->worker->submit(good->host, job, good)) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
