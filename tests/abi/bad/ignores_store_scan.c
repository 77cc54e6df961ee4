/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_scan: It crashes where store.scan fails. */
#include "skeleton.h"

static int32_t look(void *user, const struct berth_document *document) {
    (void)user;
    (void)document;
    return 0;
}

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    if (good->store->scan(good->host, GOOD_INDEX, look, NULL, NULL)) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
