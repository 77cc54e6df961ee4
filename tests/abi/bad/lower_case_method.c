/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.form: It registers a route whose method is in lower case. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_add(good, "get", "/_plugins/_good/low", BERTH_ROUTE_LOOP, route_answer, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
