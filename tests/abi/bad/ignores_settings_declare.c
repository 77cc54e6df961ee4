/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.settings_declare: It crashes where settings.declare fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    if (good_declare(good, "plugins.good.more", BERTH_SETTING_INT, "1", 0, 2, NULL)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
