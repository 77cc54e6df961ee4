/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/log.h"

#include "base/clock.h"
#include "base/json_write.h"

#include <stdio.h>
#include <unistd.h>

static const char *const level_names[] = {"", "debug", "info", "warn", "error"};

void log_init(struct log *log, int fd, uint32_t level) {
    log->fd = fd;
    log->level = level;
    (void)pthread_mutex_init(&log->lock, NULL);
}

void log_deinit(struct log *log) {
    (void)pthread_mutex_destroy(&log->lock);
}

uint32_t log_level_from(struct berth_str name) {
    for (uint32_t i = 1; i < BASE_COUNT(level_names); i++) {
        if (base_str_is(name, level_names[i])) {
            return i;
        }
    }
    return 0;
}

static void put_time(struct base_buf *line) {
    uint64_t now = base_wall_ms();
    time_t seconds = (time_t)(now / BASE_MS_PER_S);
    struct tm utc;
    char text[32];
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    json_key(line, "time");
    base_buf_format(line, "\"%s.%03uZ\"", text, (unsigned)(now % BASE_MS_PER_S));
}

void log_write(struct log *log, uint32_t level, struct berth_str event,
               const struct berth_log_field *fields, uint32_t field_count) {
    if (level < log->level || level >= BASE_COUNT(level_names)) {
        return;
    }
    BASE_BUF_AUTO line;
    base_buf_init(&line, LOG_LINE_MAX);
    json_open_object(&line);
    put_time(&line);
    json_member_cstr(&line, "level", level_names[level]);
    json_member_string(&line, "event", event);
    if (line.error) {
        return; /* without its head a line is none */
    }
    for (uint32_t i = 0; i < field_count; i++) {
        size_t before = line.len;
        json_key_str(&line, fields[i].name);
        json_put_string(&line, fields[i].value);
        if (line.error || line.max - line.len < 4) {
            /* What does not fit is left out; the line stays JSON. */
            line.error = BERTH_OK;
            line.len = before;
        }
    }
    base_buf_cstr(&line, "}\n");
    if (line.error) {
        return;
    }
    (void)pthread_mutex_lock(&log->lock);
    for (size_t done = 0; done < line.len;) {
        ssize_t n = write(log->fd, line.ptr + done, line.len - done);
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    (void)pthread_mutex_unlock(&log->lock);
}
