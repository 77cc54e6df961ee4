/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.capability_flags: It sets a flag of a capability that has no meaning. */
#define GOOD_ALSO_NEEDS {BERTH_STR_INIT("berth.unknown/1"), 6, 0},
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
