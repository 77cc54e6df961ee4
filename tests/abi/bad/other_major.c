/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.major: It is built for another major ABI. */
#define GOOD_MAJOR 2
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
