/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.store_search: It crashes where store.search fails. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_text *found = NULL;
    struct berth_search search = {
        .size = sizeof search, .index = GOOD_INDEX, .body = BERTH_STR("{}")};
    if (good->store->search(good->host, &search, &found, NULL)) {
        abort();
    }
    good->store->text_release(found);
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
