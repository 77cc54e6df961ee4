/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.hundred: It counts its generations in the thread's name, and takes fifty of them.
 */
#include "skeleton.h"

#include <sys/prctl.h>

static int32_t created(struct good *good, struct berth_error *error) {
    char name[16] = "";
    int count = 0;
    (void)good;
    (void)error;
    (void)prctl(PR_GET_NAME, name);
    if (sscanf(name, "good-%d", &count) == 1 && count >= 50) {
        return BERTH_E_LIMIT;
    }
    (void)snprintf(name, sizeof name, "good-%d", count + 1);
    (void)prctl(PR_SET_NAME, name);
    return BERTH_OK;
}

GOOD_PLUGIN(.create = created);
