/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.size: It declares a setting that does not say its size. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    const struct berth_str one = BERTH_STR_INIT("1");
    struct berth_setting setting = {.type = BERTH_SETTING_INT,
                                    .default_count = 1,
                                    .key = BERTH_STR("plugins.good.small"),
                                    .default_values = &one,
                                    .max = 2};
    (void)error;
    (void)good->settings->declare(good->host, &setting, 1, NULL);
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
