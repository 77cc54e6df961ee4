/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

static int32_t declare(const struct berth_host *host, const struct berth_setting *settings,
                       uint32_t count, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(CREATED), "settings.declare", error);
    for (uint32_t i = 0; i < count && !code; i++) {
        if (settings[i].size != sizeof settings[i]) {
            code = base_error(error, BERTH_E_INVALID, "berth_setting has %u bytes, expected %zu",
                              settings[i].size, sizeof settings[i]);
        }
    }
    return code ? code : settings_declare(g->services->settings, g->owner, settings, count, error);
}

static int32_t observe(const struct berth_host *host, berth_settings_validate_fn validate,
                       berth_settings_changed_fn changed, void *user) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(CREATED), "settings.observe", NULL);
    return code ? code
                : settings_observe(g->services->settings, g->owner, validate, changed, user, NULL);
}

const struct berth_settings_v1 cap_settings = {
    .size = sizeof cap_settings,
    .declare = declare,
    .observe = observe,
    .get_int = settings_get_int,
    .get_float = settings_get_float,
    .get_text = settings_get_text,
    .get_list = settings_get_list,
};
