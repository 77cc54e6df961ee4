/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.lifecycle_size: Its lifecycle says that it is smaller than any that was
 * published. */
#define GOOD_LIFECYCLE_SIZE 64
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
