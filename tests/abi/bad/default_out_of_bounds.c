/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.bounds: It declares a default beyond its bounds. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_declare(good, "plugins.good.three", BERTH_SETTING_INT, "3", 0, 2, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
