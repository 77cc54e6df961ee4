/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.capability_drafts: It requires a draft. */
#define GOOD_ALSO_NEEDS {BERTH_STR_INIT("berth.draft.filters/1"), BERTH_NEED_REQUIRED, 0},
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
