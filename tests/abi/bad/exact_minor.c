/* SPDX-License-Identifier: Apache-2.0 */
/* @check versions.newer_minor: It takes no other minor than its own. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    return good->host->abi_minor == BERTH_ABI_MINOR ? BERTH_OK : BERTH_E_UNSUPPORTED;
}

GOOD_PLUGIN(.create = created);
