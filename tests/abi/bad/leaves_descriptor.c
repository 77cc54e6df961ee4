/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.descriptors: It leaves a file open. */
#include "skeleton.h"

#include <fcntl.h>

static int32_t created(struct good *good, struct berth_error *error) {
    (void)good;
    (void)error;
    return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? BERTH_E_IO : BERTH_OK;
}

GOOD_PLUGIN(.create = created);
