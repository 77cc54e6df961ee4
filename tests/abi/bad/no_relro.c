/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.relro: Its constants stay writable. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
