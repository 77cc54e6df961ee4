/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/capability_ids.h"

static const struct berth_str ids[] = {
#define CAPABILITY_ID(name, id) BERTH_STR_INIT(id),
    KIT_CAPABILITIES(CAPABILITY_ID)
#undef CAPABILITY_ID
};

bool kit_capability_is_known(struct berth_str id) {
    for (size_t i = 0; i < BASE_COUNT(ids); i++) {
        if (base_str_eq(ids[i], id)) {
            return true;
        }
    }
    return false;
}

bool kit_capability_is_draft(struct berth_str id) {
    return base_str_starts(id, BERTH_STR("berth.draft."));
}
