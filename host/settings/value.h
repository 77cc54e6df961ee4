/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One declared setting: its type, bounds and default, and reading texts by them. Internal to
 * host/settings.
 */
#ifndef HOST_SETTINGS_VALUE_H
#define HOST_SETTINGS_VALUE_H

#include "host/settings/settings.h"

struct setting_def {
    struct berth_setting setting; /* its texts are in the arena */
    const char *owner;
    struct setting_def *older; /* of an earlier generation of the owner; NULL: none */
    struct base_arena arena;
};

/* Copies a declaration; its default must be a value that it would accept. */
int32_t setting_def_create(const struct berth_setting *setting, const char *owner,
                           struct setting_def **out_def, struct berth_error *error);
void setting_def_destroy(struct setting_def *def);

/* Whether a value is of the type and within the bounds. */
int32_t setting_check(const struct setting_def *def, const struct setting_value *value,
                      struct berth_error *error);

int32_t setting_read_int(const struct setting_def *def, const struct setting_value *value,
                         int64_t *out_value);
int32_t setting_read_float(const struct setting_def *def, const struct setting_value *value,
                           double *out_value);

/* Appends {"type": …, "default": …, "dynamic": …, "description": …}. */
void setting_def_write(const struct setting_def *def, struct base_buf *out);

#endif
