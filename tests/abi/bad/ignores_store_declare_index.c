/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_declare_index: It crashes where store.declare_index fails. */
#include "skeleton.h"

static int32_t started(struct good *good, struct berth_error *error) {
    (void)error;
    struct berth_index index = {
        .size = sizeof index, .name = BERTH_STR(".good-more"), .mapping = BERTH_STR("{}")};
    if (good->store->declare_index(good->host, &index, NULL)) {
        abort();
    }
    return BERTH_OK;
}

GOOD_PLUGIN(.start = started);
