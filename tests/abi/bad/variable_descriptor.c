/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.constant: Its descriptor is a variable. */
#define GOOD_CONST
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
