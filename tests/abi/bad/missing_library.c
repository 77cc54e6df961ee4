/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.libraries: It needs a library that is nowhere. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
