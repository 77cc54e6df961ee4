/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.key: It declares a setting whose key is in upper case. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    (void)good_declare(good, "Plugins.Good.High", BERTH_SETTING_INT, "1", 0, 2, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
