/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.type: It declares a setting of a type that there is not. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_declare(good, "plugins.good.odd", 99, "1", 0, 2, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
