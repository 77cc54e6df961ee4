/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.nodes_watch: It crashes where nodes.watch fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    if (good->nodes->watch(good->host, nodes_seen, good)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
