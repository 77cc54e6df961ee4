/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.documents: It does not release a document. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_document *document = NULL;
    struct berth_write write = {.size = sizeof write,
                                .op = BERTH_WRITE_PUT,
                                .index = GOOD_INDEX,
                                .id = BERTH_STR("1"),
                                .source = BERTH_STR("{}")};
    (void)good->store->write(good->host, &write, 1, NULL, NULL);
    (void)good->store->get(good->host, GOOD_INDEX, write.id, &document, NULL);
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
