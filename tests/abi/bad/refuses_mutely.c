/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.refusal: It refuses a value without a reason. */
#include "skeleton.h"

static int32_t validate_limit(struct good *good, const struct berth_settings_view *view,
                              struct berth_error *error) {
    int64_t limit = 0;
    (void)error;
    (void)good->settings->get_int(view, GOOD_LIMIT, &limit);
    return limit == 1000 ? BERTH_E_INVALID : BERTH_OK;
}

GOOD_PLUGIN(.validate = validate_limit);
