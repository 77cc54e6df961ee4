/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.component: The length of its component is beyond the file. */
#define GOOD_COMPONENT {"good", (uint64_t)1 << 40}
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
