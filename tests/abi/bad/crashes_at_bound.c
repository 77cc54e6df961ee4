/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.changes: It crashes when a setting is changed to its upper bound. */
#include "skeleton.h"

static void changed_limit(struct good *good, const struct berth_settings_view *view) {
    (void)view;
    if (atomic_load(&good->limit) == 1000) {
        abort();
    }
}

GOOD_PLUGIN(.changed = changed_limit);
