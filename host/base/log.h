/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structured log: one JSON object a line, to a file descriptor.
 *
 * A line is an event, named by a constant, and fields. Whoever owns a user's action logs it, once;
 * library code returns errors instead. No line holds a secret or a body. Any thread may log.
 */
#ifndef HOST_BASE_LOG_H
#define HOST_BASE_LOG_H

#include <berth/log.h>
#include <pthread.h>

#include "base/str.h"

struct log {
    int fd;
    uint32_t level;
    pthread_mutex_t lock;
};

/* A line is cut to this many bytes. */
#define LOG_LINE_MAX 8192

/* level: the lowest that is written, BERTH_LOG_DEBUG to BERTH_LOG_ERROR. The fd stays open. */
void log_init(struct log *log, int fd, uint32_t level);
void log_deinit(struct log *log);

/* "debug", "info", "warn", "error"; 0 for another text. */
uint32_t log_level_from(struct berth_str name);

void log_write(struct log *log, uint32_t level, struct berth_str event,
               const struct berth_log_field *fields, uint32_t field_count);

/* LOG(log, BERTH_LOG_INFO, "listening", LOG_FIELD("address", text), …) */
#define LOG_FIELD(name, view) {BERTH_STR_INIT(name), (view)}
#define LOG(log, level, event, ...)                                                                \
    log_write((log), (level), BERTH_STR(event), (const struct berth_log_field[]){__VA_ARGS__},     \
              (uint32_t)BASE_COUNT(((const struct berth_log_field[]){__VA_ARGS__})))

#endif
