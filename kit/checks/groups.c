/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/groups.h"

const struct kit_group kit_groups[] = {
#define KIT_GROUP_ROW(name, text) {#name, text, kit_##name##_checks, &kit_##name##_count},
    KIT_GROUPS(KIT_GROUP_ROW)
#undef KIT_GROUP_ROW
};
const uint32_t kit_group_count = BASE_COUNT(kit_groups);
