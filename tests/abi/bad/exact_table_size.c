/* SPDX-License-Identifier: Apache-2.0 */
/* @check versions.larger_tables: It takes no larger tables. */
#include "skeleton.h"

static int32_t created(struct good *good, struct berth_error *error) {
    (void)error;
    return good->routes->size == sizeof *good->routes ? BERTH_OK : BERTH_E_UNSUPPORTED;
}

GOOD_PLUGIN(.create = created);
