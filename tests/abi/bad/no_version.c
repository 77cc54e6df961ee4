/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.version: It has no version. */
#define GOOD_VERSION {NULL, 0}
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
