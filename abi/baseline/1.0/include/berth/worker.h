/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.worker/1: threads of the host on which a plugin's work may block.
 */
#ifndef BERTH_WORKER_H
#define BERTH_WORKER_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_WORKER_ID "berth.worker/1"

struct berth_host;

/*
 * Work that may block.
 * @thread worker
 * @state STARTED SERVING DRAINING
 * @owner nothing changes hands
 * @errors none
 */
typedef void (*berth_worker_fn)(void *user);

struct berth_worker_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Has fn run once on the worker pool. The plugin is not stopped before fn has returned.
     * @thread any
     * @state STARTED SERVING DRAINING
     * @owner borrows user until fn has returned
     * @errors STATE LIMIT NO_MEMORY
     */
    int32_t (*submit)(const struct berth_host *host, berth_worker_fn fn, void *user);
};
BERTH_ASSERT_SIZE(struct berth_worker_v1, 16);
BERTH_ASSERT_OFFSET(struct berth_worker_v1, submit, 8);

BERTH_EXTERN_C_END

#endif
