/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Housekeeping: every now and then, as a setting says, a worker puts tasks and models right.
 *
 * Its timer belongs to the first loop; the work is a worker's, one at a time.
 */
#ifndef ML_REMOTE_HOUSEKEEPING_H
#define ML_REMOTE_HOUSEKEEPING_H

#include "plugin/ml_remote/plugin.h"

int32_t ml_housekeeping_create(struct ml_plugin *plugin, struct ml_housekeeping **out_housekeeping,
                               struct berth_error *error);
/* NULL is allowed. */
void ml_housekeeping_destroy(struct ml_housekeeping *housekeeping);

/* On each loop: in its start, after a change of its settings, in its stop. */
int32_t ml_housekeeping_start(struct ml_loop *loop, struct berth_error *error);
void ml_housekeeping_follow(struct ml_loop *loop);
void ml_housekeeping_stop(struct ml_loop *loop);

#endif
