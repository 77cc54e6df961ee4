/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.default: It declares a number whose default is none. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_declare(good, "plugins.good.many", BERTH_SETTING_INT, "many", 0, 2, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
