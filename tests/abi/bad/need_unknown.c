/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.capability_known: It requires a capability that there is not. */
#define GOOD_ALSO_NEEDS {BERTH_STR_INIT("berth.teleport/1"), BERTH_NEED_REQUIRED, 0},
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
