/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.interpose: It puts itself before other libraries. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
