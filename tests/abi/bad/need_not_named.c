/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.declared: It asks for a capability that its descriptor does not name. */
#define GOOD_HIDES_LOG
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
