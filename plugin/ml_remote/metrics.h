/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's metrics: predictions by model, exchanges and connections by remote service.
 */
#ifndef ML_REMOTE_METRICS_H
#define ML_REMOTE_METRICS_H

#include "plugin/ml_remote/plugin.h"

/* In start. Nothing where the host has no metrics. */
int32_t ml_metrics_add(struct ml_plugin *plugin, struct berth_error *error);

#endif
