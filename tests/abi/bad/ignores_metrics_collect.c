/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.metrics_collect: It crashes where metrics.collect fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    if (good->metrics && good->metrics->collect(good->host, collect, good, error) == BERTH_E_LIMIT) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
