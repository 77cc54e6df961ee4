/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.optional_missing: It fails without what it calls optional. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    return good->log ? BERTH_OK : BERTH_E_UNSUPPORTED;
}

GOOD_PLUGIN(.create = created);
