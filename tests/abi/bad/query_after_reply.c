/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.after_reply: It reads a query parameter after the reply. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_str value = {NULL, 0};
    good_answer(good, request, view);
    (void)good->routes->query(request, BERTH_STR("verbose"), &value);
}

GOOD_PLUGIN(.answer = answer);
