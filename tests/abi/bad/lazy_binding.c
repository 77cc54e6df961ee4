/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.binding: Its functions are bound when they are first called. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
