/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.settings_observe: It crashes where settings.observe fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    if (good->settings->observe(good->host, validate, changed, good)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
