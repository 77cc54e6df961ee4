/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_index_info: It crashes where store.index_info fails. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    struct berth_index_info info = {.size = sizeof info};
    if (good->store->index_info(good->host, GOOD_INDEX, &info, NULL)) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
