/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.undefined: It calls a function that only the host has. */
#include "skeleton.h"

void berth_host_log(const char *text);

static void stopped(struct good *good) {
    (void)good;
    berth_host_log("stopped");
}

GOOD_PLUGIN(.stop = stopped);
