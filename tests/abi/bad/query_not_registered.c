/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.query: It asks for a query parameter that it has not registered. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_str value = {NULL, 0};
    (void)good->routes->query(request, BERTH_STR("secret"), &value);
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
