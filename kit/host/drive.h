/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a plugin through its life, in the order of BERTH_LIFECYCLE_TABLE.
 */
#ifndef KIT_HOST_DRIVE_H
#define KIT_HOST_DRIVE_H

#include "kit/host/request.h"

/* Loads the plugin and makes a host for it. Fails the check, and gives NULL, where that fails. */
struct kit_host *kit_host_open(struct kit_run *run, const struct kit_config *config);

/* Unloads it, accounts for what is left, and frees the host. NULL is allowed. */
void kit_host_close(struct kit_host *host);

/* What an error object is before a call, and what is to be said of it after one that gave code. */
void kit_error_prepare(struct berth_error *error);
void kit_judge_call(const char *call, int32_t code, const struct berth_error *error);

/* The single calls. A failing one is judged: its code, what it wrote into the error. */
int32_t kit_host_create(struct kit_host *host);
int32_t kit_host_start(struct kit_host *host);
/* The settings in force, and a context on the first count loops. */
int32_t kit_host_start_loops(struct kit_host *host, uint32_t count);
void kit_host_serve(struct kit_host *host);

/* create, start, the loops and serve; the first code that is not BERTH_OK. */
int32_t kit_host_up(struct kit_host *host);

/* From SERVING to DRAINING, and waits for the requests; else nothing. */
void kit_host_drain(struct kit_host *host);

/* From any state to DESTROYED; what it had saved all of, it saves the rest of. */
void kit_host_down(struct kit_host *host);

#endif
