/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.capability_ids: It names a capability without its revision. */
#define GOOD_ALSO_NEEDS {BERTH_STR_INIT("berth.routes"), BERTH_NEED_OPTIONAL, 0},
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
