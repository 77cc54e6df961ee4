/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_write: It crashes where store.write fails. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    struct berth_write write = {.size = sizeof write,
                                .op = BERTH_WRITE_PUT,
                                .index = GOOD_INDEX,
                                .id = BERTH_STR("1"),
                                .source = BERTH_STR("{}")};
    if (good->store->write(good->host, &write, 1, NULL, NULL)) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
