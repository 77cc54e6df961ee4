/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.signals: It sets a signal handler. */
#include "skeleton.h"

#include <signal.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)signal(SIGUSR1, SIG_IGN);
    }
}

GOOD_PLUGIN(.stop = stopped);
