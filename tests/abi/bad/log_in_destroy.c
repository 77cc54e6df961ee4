/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.after_stop: It writes a line of the log in destroy. */
#include "skeleton.h"

static void destroyed(struct good *good) {
    if (good->log) {
        good->log->write(good->host, BERTH_LOG_INFO, BERTH_STR("good_gone"), NULL, 0);
    }
}

GOOD_PLUGIN(.destroy = destroyed);
