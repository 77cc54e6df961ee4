/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.lifecycle: It has no lifecycle. */
#define GOOD_LIFECYCLE NULL
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
