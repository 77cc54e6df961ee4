/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.calls: It has no stop. */
#define GOOD_STOP NULL
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
