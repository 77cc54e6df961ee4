/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.texts: It does not release what a search gave. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_text *found = NULL;
    struct berth_search search = {
        .size = sizeof search, .index = GOOD_INDEX, .body = BERTH_STR("{}")};
    (void)good->store->search(good->host, &search, &found, NULL);
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
