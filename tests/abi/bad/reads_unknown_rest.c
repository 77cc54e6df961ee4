/* SPDX-License-Identifier: Apache-2.0 */
/* @check versions.unknown_rest: It takes what is beyond its berth_host for an address. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    const volatile char *address = NULL;
    if (good->host->size > sizeof *good->host) {
        memcpy(&address, good->host + 1, sizeof address);
    }
    return address && *address == 'x' ? BERTH_E_UNSUPPORTED : BERTH_OK;
}

GOOD_PLUGIN(.create = created);
