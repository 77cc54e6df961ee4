/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks found, and the report of it.
 */
#include "kit/probe/probe.h"

#include <stdarg.h>

static const struct {
    const char *id;
    const char *text;
} checks[] = {
#define CHECK_ROW(name, id, text) {id, text},
    CHECKS(CHECK_ROW)
#undef CHECK_ROW
};

/* ---- noting ---- */

void probe_expect(struct probe *p, enum check check, int ok, const char *format, ...) {
    (void)pthread_mutex_lock(&p->lock);
    struct outcome *o = &p->outcomes[check];
    if (o->tried++ == 0) {
        o->reason[0] = '\0';
    }
    if (!ok && o->failed++ == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(o->reason, sizeof o->reason, format, args);
        va_end(args);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

void probe_skip(struct probe *p, const char *group, const char *reason) {
    (void)pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < CHECK_COUNT; i++) {
        struct outcome *o = &p->outcomes[i];
        if (!o->tried && strncmp(checks[i].id, group, strlen(group)) == 0) {
            (void)snprintf(o->reason, sizeof o->reason, "%s", reason);
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
}

int probe_rest_is_zero(const void *object, size_t known) {
    uint32_t size = 0;
    memcpy(&size, object, sizeof size);
    for (size_t i = known; i < size; i++) {
        if (((const unsigned char *)object)[i]) {
            return 0;
        }
    }
    return size >= known;
}

int probe_is_text(struct berth_str text, const char *wanted) {
    return text.len == strlen(wanted) && (!text.len || memcmp(text.ptr, wanted, text.len) == 0);
}

/* ---- answers ---- */

void probe_answer(struct probe *p, struct berth_request *request, const char *text) {
    const struct berth_str body = {text, strlen(text)};
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    (void)p->routes->reply(request, &reply);
}

static void put_report(struct probe *p, char *out, size_t size) {
    uint32_t counts[3] = {0, 0, 0};
    size_t at = (size_t)snprintf(out, size, "{\"checks\":[");
    (void)pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < CHECK_COUNT; i++) {
        const struct outcome *o = &p->outcomes[i];
        uint32_t result = !o->tried ? 2 : o->failed ? 1 : 0;
        static const char *const names[] = {"ok", "failed", "untried"};
        counts[result]++;
        at +=
            (size_t)snprintf(out + at, size - at,
                             "%s{\"name\":\"%s\",\"result\":\"%s\",\"required\":\"%s\","
                             "\"reason\":\"%s\"}",
                             i ? "," : "", checks[i].id, names[result], checks[i].text, o->reason);
    }
    (void)pthread_mutex_unlock(&p->lock);
    (void)snprintf(out + at, size - at,
                   "],\"ok\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"untried\":%" PRIu32 "}",
                   counts[0], counts[1], counts[2]);
}

void probe_get_report(void *user, struct berth_request *request,
                      const struct berth_request_view *view) {
    struct probe *p = user;
    char *text = malloc(CHECK_COUNT * 512);
    (void)view;
    (void)pthread_mutex_lock(&p->lock);
    uint32_t replied = p->replied;
    uint32_t released = p->released;
    (void)pthread_mutex_unlock(&p->lock);
    if (replied) {
        probe_expect(p, CHECK_RELEASE, released == replied,
                     "%" PRIu32 " replies were released %" PRIu32 " times", replied, released);
    }
    if (text) {
        put_report(p, text, CHECK_COUNT * 512);
        probe_answer(p, request, text);
    } else {
        probe_answer(p, request, "{}");
    }
    free(text);
}

void probe_log(struct probe *p) {
    uint32_t failed = 0;
    for (uint32_t i = 0; i < CHECK_COUNT && p->log; i++) {
        const struct outcome *o = &p->outcomes[i];
        const struct berth_log_field fields[] = {
            {BERTH_STR_INIT("check"), {checks[i].id, strlen(checks[i].id)}},
            {BERTH_STR_INIT("reason"), {o->reason, strlen(o->reason)}}};
        if (o->failed) {
            failed++;
            p->log->write(p->host, BERTH_LOG_ERROR, BERTH_STR("abi_probe_failed"), fields, 2);
        }
    }
    if (p->log && !failed) {
        p->log->write(p->host, BERTH_LOG_INFO, BERTH_STR("abi_probe_content"), NULL, 0);
    }
}
