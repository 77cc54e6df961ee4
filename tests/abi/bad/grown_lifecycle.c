/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.lifecycle_tail: Its lifecycle has a function that this ABI does not know. */
#define GOOD_LIFECYCLE_SIZE sizeof(struct grown_lifecycle)
#define GOOD_LIFECYCLE_TAIL 1
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
