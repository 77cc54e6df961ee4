/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.size: Its descriptor says that it is smaller than any that was published. */
#define GOOD_SIZE 112
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
