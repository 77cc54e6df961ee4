/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.reserved: It sets a flag that has no meaning. */
#define GOOD_FLAGS 4
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
