/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.symbol: Its descriptor has another name. */
#define GOOD_SYMBOL "not_berth_plugin"
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
