/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.query_values: It crashes on a query parameter without a value. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    struct berth_str value = {"x", 1};
    (void)good->routes->query(request, BERTH_STR("verbose"), &value);
    if (value.len == 0) {
        abort();
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
