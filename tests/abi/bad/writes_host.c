/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.host: It writes into its struct berth_host. */
#include "skeleton.h"

static void stopped(struct good *good) {
    ((struct berth_host *)(uintptr_t)good->host)->abi_minor++;
}

GOOD_PLUGIN(.stop = stopped);
