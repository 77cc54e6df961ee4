/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/trace_context.h"

/* version-trace-parent-flags, in lower-case hexadecimal digits */
#define PARENT_FORM "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx"
#define PARENT_LENGTH (sizeof PARENT_FORM - 1)
#define TRACE_START 3
#define TRACE_END 35
#define SPAN_START 36
#define SPAN_END 52

static bool is_zero(struct berth_str digits) {
    for (uint64_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] != '0') {
            return false;
        }
    }
    return true;
}

bool ml_trace_parent_is(struct berth_str text) {
    /* A later version may have more behind a dash; the version ff is none. */
    if (text.len < PARENT_LENGTH || base_str_starts(text, BERTH_STR("ff")) ||
        (text.len > PARENT_LENGTH &&
         (base_str_starts(text, BERTH_STR("00")) || text.ptr[PARENT_LENGTH] != '-'))) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        bool fits = i >= PARENT_LENGTH ? c > ' ' && c < 0x7f
                                       : (PARENT_FORM[i] == 'x' ? digit : c == PARENT_FORM[i]);
        if (!fits) {
            return false;
        }
    }
    return text.len <= ML_TRACE_STATE_MAX &&
           !is_zero(base_str_slice(text, TRACE_START, TRACE_END)) &&
           !is_zero(base_str_slice(text, SPAN_START, SPAN_END));
}

static bool is_state(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len <= ML_TRACE_STATE_MAX;
}

void ml_trace_context_read(const struct ml_plugin *plugin, struct berth_request *request,
                           struct ml_trace_context *out) {
    *out = (struct ml_trace_context){0};
    if (plugin->routes->header(request, BERTH_STR("traceparent"), &out->parent) ||
        !ml_trace_parent_is(out->parent)) {
        out->parent = base_str(NULL, 0);
        return;
    }
    if (plugin->routes->header(request, BERTH_STR("tracestate"), &out->state) ||
        !is_state(out->state)) {
        out->state = base_str(NULL, 0);
    }
}
