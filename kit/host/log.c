/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include <inttypes.h>

static void write_line(const struct berth_host *face, uint32_t level, struct berth_str event,
                       const struct berth_log_field *fields, uint32_t field_count) {
    (void)kit_enter(kit_host_of(face), KIT_FN_berth_log_v1_write);
    if (level < BERTH_LOG_DEBUG || level > BERTH_LOG_ERROR || base_str_empty(event)) {
        kit_blame(KIT_BLAME_LOG, "a line of the log has level %" PRIu32 " and event [" BASE_FMT "]",
                  level, BASE_ARG(event));
    }
    for (uint32_t i = 0; i < field_count; i++) {
        if (base_str_empty(fields[i].name)) {
            kit_blame(KIT_BLAME_LOG, "field %" PRIu32 " of [" BASE_FMT "] has no name", i,
                      BASE_ARG(event));
        }
    }
}

const struct berth_log_v1 kit_log_v1 = {
    .size = sizeof kit_log_v1,
    .write = write_line,
};
