/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.documents: It takes every document that it sees for one of its own. */
#include "skeleton.h"

static void seen_documents(struct good *good, const struct berth_change *changes, uint32_t count) {
    (void)good;
    for (uint32_t i = 0; i < count; i++) {
        if (!changes[i].document || changes[i].document->source.len < 3) {
            abort();
        }
    }
}

GOOD_PLUGIN(.seen = seen_documents);
