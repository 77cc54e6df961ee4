/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.tables: It writes into the table of a capability. */
#include "skeleton.h"

static void stopped(struct good *good) {
    ((struct berth_routes_v1 *)(uintptr_t)good->routes)->reserved = 1;
}

GOOD_PLUGIN(.stop = stopped);
