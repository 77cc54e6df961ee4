/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_get: It crashes where store.get fails. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_document *document = NULL;
    int32_t code = good->store->get(good->host, GOOD_INDEX, BERTH_STR("none"), &document, NULL);
    if (code != BERTH_E_NOT_FOUND) {
        abort();
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
