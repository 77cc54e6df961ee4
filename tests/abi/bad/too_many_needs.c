/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.capabilities: It names more capabilities than a host takes. */
#define GOOD_NEED_COUNT 65
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
