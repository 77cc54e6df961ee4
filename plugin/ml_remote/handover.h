/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this generation knows and no document says, for the one that takes its place: how far rate
 * limits are spent, what is known of the remote services, what was counted, when models were last
 * used. As JSON, whose numbers are added to what the next one has:
 *
 *   {"totals": COUNTS,
 *    "services": [{"origin": "https://...", "figures": [...], "window": [...], "open_ns": 0}],
 *    "limits": [{"model": "...", "user": "...", "spent_ns": 0}],
 *    "idle": [{"model": "...", "ns": 0}],
 *    "models": [{"id": "...", "counts": COUNTS, "latency": [[sum, ...], ...],
 *                "durations": [[ended_ns, request_us, inference_us], ...]}]}
 *
 * Where a list has more than the reader knows, the rest is left; where it has less, it is zero.
 */
#ifndef ML_REMOTE_HANDOVER_H
#define ML_REMOTE_HANDOVER_H

#include "plugin/ml_remote/plugin.h"

/* Of the form above: a larger one where what stands there changes its meaning. */
#define ML_HANDOVER_SCHEMA 1u

struct ml_handover;

/* Says that this plugin hands over, where the host can. In start. */
int32_t ml_handover_declare(struct ml_plugin *plugin, struct berth_error *error);

/* What was handed over is forgotten. In destroy; NULL is allowed. */
void ml_handover_destroy(struct ml_handover *handover);

#endif
