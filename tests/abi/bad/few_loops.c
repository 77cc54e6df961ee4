/* SPDX-License-Identifier: Apache-2.0 */
/* @check lifecycle.many_loops: It has room for eight loops. */
#include "skeleton.h"

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)loop;
    (void)error;
    return good->loop->current(good->host) < 8 ? BERTH_OK : BERTH_E_LIMIT;
}

GOOD_PLUGIN(.loop_start = loop_started);
