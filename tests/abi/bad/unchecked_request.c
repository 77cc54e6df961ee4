/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.fail_requests: It does not look whether a request was given memory. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    char *volatile memory = malloc(10);
    memory[0] = '\0';
    free(memory);
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
