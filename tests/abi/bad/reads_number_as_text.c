/* SPDX-License-Identifier: Apache-2.0 */
/* @check settings.reading: It reads a number as text. */
#include "skeleton.h"

static void changed_limit(struct good *good, const struct berth_settings_view *view) {
    struct berth_str text = {NULL, 0};
    (void)good->settings->get_text(view, GOOD_LIMIT, &text);
}

GOOD_PLUGIN(.changed = changed_limit);
