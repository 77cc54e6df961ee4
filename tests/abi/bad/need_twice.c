/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.capability_twice: It names a capability twice. */
#define GOOD_ALSO_NEEDS {BERTH_STR_INIT(BERTH_ROUTES_ID), BERTH_NEED_REQUIRED, 0},
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
