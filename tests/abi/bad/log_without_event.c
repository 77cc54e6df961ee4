/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.log: It writes a line of the log without an event. */
#include "skeleton.h"

static void served(struct good *good) {
    if (good->log) {
        good->log->write(good->host, BERTH_LOG_INFO, BERTH_STR(""), NULL, 0);
    }
}

GOOD_PLUGIN(.serve = served);
