/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.defaults_taken: It refuses the default of its own setting. */
#include "skeleton.h"

static int32_t validate_limit(struct good *good, const struct berth_settings_view *view,
                              struct berth_error *error) {
    int64_t limit = 0;
    (void)good->settings->get_int(view, GOOD_LIMIT, &limit);
    if (limit == 42) {
        (void)snprintf(error->message, sizeof error->message, "42 is not the answer");
        return BERTH_E_INVALID;
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.validate = validate_limit);
