/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

/* Fields of one line beside the plugin's name. */
#define FIELDS_MAX 16u

static void write_line(const struct berth_host *host, uint32_t level, struct berth_str event,
                       const struct berth_log_field *fields, uint32_t field_count) {
    struct generation *g = generation_of(host);
    struct berth_log_field all[FIELDS_MAX + 1] = {
        {BERTH_STR_INIT("plugin"), base_cstr(g->owner)},
    };
    uint32_t count = field_count < FIELDS_MAX ? field_count : FIELDS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        all[i + 1] = fields[i];
    }
    log_write(g->services->log, level, event, all, count + 1);
}

const struct berth_log_v1 cap_log = {
    .size = sizeof cap_log,
    .write = write_line,
};
