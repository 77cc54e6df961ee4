/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.leak_settings: What it allocates when a setting changes is never freed. */
#include "skeleton.h"

static void changed_limit(struct good *good, const struct berth_settings_view *view) {
    (void)view;
    good->own = malloc(10);
}

GOOD_PLUGIN(.changed = changed_limit);
