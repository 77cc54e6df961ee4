/* SPDX-License-Identifier: Apache-2.0 */
/* @check versions.larger_host: It takes no larger berth_host. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    uint64_t tail = 0;
    if (good->host->size > sizeof *good->host) {
        memcpy(&tail, good->host + 1, sizeof tail);
    }
    return good->host->size == sizeof *good->host || tail ? BERTH_OK : BERTH_E_UNSUPPORTED;
}

GOOD_PLUGIN(.create = created);
