/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.name: Its name has a space. */
#define GOOD_NAME BERTH_STR_INIT("Not A Name")
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
