/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.description: Its description is no UTF-8. */
#define GOOD_DESCRIPTION BERTH_STR_INIT("caf\xe9")
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
