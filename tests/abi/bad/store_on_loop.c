/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.threads: It reads the store on a loop. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    const struct berth_document *document = NULL;
    if (good->store->get(good->host, GOOD_INDEX, BERTH_STR("1"), &document, NULL) == BERTH_OK) {
        good->store->document_release(document);
    }
    good_answer(good, request, view);
}

GOOD_PLUGIN(.answer = answer);
