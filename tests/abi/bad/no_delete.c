/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.no_delete: It is linked so that it is never unloaded. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
