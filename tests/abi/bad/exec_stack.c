/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.executable_stack: It is linked so that stacks are executable. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
