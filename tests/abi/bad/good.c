/* SPDX-License-Identifier: Apache-2.0 */
/* The twin of all bad plugins: nothing is wrong with it. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
