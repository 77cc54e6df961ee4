/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.tail: Its descriptor has a field that this ABI does not know. */
#define GOOD_SIZE sizeof(struct grown_descriptor)
#define GOOD_TAIL 1
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
