/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_watch: It crashes where store.watch fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    if (good->store->watch(good->host, GOOD_INDEX, seen, good, NULL)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
