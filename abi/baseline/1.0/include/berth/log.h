/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.log/1: the host's structured log.
 *
 * A line is an event, named by a constant, and fields. It holds no secret: neither a credential
 * nor a body of a request or an answer.
 */
#ifndef BERTH_LOG_H
#define BERTH_LOG_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_LOG_ID "berth.log/1"

struct berth_host;

#define BERTH_LOG_DEBUG 1u
#define BERTH_LOG_INFO 2u
#define BERTH_LOG_WARN 3u
#define BERTH_LOG_ERROR 4u

struct berth_log_field {
    struct berth_str name;
    struct berth_str value;
};
BERTH_ASSERT_SIZE(struct berth_log_field, 32);

struct berth_log_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Writes a line. The host adds time, node, plugin and generation.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner borrows everything until return
     * @errors none
     */
    void (*write)(const struct berth_host *host, uint32_t level, struct berth_str event,
                  const struct berth_log_field *fields, uint32_t field_count);
};
BERTH_ASSERT_SIZE(struct berth_log_v1, 16);
BERTH_ASSERT_OFFSET(struct berth_log_v1, write, 8);

BERTH_EXTERN_C_END

#endif
