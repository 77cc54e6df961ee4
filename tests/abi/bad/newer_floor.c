/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.floor: It needs a later minor. */
#define GOOD_MINOR 9
#define GOOD_FLOOR 9
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
